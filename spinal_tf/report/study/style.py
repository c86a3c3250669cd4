"""Style and writing of the figures of an evaluation.

matplotlib is used through its objects, with a canvas that needs no screen; pyplot's state stays unchanged.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from spinal_tf.evaluation.evaluation_files import NOTICE
from spinal_tf.taxonomy import Diagnosis, Task, tree

BLACK, ORANGE, SKY, GREEN = "#000000", "#e69f00", "#56b4e9", "#009e73"
YELLOW, BLUE, VERMILLION, PURPLE = "#f0e442", "#0072b2", "#d55e00", "#cc79a7"
GREY = "#777777"
"""The palette of Okabe and Ito (2008), also for color-blind readers; everything also differs by mark or line."""

PAPER = "Zhuo et al. 2022"

MARKS = (("o", BLUE), ("s", ORANGE), ("^", GREEN), ("D", PURPLE), ("v", SKY), ("P", VERMILLION), ("X", BLACK))
"""Marks and colors of diseases, in the order of the tree; with more diseases, they repeat."""

PANEL_INCHES = 2.65
"""Width in inches of a panel, three in a row."""

NARROWEST = 5.0
"""Minimum width of a figure in inches, for its title and the lines below."""

DOTS_PER_INCH = 150

FOOT_POINTS = 7
"""Font size of the lines below a figure in points."""

SETTINGS = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so every machine draws the same
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "spinal-tf",
}

METADATA = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}
"""Metadata without date and version, so that the same numbers give the same bytes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawing:
    """A figure before it is written; see `figure_file.FigureFile`."""

    name: str
    title: str
    caption: str
    figure: Figure


@contextmanager
def settings() -> Iterator[None]:
    """Apply matplotlib's settings for drawing and writing; restore the previous ones afterwards."""
    with mpl.rc_context():
        mpl.rcdefaults()  # ignore the user's own settings
        mpl.rcParams.update(SETTINGS)
        yield


@dataclass(frozen=True, kw_only=True)
class Space:
    """Space in inches around and between panels, for labels and legends; ``above`` includes the figure's title."""

    left: float = 0.72
    right: float = 0.25
    across: float = 0.82
    down: float = 0.3
    above: float = 0.85
    below: float = 0.95


def grid(widths: Sequence[float], heights: Sequence[float], space: Space) -> tuple[Figure, np.ndarray]:
    """Make a figure with panels in rows and columns; all lengths are in inches, independent of what is drawn.

    Args:
        widths: widths of the columns.
        heights: heights of the rows.
        space: space around and between the panels.

    Returns:
        The figure and its panels, (rows, columns).
    """
    width = space.left + sum(widths) + space.across * (len(widths) - 1) + space.right
    height = space.above + sum(heights) + space.down * (len(heights) - 1) + space.below
    figure = Figure(figsize=(max(width, NARROWEST), height))
    FigureCanvasAgg(figure)
    width = float(figure.get_figwidth())
    panels = np.empty((len(heights), len(widths)), object)
    for row, tall in enumerate(heights):
        bottom = height - space.above - sum(heights[: row + 1]) - space.down * row
        for column, wide in enumerate(widths):
            x = space.left + sum(widths[:column]) + space.across * column
            panels[row, column] = figure.add_axes((x / width, bottom / height, wide / width, tall / height))
    return figure, panels


def legend_below(panel: Axes, inches: float, *, columns: int = 1, of: Axes | None = None) -> None:
    """Draw a legend that many inches below a panel, clear of its curves, with the marks of panel ``of`` if given."""
    height = panel.bbox.height / panel.figure.dpi
    panel.legend(
        *(of or panel).get_legend_handles_labels(),
        loc="upper left",
        bbox_to_anchor=(-0.06, -inches / height),
        borderaxespad=0,
        borderpad=0,
        ncols=columns,
    )


def finished(name: str, title: str, caption: str, figure: Figure, note: str) -> Drawing:
    """Add the title, and note and notice below the figure, which grows to fit them.

    Args:
        name: file name without extension.
        title: short title.
        caption: description of the figure; its lines are joined.
        figure: figure with its panels.
        note: what a reader must know about the data, for example that they are simulated; may be empty.
    """
    width, height = (float(inches) for inches in figure.get_size_inches())
    figure.text(0.15 / width, 1 - 0.12 / height, title, ha="left", va="top", fontsize=11, fontweight="bold")
    per_line = int((width - 0.3) * 72 / (0.53 * FOOT_POINTS))
    lines = [line for words in (note, NOTICE) for line in textwrap.wrap(words, per_line)]
    foot = (1.3 * len(lines) + 1.6) * FOOT_POINTS / 72
    _grow(figure, foot)
    place = (0.15 / width, foot / 2 / (height + foot))
    figure.text(*place, "\n".join(lines), va="center", fontsize=FOOT_POINTS, color=GREY, linespacing=1.3)
    return Drawing(name=name, title=title, caption=" ".join(f"{caption} {note}".split()), figure=figure)


def _grow(figure: Figure, inches: float) -> None:
    """Add space below; existing panels and texts keep their size and distance from the top."""
    before = float(figure.get_figheight())
    after = before + inches
    for panel in figure.axes:
        x, y, width, height = panel.get_position(original=True).bounds
        panel.set_position((x, (y * before + inches) / after, width, height * before / after))
    for text in figure.texts:
        text.set_y((text.get_position()[1] * before + inches) / after)
    figure.set_figheight(after)


def save(drawing: Drawing, path: Path) -> None:
    """Write a figure in the format of the extension, ``.svg`` or ``.png``."""
    drawing.figure.savefig(path, dpi=DOTS_PER_INCH, metadata=METADATA[path.suffix])


def disease_marks() -> dict[Diagnosis, tuple[str, str]]:
    """Return mark and color of each disease."""
    return dict(zip(tree().diagnoses, cycle(MARKS), strict=False))


def panel_title(task: Task, labels: np.ndarray) -> str:
    """Return a task's name and the cases of its classes, as ``33 MS, 45 NMOSD``; labels bool, (n,)."""
    numbers = (int((~labels).sum()), int(labels.sum()))
    counts = ", ".join(f"{count} {tree().term(name)}" for count, name in zip(numbers, task.classes, strict=True))
    return f"{task.printed}\n{counts}"


def shortened(words: str, letters: int) -> str:
    """Cut words with an ellipsis if they are longer."""
    return words if len(words) <= letters else f"{words[: letters - 1]}\N{HORIZONTAL ELLIPSIS}"
