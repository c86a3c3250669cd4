"""The training loop: steps, validation, the best weights kept, the state saved."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

import tensorflow as tf

from spinal_tf.errors import TrainingError
from spinal_tf.files import output_files
from spinal_tf.training.logs import TensorBoard, draw_curves, read_log, write_log
from spinal_tf.training.run_folder import RunFolder, write_json
from spinal_tf.training.schedule import Schedule
from spinal_tf.training.state import Progress, load_state, save_state
from spinal_tf.training.step import Trainer
from spinal_tf.training.validation import Validate, Validation
from spinal_tf.weight_files import encode_weights

LOSSES_AT_ONCE = 10
"""Steps after which losses are looked at: waiting for each would leave a GPU idle in between."""

ENDLESS = 1 << 40
"""Steps of a training that only the clock ends."""


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


Feed = Callable[[int, int], Iterator[tuple[tf.Tensor, tf.Tensor]]]
"""From first step and last step to batches."""


class Training:
    """One training in its run folder, begun or gone on with."""

    def __init__(
        self,
        trainer: Trainer,
        schedule: Schedule,
        run: RunFolder,
        *,
        feed: Feed,
        validate: Validate,
        report: Callable[[Report], None],
    ) -> None:
        """Read the state that the folder holds, if any.

        Args:
            trainer: network and optimizer, in their initial state.
            schedule: end and rate.
            run: where everything is written.
            feed: gives the batches.
            validate: judges the network.
            report: told of the progress.

        Raises:
            TrainingError: the state there is damaged or another network's.
        """
        self._trainer, self._schedule, self._run = trainer, schedule, run
        self._feed, self._validate, self._report = feed, validate, report
        self._progress = load_state(run.state, trainer.variables) if run.state.exists() else Progress()
        # A line after the saved state belongs to steps that are now done again.
        self._rows = [row for row in read_log(run.log) if row["step"] <= self._progress.step]
        self._board = TensorBoard(run.tensorboard)
        self._pending: list[tf.Tensor] = []
        self._last_loss = math.nan
        self._started = monotonic() - self._progress.seconds
        self._saved = monotonic()

    def finish(self) -> Progress:
        """Train to the end.

        Raises:
            TrainingError: the loss is no number any more.
            OutputError: something cannot be written.
        """
        progress, schedule = self._progress, self._schedule
        self._publish_best()  # an interruption may have come between state and record
        try:
            for images, targets in self._batches():
                self._trainer.set_rate(schedule.rate(progress))
                self._pending.append(self._trainer(images, targets))
                progress.step += 1
                self._after_step()
                if schedule.is_over(progress):
                    break
            if not self._rows or self._rows[-1]["step"] < progress.step:
                self._judge()
        finally:
            if self._rows:
                draw_curves(self._run.curves, self._rows, title=self._trainer.model.name)
        return progress

    def _batches(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        if self._schedule.is_over(self._progress):
            return iter(())
        return self._feed(self._progress.step, self._schedule.steps or ENDLESS)

    def _after_step(self) -> None:
        progress = self._progress
        judged = progress.step % self._schedule.validation_every == 0
        late = monotonic() - self._saved > 60 * self._schedule.options.save_every_minutes
        if judged or late or len(self._pending) >= LOSSES_AT_ONCE:
            self._look_at_losses()
            self._tell()
        if judged:
            self._judge()
        elif late:
            self._save()

    def _tell(self, validation: Validation | None = None, *, best: bool = False) -> None:
        share = self._schedule.share_done(self._progress)
        self._report(
            Report(step=self._progress.step, share=share, loss=self._last_loss, validation=validation, best=best)
        )

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
        self._progress.seconds = monotonic() - self._started

    def _diverged(self, step: int) -> str:
        best = self._progress.best
        kept = f"the weights of step {best['step']} are kept in {best['file']}" if best else "no weights were kept yet"
        return (
            f"{self._run.path}: the loss is not a number at step {step}, {kept}; train anew with a lower "
            "--learning-rate or in --precision float32"
        )

    def _judge(self) -> None:
        """Validate, keep the weights where they are the best, write the log, save the state."""
        progress = self._progress
        self._look_at_losses()
        validation = self._validate(self._trainer.predict)
        before = progress.best
        gained = before is None or list(validation.score) > before["score"]
        if gained:
            progress.best = self._keep(validation)
        self._rows.append(self._row(validation))
        progress.losses, progress.losses_count = 0.0, 0
        self._schedule.judge(progress, gained=gained)
        write_log(self._run.log, self._rows)
        self._board.write(self._rows[-1])
        self._save()
        self._tell(validation, best=gained)

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

    def _keep(self, validation: Validation) -> dict[str, Any]:
        """Write the weights under a name of their own: those before stay until the state speaks of the new ones."""
        step = self._progress.step
        path = self._run.best_weights(step)
        data = encode_weights(self._trainer.model, half_precision=False)
        with output_files(path, overwrite=True) as (temporary,):
            temporary.write_bytes(data)
        return {
            "step": step,
            "file": path.name,
            "score": list(validation.score),
            "operating_point": validation.operating_point,
            "measures": validation.measures,
            "cases": list(validation.cases),
        }

    def _save(self) -> None:
        progress = self._progress
        save_state(self._run.state, progress, self._trainer.variables)
        self._saved = monotonic()
        self._publish_best()

    def _publish_best(self) -> None:
        """Let the record name the weights that the saved state speaks of, and remove all others."""
        progress = self._progress
        if progress.best is None:
            return
        write_json(self._run.best, progress.best)
        for path in self._run.path.glob("best-*.weights.h5"):
            if path.name != progress.best["file"]:
                path.unlink()
