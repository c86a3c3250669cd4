"""Error messages on the terminal, and orderly termination by signals."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

from spinal_tf.errors import SpinalTfError, StoppedError, in_one_line

DEBUG = "spinal_tf.debug"
"""Key of the ``--debug`` flag in the context's ``meta``."""


READER_GONE = 128 + 13
"""Exit status if standard output was closed, as shells report SIGPIPE."""


class Terminated(KeyboardInterrupt):
    """SIGTERM was received; handled like Ctrl-C."""


def sentence(error: Exception) -> str:
    """Return the message for an error, in one line."""
    advice = "" if isinstance(error, SpinalTfError) else "; run again with --debug and report what it prints"
    return in_one_line(error) + advice


def complain(words: str) -> None:
    """Print a line on standard error; with ``--debug``, print the trace of the error being handled first."""
    if click.get_current_context().meta.get(DEBUG) and sys.exc_info()[0] is not None:
        traceback.print_exc(file=sys.stderr)
    click.echo(f"spinal-tf: {words}", err=True)


@contextmanager
def orderly_termination() -> Iterator[None]:
    """Turn SIGTERM into `Terminated`, so that code that cleans up after Ctrl-C also cleans up after it."""
    with _handlers(_terminate, signal.SIGTERM):
        yield


@contextmanager
def _handlers(handle: Callable[[int, FrameType | None], None], *numbers: int) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def quiet_end_of_pipe() -> Iterator[None]:
    """End without a word if nobody reads the output any more, as after ``| head``."""
    try:
        yield
    except BrokenPipeError:
        _discard_unread_output()
        raise SystemExit(READER_GONE) from None


def _discard_unread_output() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            # Python flushes once more at its end, and would complain.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


STOPPING = b"\nstopping after this step; once more stops at once\n"


@contextmanager
def noted_stop() -> Iterator[Callable[[], bool]]:
    """Note the first Ctrl-C or SIGTERM, so that work can finish its step; a second one stops at once.

    Yields:
        Function that tells whether there was one. A `StoppedError` raised afterwards gets the signal's exit status.
    """
    seen: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if seen:
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
        seen.append(number)
        os.write(2, STOPPING)  # print might be interrupted in the middle of a line

    with _handlers(note, signal.SIGINT, signal.SIGTERM):
        try:
            yield lambda: bool(seen)
        except StoppedError as stopped:
            if seen:
                stopped.exit_code = 128 + seen[0]
            raise
