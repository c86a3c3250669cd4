"""Learning curves: performance of a network by number of patients in training (eFigure 3)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from spinal_tf.errors import CohortError
from spinal_tf.file_names import legible
from spinal_tf.report.study.style import (
    BLUE,
    PANEL_INCHES,
    VERMILLION,
    Drawing,
    Space,
    finished,
    grid,
    legend_below,
    shortened,
)
from spinal_tf.tables.csv_file import read_numbers
from spinal_tf.training.curve_files import Row

TITLE_LETTERS = 36
"""Letters that fit above a panel."""

DRAWN = ("auc", "dice")
"""Measures of classifiers and of the segmenter; a table has one of them."""

PARTS = (("training", "s--", VERMILLION, "none"), ("validation", "o-", BLUE, "full"))
"""Cases, mark with line, color, filling."""

CAPTION = """\
Each mark is a training with part of the patients, lines join the means over repeated trainings. Filled circles:
validation cases; hollow squares: the training cases themselves. Where both meet, more cases bring little."""


def draw_learning(tables: Sequence[Path], note: str) -> list[Drawing]:
    """Draw a panel for each table of ``train learning-curve``, named after its folder; no figure without tables.

    Raises:
        CohortError: a table cannot be read, or has no point of a learning curve.
    """
    if not tables:
        return []
    figure, (panels,) = grid([PANEL_INCHES] * len(tables), [PANEL_INCHES], Space(below=0.95))
    for panel, path in zip(panels, tables, strict=True):
        _draw_table(panel, path)
    return [finished("learning-curve", "Learning curves", CAPTION, figure, note)]


def means_by_patients(rows: Sequence[Row], column: str) -> tuple[list[float], list[float]]:
    """Return mean number of patients and mean of a column for each fraction, smaller fractions first."""
    fractions = sorted({row["fraction"] for row in rows})
    groups = [[row for row in rows if row["fraction"] == fraction] for fraction in fractions]
    patients, values = (
        [float(np.mean([row[name] for row in group])) for group in groups] for name in ("patients", column)
    )
    return patients, values


def _draw_table(panel: Axes, path: Path) -> None:
    rows = _read(path)
    measure = next(name for name in DRAWN if f"validation_{name}" in rows[0])
    for part, mark, colour, filling in PARTS:
        column = f"{part}_{measure}"
        x, y = means_by_patients(rows, column)
        panel.plot(x, y, mark[1:], color=colour)
        patients, values = ([row[name] for row in rows] for name in ("patients", column))
        panel.plot(patients, values, mark[0], color=colour, fillstyle=filling, markersize=5, clip_on=False, zorder=3)
        panel.plot([], [], mark, color=colour, fillstyle=filling, label=f"{part} cases")
    panel.set_title(shortened(legible(path.resolve().parent.name), TITLE_LETTERS))
    panel.set(xlabel="Training patients", ylabel=measure.upper() if measure == "auc" else measure.capitalize())
    panel.set_xlim(0, 1.03 * max(row["patients"] for row in rows))
    lowest = min(row[f"{part}_{measure}"] for row in rows for part, *_ in PARTS)
    panel.set_ylim(min(0.5, lowest) - 0.02, 1.02)
    legend_below(panel, 0.55)


def _read(path: Path) -> list[Row]:
    try:
        rows = read_numbers(path)
    except (OSError, ValueError, TypeError) as error:
        raise CohortError(f"{path}: is not a table of a learning curve; give learning-curve.csv of one") from error
    known = rows and any({f"{part}_{name}" for part, *_ in PARTS} <= set(rows[0]) for name in DRAWN)
    if not known or not {"fraction", "patients"} <= set(rows[0]):
        raise CohortError(f"{path}: holds no learning curve; give learning-curve.csv as train learning-curve wrote it")
    return rows
