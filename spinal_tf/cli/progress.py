"""Progress of the work: a bar on terminals, and a line now and then elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import click

SECONDS_BETWEEN_LINES = 30.0
"""Time between two lines in a log."""

BAR = 1000
"""Number of steps of a bar that shows a share."""

Show = Callable[[float, str], None]
"""Function that is called with the finished share of the work, 0 to 1, and words about its state."""


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show the progress of a number of items while the block runs; see `progress_share`.

    Yields:
        The function to call with the number of finished items and the total.
    """
    with progress_share(label) as show:
        yield lambda done, total: show(done / total, f"{done}/{total}")


@contextmanager
def progress_share(label: str) -> Iterator[Show]:
    """Show progress on standard error while the block runs: a bar on terminals, a line every 30 s elsewhere.

    Yields:
        The function to call with the finished share and words about the state.
    """
    if not sys.stderr.isatty():
        yield _Lines(label)
        return
    with click.progressbar(length=BAR, label=label, file=sys.stderr, item_show_func=lambda words: words) as bar:
        yield lambda share, words: bar.update(round(BAR * share) - bar.pos, words)


class _Lines:
    """Lines for a log file, at most one every `SECONDS_BETWEEN_LINES`."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._last = monotonic()
        self._first: tuple[float, float] | None = None

    def __call__(self, share: float, words: str) -> None:
        now = monotonic()
        if self._first is None:
            self._first = now, share  # a resumed training does not start at 0
        if now - self._last < SECONDS_BETWEEN_LINES:
            return
        self._last = now
        click.echo(f"{self._label}: {words}, {share:.0%} done{self._left(now, share)}", err=True)

    def _left(self, now: float, share: float) -> str:
        """Return the remaining time in words, by the speed since the first call."""
        start, first = self._first or (now, share)
        if share <= first or share >= 1:
            return ""
        return f", about {duration((now - start) / (share - first) * (1 - share))} left"


def duration(seconds: float) -> str:
    """Return a remaining time in words."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
