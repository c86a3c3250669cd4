"""Several pieces of work one after the other: a failure stops nothing, and whoever asks is told of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

from spinal_tf.errors import DeviceError, RequirementError, WeightsError

SAME_FOR_ALL = (WeightsError, DeviceError, RequirementError)
"""Failures that are no case's own: the next one would only repeat them."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A piece of work that is done, or has failed.

    Attributes:
        name: of the case.
        number: of the piece of work, from 1.
        total: how many there are.
        seconds_left: the mean time so far times the number of those that are left.
        words: what the work says of its result; empty where it failed.
        error: why it failed; None where it is done.
    """

    name: str
    number: int
    total: int
    seconds_left: float
    words: str = ""
    error: Exception | None = None


Tell = Callable[[Finished], None]


def tell_nobody(news: object) -> None:
    """Tell nobody."""


def run_one_by_one(todo: Mapping[str, Callable[[], str]], tell: Tell = tell_nobody) -> dict[str, Exception]:
    """Do several pieces of work, whatever becomes of each.

    Args:
        todo: by name of the case; each returns a line about its result.
        tell: called after each; after a failure while its exception is being handled.

    Returns:
        The failures, by name.

    Raises:
        WeightsError: every case would fail alike; also DeviceError and RequirementError.
    """
    failed: dict[str, Exception] = {}
    start = perf_counter()

    def finished(name: str, number: int, *, words: str = "", error: Exception | None = None) -> Finished:
        left = (perf_counter() - start) / number * (len(todo) - number)
        return Finished(name=name, number=number, total=len(todo), seconds_left=left, words=words, error=error)

    for number, (name, work) in enumerate(todo.items(), start=1):
        try:
            words = work()
        except SAME_FOR_ALL:
            raise
        except Exception as error:  # noqa: BLE001 - told at once, returned in the end, and the next case is tried
            failed[name] = error
            tell(finished(name, number, error=error))
        else:
            tell(finished(name, number, words=words))
    return failed
