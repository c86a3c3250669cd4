"""Stopwatch for the stages of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Stopwatch:
    """Records how long each stage of a run takes; every report includes the record."""

    def __init__(self, seconds: dict[str, float] | None = None) -> None:
        """Start empty, or continue with the stages of an earlier part of the run."""
        self.seconds: dict[str, float] = {} if seconds is None else seconds

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent in the block to a stage."""
        start = perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start
