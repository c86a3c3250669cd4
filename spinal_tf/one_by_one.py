"""Run several jobs one after the other; a failed job does not stop the others, and each result is reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

from spinal_tf.errors import DeviceError, RequirementError, WeightsError

SAME_FOR_ALL = (WeightsError, DeviceError, RequirementError)
"""Failures that do not depend on the case; every case would fail in the same way."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A job that has succeeded or failed.

    Attributes:
        name: name of the case.
        number: number of the job, from 1.
        total: total number of jobs.
        seconds_left: estimated remaining time in seconds: mean time so far times the number of remaining jobs.
        words: line about the result; empty if the job failed.
        error: exception of a failed job; None if it succeeded.
    """

    name: str
    number: int
    total: int
    seconds_left: float
    words: str = ""
    error: Exception | None = None


Tell = Callable[[Finished], None]


def tell_nobody(news: object) -> None:
    """Ignore a report."""


def run_one_by_one(todo: Mapping[str, Callable[[], str]], tell: Tell = tell_nobody) -> dict[str, Exception]:
    """Run several jobs; a failed job does not stop the others.

    Args:
        todo: jobs by name of the case; each returns a line about its result.
        tell: called after each job; for a failed job, while its exception is being handled.

    Returns:
        The exceptions of failed jobs, by name.

    Raises:
        WeightsError: every case would fail in the same way; also DeviceError and RequirementError.
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
        except Exception as error:  # noqa: BLE001 - reported now and returned at the end; the next case still runs
            failed[name] = error
            tell(finished(name, number, error=error))
        else:
            tell(finished(name, number, words=words))
    return failed
