"""Files that a training writes to its run folder: state, best weights, log, curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from spinal_tf.checkpoints.weight_files import encode_weights
from spinal_tf.files import output_files
from spinal_tf.tables.csv_file import read_numbers, replace_csv
from spinal_tf.training.logs import TensorBoard, draw_curves
from spinal_tf.training.run_folder import RunFolder, write_json
from spinal_tf.training.state import Progress, load_state, save_state
from spinal_tf.training.validation import Validation


class Keeper:
    """Writer of a run's files; repairs at the start what an interrupted training left behind."""

    def __init__(self, run: RunFolder, model: keras.Model, variables: Sequence[Any]) -> None:
        """Read the state that the folder holds, if any, into the variables.

        Args:
            run: the folder.
            model: network whose weights are saved.
            variables: variables of network and optimizer.

        Raises:
            TrainingError: the saved state is damaged or belongs to another network.
            OutputError: the record of the best weights cannot be written.
        """
        self._run, self._model, self._variables = run, model, variables
        self.progress = load_state(run.state, variables) if run.state.exists() else Progress()
        # Lines after the saved state belong to steps that now run again.
        self._rows = [row for row in read_numbers(run.log) if row["step"] <= self.progress.step]
        self._board = TensorBoard(run.tensorboard)
        self._publish_best()

    @property
    def judged_step(self) -> int:
        """Step of the last validation; 0 before the first."""
        return int(self._rows[-1]["step"]) if self._rows else 0

    def keep_best(self, validation: Validation) -> None:
        """Write the weights to a new file; the previous file stays until the saved state names the new one.

        Raises:
            OutputError: they cannot be written.
        """
        step = self.progress.step
        path = self._run.best_weights(step)
        data = encode_weights(self._model, half_precision=False)
        with output_files(path, overwrite=True) as (temporary,):
            temporary.write_bytes(data)
        self.progress.best = {"step": step, "file": path.name, **validation.to_dict()}

    def log(self, row: dict[str, float]) -> None:
        """Add the row of a validation to the log.

        Raises:
            OutputError: the log cannot be written.
        """
        self._rows.append(row)
        replace_csv(self._run.log, self._rows)
        self._board.write(row)

    def save(self) -> None:
        """Save the state.

        Raises:
            OutputError: it cannot be written; the previous state stays.
        """
        save_state(self._run.state, self.progress, self._variables)
        self._publish_best()

    def draw(self) -> None:
        """Draw the curves, if there is a validation.

        Raises:
            OutputError: they cannot be written.
        """
        if self._rows:
            draw_curves(self._run.curves, self._rows, title=self._model.name)

    def _publish_best(self) -> None:
        """Point the record at the weights that the saved state names, and remove all others.

        A record that already names them stays: it may hold measures on more cases.
        """
        best = self.progress.best
        if best is None:
            return
        if not self._run.best.exists() or self._run.read_best().get("file") != best["file"]:
            write_json(self._run.best, best)
        for path in self._run.path.glob("best-*.weights.h5"):
            if path.name != best["file"]:
                path.unlink()
