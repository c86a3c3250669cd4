"""Picture of a learning curve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spinal_tf.files import output_files

Row = dict[str, float]


def draw_curve(path: Path, rows: Sequence[Row], *, measure: str, title: str) -> None:
    """Draw a measure on training and validation cases against the fraction of the training patients.

    Each training is a dot; lines join the means over the seeds.

    Raises:
        OutputError: it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.5))
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    for part, colour in (("training", "tab:blue"), ("validation", "tab:orange")):
        _draw_part(panel, rows, f"{part}_{measure}", colour, label=f"{part} cases")
    panel.set_xlim(0, 1.02)
    panel.set_xlabel("fraction of the training patients")
    panel.set_ylabel(measure.upper() if measure == "auc" else measure.capitalize())
    panel.set_title(title)
    panel.legend(fontsize="small")
    panel.grid(alpha=0.3)
    figure.subplots_adjust(left=0.13, right=0.97, top=0.92, bottom=0.13)
    with output_files(path, overwrite=True) as (temporary,):
        figure.savefig(temporary, dpi=110)


def _draw_part(panel: Any, rows: Sequence[Row], column: str, colour: str, *, label: str) -> None:  # noqa: ANN401 - untyped
    fractions = sorted({row["fraction"] for row in rows})
    means = [np.mean([row[column] for row in rows if row["fraction"] == fraction]) for fraction in fractions]
    panel.plot(fractions, means, color=colour, label=label)
    panel.plot([row["fraction"] for row in rows], [row[column] for row in rows], ".", color=colour)
