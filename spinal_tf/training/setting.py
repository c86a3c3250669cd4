"""What surrounds a training: who is told of it, who may end it, which devices share it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import tensorflow as tf

from spinal_tf.training.validation import Validation
from spinal_tf.training.workers import Workers

Stop = Callable[[], bool]
"""Whether somebody has asked for the end, which then comes after the step that is being done."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a person is told on the way.

    Attributes:
        step: steps done.
        share: of the training done, 0 to 1.
        loss: of the last steps.
        validation: the one just made, if any.
        best: it is better than every one before.
    """

    step: int
    share: float
    loss: float
    validation: Validation | None = None
    best: bool = False


def nobody(report: object) -> None:
    """Tell nobody."""


def never() -> bool:
    """Nobody asks for the end."""
    return False


def nobody_stops() -> AbstractContextManager[Stop]:
    """Listen to nobody."""
    return nullcontext(never)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Surroundings of one training; none of them changes its result but by rounding.

    Attributes:
        report: told of the progress.
        listen: entered while steps are done; what it gives is asked between steps and in validations.
        strategy: from `spinal_tf.training.devices.open_strategy`; None for TensorFlow's current one.
    """

    report: Callable[[Report], None] = nobody
    listen: Callable[[], AbstractContextManager[Stop]] = nobody_stops
    strategy: tf.distribute.Strategy | None = None

    @property
    def devices(self) -> tf.distribute.Strategy:
        """The strategy that is meant."""
        return self.strategy or tf.distribute.get_strategy()

    @property
    def workers(self) -> Workers:
        """The processes of that strategy."""
        return Workers(self.devices)


PLAIN = Setting()
"""One device, and nobody there."""
