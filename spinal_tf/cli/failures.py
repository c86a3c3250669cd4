"""What the terminal says when something fails, and how a termination by the system becomes an orderly end."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

from spinal_tf.errors import SpinalTfError

DEBUG = "spinal_tf.debug"
"""Key in the context's ``meta``."""


class Terminated(KeyboardInterrupt):
    """The system asked this process to end (SIGTERM); to be treated as Ctrl-C is."""


def sentence(error: Exception) -> str:
    """What a person is told of an error, in one line."""
    if isinstance(error, SpinalTfError):
        return str(error)
    fault = " ".join(f"{type(error).__name__}: {error}".split())
    return f"an error of ours: {fault}; run again with --debug and report what it prints"


def complain(words: str) -> None:
    """Print a line on standard error; while an error is being handled, its trace before that, where asked for."""
    if click.get_current_context().meta.get(DEBUG) and sys.exc_info()[0] is not None:
        traceback.print_exc(file=sys.stderr)
    click.echo(f"spinal-tf: {words}", err=True)


@contextmanager
def orderly_termination() -> Iterator[None]:
    """Turn SIGTERM into `Terminated`, so that whatever cleans up after Ctrl-C cleans up after it, too."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated
