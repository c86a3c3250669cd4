"""The training loop: runs the steps, validates, keeps the best weights, saves the state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import monotonic
from typing import NoReturn

import numpy as np
import tensorflow as tf

from spinal_tf.errors import StoppedError, TrainingError
from spinal_tf.training.keeper import Keeper
from spinal_tf.training.run_folder import RunFolder
from spinal_tf.training.schedule import Schedule
from spinal_tf.training.setting import Report, Stop, never
from spinal_tf.training.state import Progress, share_state
from spinal_tf.training.step import Trainer
from spinal_tf.training.validation import Validate, Validation
from spinal_tf.training.workers import Workers

LOSSES_AT_ONCE = 10
"""Steps between reads of the losses; waiting for each loss would leave the GPU idle."""

ENDLESS = 1 << 40
"""Number of steps if only the time limit ends the training."""


Feed = Callable[[int, int], Iterator[tuple[tf.Tensor, tf.Tensor]]]
"""Function from first and last step to batches."""


class Training:
    """One training in its run folder, started or resumed.

    If several processes share the training, each runs this loop. Only the chief has a keeper, validates and decides;
    it sends the others every decision that affects the steps.
    """

    def __init__(
        self,
        trainer: Trainer,
        schedule: Schedule,
        run: RunFolder,
        *,
        feed: Feed,
        validate: Validate,
        report: Callable[[Report], None],
        stop: Stop = never,
    ) -> None:
        """Read the state that the folder holds, if any.

        Args:
            trainer: network and optimizer, in their initial state.
            schedule: end and learning rate.
            run: folder for all output.
            feed: function that yields the batches.
            validate: function that evaluates the network.
            report: called with the progress.
            stop: checked between steps and during validation.

        Raises:
            TrainingError: the saved state is damaged or belongs to another network.
        """
        self._trainer, self._schedule, self._run = trainer, schedule, run
        self._feed, self._validate, self._report, self._stop = feed, validate, report, stop
        self._workers = Workers(trainer.strategy)
        with trainer.strategy.scope():
            self._keeper = Keeper(run, trainer.model, trainer.variables) if self._workers.is_chief else None
            self._progress = self._keeper.progress if self._keeper else Progress()
            share_state(self._progress, trainer.variables, self._workers)
        (judged_step,) = self._workers.from_chief(self._keeper.judged_step if self._keeper else 0)
        self._judged_step = int(judged_step)
        self._pending: list[tf.Tensor] = []
        self._last_loss = math.nan
        self._started = monotonic() - self._progress.seconds
        self._saved = monotonic()

    def finish(self) -> Progress:
        """Train to the end.

        Raises:
            TrainingError: the loss is not finite, or another process has ended.
            StoppedError: a stop was requested; the state is saved.
            OutputError: something cannot be written.
        """
        progress, schedule = self._progress, self._schedule
        try:
            if self._is_due and self._judged_step < progress.step:
                self._judge()  # the previous run stopped during this validation
            for images, targets in self._batches():
                self._trainer.set_rate(schedule.rate(progress))
                self._pending.append(self._trainer(images, targets))
                progress.step += 1
                self._after_step()
                if schedule.is_over(progress):
                    break
            if self._judged_step < progress.step:
                self._judge()
        finally:
            if self._keeper:
                self._keeper.draw()
        return progress

    @property
    def _is_due(self) -> bool:
        """Whether a validation is due after this step."""
        return self._progress.step > 0 and self._progress.step % self._schedule.validation_every == 0

    @property
    def _is_late(self) -> bool:
        """Whether the last saved state is too old."""
        return monotonic() - self._saved > 60 * self._schedule.options.save_every_minutes

    def _batches(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        if self._schedule.is_over(self._progress):
            return iter(())
        return self._feed(self._progress.step, self._schedule.steps or ENDLESS)

    def _after_step(self) -> None:
        """Read the losses from time to time, and validate or save if due; all processes do so after the same steps."""
        hurry = self._workers.alone and (self._is_late or self._stop())
        if not (self._is_due or hurry or len(self._pending) >= LOSSES_AT_ONCE):
            return
        self._look_at_losses()
        self._tell()
        if self._workers.anywhere(self._stop()):
            self._end_early()
        if self._is_due:
            self._judge()
        elif self._is_late:
            self._save()

    def _tell(self, validation: Validation | None = None, *, best: bool = False) -> None:
        if self._keeper:
            self._report(replace(self._state, validation=validation, best=best))

    def _tell_cases(self, done: int, total: int) -> None:
        self._report(replace(self._state, cases=(done, total)))

    @property
    def _state(self) -> Report:
        share = self._schedule.share_done(self._progress)
        return Report(step=self._progress.step, share=share, loss=self._last_loss)

    def _look_at_losses(self) -> None:
        losses = [float(loss) for loss in self._pending]
        first = self._progress.step - len(losses) + 1
        self._pending.clear()
        for step, loss in enumerate(losses, start=first):
            if not math.isfinite(loss):
                raise TrainingError(self._diverged(step))
            self._progress.losses += loss
            self._progress.losses_count += 1
            self._last_loss = loss
        (self._progress.seconds,) = self._workers.from_chief(monotonic() - self._started)

    def _diverged(self, step: int) -> str:
        best = self._progress.best
        kept = f"the weights of step {best['step']} are kept in {best['file']}" if best else "no weights were kept yet"
        return (
            f"{self._run.path}: the loss is not a number at step {step}, {kept}; train again with a lower "
            "--learning-rate or in --precision float32"
        )

    def _judge(self) -> None:
        """Validate, keep the weights if they are the best, write the log, save the state."""
        progress = self._progress
        self._look_at_losses()
        validation = self._validation()
        best = progress.best
        gains = validation is not None and (best is None or list(validation.score) > best["score"])
        done, gained = self._workers.from_chief(validation is not None, gains)
        if not done:
            self._end_early()
        if self._keeper and validation:
            if gains:
                self._keeper.keep_best(validation)
            self._keeper.log(self._row(validation))
        progress.losses, progress.losses_count = 0.0, 0
        self._schedule.judge(progress, gained=bool(gained))
        self._judged_step = progress.step
        self._save()
        self._tell(validation, best=gains)

    def _validation(self) -> Validation | None:
        """Validate in the chief; None in other processes, and if a stop was requested meanwhile."""
        try:
            return self._validate(self._predict, progress=self._tell_cases) if self._keeper else None
        except StoppedError:
            return None

    def _predict(self, batch: np.ndarray) -> np.ndarray:
        if self._stop():
            raise StoppedError
        return self._trainer.predict(batch)

    def _row(self, validation: Validation) -> dict[str, float]:
        progress = self._progress
        return {
            "step": progress.step,
            "epoch": progress.step / self._schedule.steps_per_epoch,
            "seconds": round(progress.seconds, 1),
            "learning_rate": self._schedule.rate(progress),
            "loss": progress.losses / max(progress.losses_count, 1),
            **validation.measures,
        }

    def _save(self) -> None:
        if self._keeper:
            self._keeper.save()
        self._saved = monotonic()

    def _end_early(self) -> NoReturn:
        self._save()
        raise StoppedError(
            f"{self._run.path}: stopped after step {self._progress.step}, and the state is saved; repeat the "
            "command with --resume to continue"
        )
