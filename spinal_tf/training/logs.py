"""Log of a training: TensorBoard events and picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from spinal_tf.files import output_files

Row = Mapping[str, float]


class TensorBoard:
    """Writer of TensorBoard scalars that does not need TensorBoard installed."""

    def __init__(self, folder: Path) -> None:
        """Open an event file; it is created with the first row."""
        self._writer = tf.summary.create_file_writer(str(folder))
        self._metadata = tf.compat.v1.SummaryMetadata()
        self._metadata.plugin_data.plugin_name = "scalars"
        self._metadata.data_class = 1  # DATA_CLASS_SCALAR of TensorBoard's protocol

    def write(self, row: Row) -> None:
        """Write a row of the log."""
        with self._writer.as_default(step=int(row["step"])):
            for name, value in row.items():
                tf.summary.write(name, tf.constant(value, tf.float32), metadata=self._metadata)
        self._writer.flush()


def draw_curves(path: Path, rows: Sequence[Row], *, title: str) -> None:
    """Draw loss, learning rate and validation measures over the steps.

    Raises:
        OutputError: it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 8))
    FigureCanvasAgg(figure)
    panels = figure.subplots(3, 1, sharex=True)
    names = list(rows[0])
    losses = [name for name in names if name.endswith("loss")]
    rates = ["learning_rate"]
    others = {*losses, *rates, "step", "epoch", "seconds", "operating_point", "minimum_peak"}
    measures = [name for name in names if name not in others and not name.endswith("_ml")]  # measures between 0 and 1
    for panel, group, label in zip(panels, (losses, rates, measures), ("loss", "rate", "validation"), strict=True):
        for name in group:
            panel.plot([row["step"] for row in rows], [row[name] for row in rows], marker=".", label=name)
        panel.set_ylabel(label)
        panel.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
        panel.grid(alpha=0.3)
    panels[1].set_yscale("log")
    panels[-1].set_xlabel("step")
    figure.suptitle(title)
    figure.subplots_adjust(left=0.1, right=0.8, top=0.93, bottom=0.07, hspace=0.1)
    with output_files(path, overwrite=True) as (temporary,):
        figure.savefig(temporary, dpi=110)
