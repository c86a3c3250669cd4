"""Run the same work on many items in threads, for work that waits for files or runs outside Python's lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from spinal_tf.cores import usable_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

Progress = Callable[[int, int], None]
"""Callback with the number of items done and the total, called in the calling thread as soon as each is done."""

MOST_THREADS = 8
"""Maximum number of threads; more would hold too many images in memory for a small machine."""


def map_threads(
    work: Callable[[Item], Result], items: Sequence[Item], *, progress: Progress | None = None
) -> list[Result]:
    """Do the work on every item in parallel threads.

    Args:
        work: function of one item, independent of the other items.
        items: items to work on.
        progress: called after every finished item.

    Returns:
        The results in the order of the items. After an error no new work starts; of several errors, that of the first
        item is raised.
    """
    executor = ThreadPoolExecutor(min(MOST_THREADS, usable_cores()))
    try:
        futures = [executor.submit(work, item) for item in items]
        for done, future in enumerate(as_completed(futures), start=1):
            if future.exception():
                break
            if progress:
                progress(done, len(items))
    finally:
        executor.shutdown(cancel_futures=True)  # no new work starts, even after Ctrl-C
    # Cancelled items come after all items that failed.
    return [future.result() for future in futures]
