"""Work on many items in several processes that can be stopped without leaving an item half done."""

from __future__ import annotations

import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

Warn = Callable[[str], None]

Item = TypeVar("Item")
Result = TypeVar("Result")

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that limit linear algebra libraries to one thread per process."""

QUEUED = 2
"""Items submitted per process; few, so that little remains to finish when the work is stopped."""


def map_processes(
    work: Callable[[Item], Result], items: Sequence[Item], *, workers: int, warn: Warn = warnings.warn
) -> Iterator[Result]:
    """Do the work on every item, in new processes if there is more than one worker.

    Args:
        work: module-level function; it is sent to the processes with the items.
        items: items to work on.
        workers: number of processes; 1 for the current process.
        warn: called with a sentence if this machine cannot run several, and the current process does the work.

    Yields:
        The results in order of completion. When Ctrl-C or the error of an item stops the work, running items are
        finished and no further ones are started.
    """
    workers = min(workers, len(items))
    if workers <= 1:
        yield from map(work, items)
        return
    with _single_threaded(), _pool(workers, warn) as pool:
        if pool is None:
            yield from map(work, items)
            return
        rest = iter(items)
        pending: set[Future[Result]] = {pool.submit(work, item) for item in islice(rest, QUEUED * workers)}
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            pending |= {pool.submit(work, item) for item in islice(rest, len(done))}
            for future in sorted(done, key=_failed):
                yield future.result()


def _failed(future: Future[Result]) -> bool:
    return future.exception() is not None


@contextmanager
def _pool(workers: int, warn: Warn) -> Iterator[ProcessPoolExecutor | None]:
    """Yield the processes; None if they cannot share the memory by which they are coordinated."""
    # Spawn new processes: a fork of a process with threads may inherit a lock that is never released.
    context = multiprocessing.get_context("spawn")
    try:
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_ignore_interrupt)
    except (OSError, ImportError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        warn(
            f"/dev/shm cannot be used ({reason}), so one process does the work of {workers} and takes about {workers} "
            "times as long; make it writable and larger to use more"
        )
        yield None
        return
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupt() -> None:
    # Ctrl-C reaches every process of a terminal; the parent decides, the workers finish what they write.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Set the variables for processes started inside, without changing those already set."""
    new = {name: "1" for name in ONE_THREAD if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)
