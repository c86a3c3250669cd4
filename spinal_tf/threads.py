"""The same work on many things at once, where the work waits for files or runs outside Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

Progress = Callable[[int, int], None]
"""Called with how many things are done and how many there are, in the calling thread, as soon as each is done."""

MOST_THREADS = 8
"""More would hold more images in memory than a small machine has."""


def map_threads(
    work: Callable[[Item], Result], items: Sequence[Item], *, progress: Progress | None = None
) -> list[Result]:
    """Do the work on every item in parallel threads.

    Args:
        work: on one item; must not depend on the others.
        items: what to work on.
        progress: told of every finished item.

    Returns:
        The results in the order of the items. An error of the work ends it with the work already begun; of several the
        first item's is raised.
    """
    executor = ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1))
    try:
        futures = [executor.submit(work, item) for item in items]
        for done, future in enumerate(as_completed(futures), start=1):
            if future.exception():
                break
            if progress:
                progress(done, len(items))
    finally:
        executor.shutdown(cancel_futures=True)  # after Ctrl-C, too, nothing further is begun
    # What was not begun comes after all that failed.
    return [future.result() for future in futures]
