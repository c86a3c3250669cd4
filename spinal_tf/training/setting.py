"""Surroundings of a training: progress reports, stop requests, and devices."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import spinal_tf.keras_started  # noqa: F401 - before Keras and TensorFlow

import tensorflow as tf

from spinal_tf.training.validation import Validation
from spinal_tf.training.workers import Workers

Stop = Callable[[], bool]
"""Function that returns whether a stop was requested; the training then ends after the current step."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Progress report for the user.

    Attributes:
        step: number of steps done.
        share: share of the training that is done, 0 to 1.
        loss: training loss of the last step; NaN when the best weights are evaluated after it.
        cases: cases done and total of the validation that is running; None between validations.
        validation: the validation just done, if any.
        best: whether this validation is the best so far.
    """

    step: int
    share: float
    loss: float
    cases: tuple[int, int] | None = None
    validation: Validation | None = None
    best: bool = False


def nobody(report: object) -> None:
    """Ignore a report."""


def never() -> bool:
    """Return False: no stop was requested."""
    return False


def nobody_stops() -> AbstractContextManager[Stop]:
    """Return a context without stop requests."""
    return nullcontext(never)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Surroundings of one training; they change its result only by rounding.

    Attributes:
        report: called with the progress.
        listen: context of the training; it yields the function that is checked between steps and during validation.
        strategy: strategy from `spinal_tf.training.devices.open_strategy`; None for TensorFlow's current one.
    """

    report: Callable[[Report], None] = nobody
    listen: Callable[[], AbstractContextManager[Stop]] = nobody_stops
    strategy: tf.distribute.Strategy | None = None

    @property
    def devices(self) -> tf.distribute.Strategy:
        """The strategy in use."""
        return self.strategy or tf.distribute.get_strategy()

    @property
    def workers(self) -> Workers:
        """The processes of the strategy."""
        return Workers(self.devices)


PLAIN = Setting()
"""TensorFlow's current strategy, without reports or stop requests."""
