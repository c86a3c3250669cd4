"""Length of a training and its learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spinal_tf.training.state import Progress
from spinal_tf.training.training_choices import TrainingOptions

PLATEAU_FACTOR = 0.5
"""Factor by which a plateau lowers the learning rate (the authors' code)."""

LAST_SHARE = 0.01
"""Fraction of the peak rate at the end of the cosine schedule."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """End and learning rate of one training, in steps.

    Attributes:
        steps_per_epoch: number of steps that count as one epoch.
        steps: step at which the training ends; None if only the time limit ends it.
    """

    options: TrainingOptions
    steps_per_epoch: int

    @property
    def steps(self) -> int | None:
        """Step at which the training ends; None if only the time limit ends it."""
        if self.options.steps is not None or self.options.epochs is None:
            return self.options.steps
        return self.options.epochs * self.steps_per_epoch

    @property
    def validation_every(self) -> int:
        """Steps from one validation to the next."""
        return self.options.validation_every or self.steps_per_epoch

    def share_done(self, progress: Progress) -> float:
        """Return the share of the training that is done, 0 to 1."""
        by_steps = progress.step / self.steps if self.steps else 0.0
        by_time = progress.seconds / (60 * self.options.minutes) if self.options.minutes else 0.0
        return min(1.0, max(by_steps, by_time))

    def is_over(self, progress: Progress) -> bool:
        """Return whether the training ends at this point."""
        patience = self.options.patience_epochs
        impatient = patience is not None and progress.step - progress.gain_step >= patience * self.steps_per_epoch
        return self.share_done(progress) >= 1 or impatient

    def rate(self, progress: Progress) -> float:
        """Return the learning rate of the next step."""
        options = self.options
        rising = min(1.0, (progress.step + 1) / options.warm_up_steps) if options.warm_up_steps else 1.0
        if options.schedule == "plateau":
            return options.learning_rate * rising * progress.rate_factor
        falling = 0.5 * (1 + math.cos(math.pi * self.share_done(progress)))
        return options.learning_rate * rising * max(LAST_SHARE, falling)

    def judge(self, progress: Progress, *, gained: bool) -> None:
        """Register a validation: a gain restarts the plateau count, a plateau lowers the rate.

        Args:
            progress: changed in place.
            gained: whether it was the best validation so far.
        """
        if gained:
            progress.gain_step = progress.waiting_step = progress.step
        elif progress.step - progress.waiting_step >= self.options.plateau_epochs * self.steps_per_epoch:
            progress.rate_factor *= PLATEAU_FACTOR
            progress.waiting_step = progress.step
