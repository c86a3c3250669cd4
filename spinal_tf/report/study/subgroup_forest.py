"""Comparison of subgroups: differences with intervals (the paper's Table E5 as a picture)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from spinal_tf.evaluation.contrasts import COMPARED, Contrast
from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.formats import LABELS
from spinal_tf.evaluation.statistics.intervals import Interval
from spinal_tf.report.study.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    Drawing,
    Space,
    finished,
    grid,
    legend_below,
    shortened,
)

LOOKS = dict(zip(COMPARED, (("o", BLUE), ("s", ORANGE), ("^", GREEN), ("D", PURPLE)), strict=True))
"""Mark and color of each measure."""

ROW_INCHES = 0.75
"""Height of the lines of one comparison in inches."""

ROW_LETTERS = 20
"""Letters that fit beside the panels."""

CAPTION = """\
Differences between subgroups, first less second, with intervals of 95 %: {interval}. Right of 0 the first does better.
Undefined differences are left out; a mark without a line has no interval. Look at the numbers of cases: many subgroups
are small."""

FORMULAE = "Newcombe's of proportions, DeLong's of areas, which take cases as independent"
BOOTSTRAP = "bootstrap over patients, of whom some have several cases"


@dataclass(frozen=True, kw_only=True)
class ForestLine:
    """A difference and its interval, which may be unknown."""

    measure: str
    value: float
    interval: Interval


def forest_lines(contrast: Contrast, *, by_patients: bool) -> list[ForestLine]:
    """Return the defined differences of a comparison.

    Args:
        contrast: comparison of subgroups.
        by_patients: use the bootstrap's intervals. Those by formula are better for few cases with nearly all calls
            right, but treat cases as independent.
    """
    return [
        ForestLine(measure=one.measure, value=one.value, interval=one.bootstrap if by_patients else one.formula)
        for one in contrast.differences
        if not math.isnan(one.value)
    ]


def draw_forest(evaluation: Evaluation, note: str) -> Iterator[Drawing]:
    """Draw a panel for each task with a group of lines for each comparison."""
    contrasts = [group.contrast for group in evaluation.subgroups if group.contrast]
    names = list(dict.fromkeys((one.first, one.second) for one in contrasts))
    if not names:
        return
    by_patients = any(group.performance.scored.several_per_patient for group in evaluation.subgroups)
    tasks = [task.task for task in evaluation.tasks.values() if any(one.task == task.task for one in contrasts)]
    height = ROW_INCHES * len(names)
    figure, (panels,) = grid([2.3] * len(tasks), [height], Space(left=1.4, across=0.45, above=0.75, below=1.0))
    for place, (panel, task) in enumerate(zip(panels, tasks, strict=True)):
        _draw_task(panel, [one for one in contrasts if one.task == task], names, by_patients=by_patients)
        panel.set_title(task.printed)
        panel.set_yticks(range(len(names)), [_row_name(*pair) for pair in names])
        panel.tick_params(axis="y", length=0, labelleft=place == 0)
    legend_below(panels[0], 0.6, columns=min(len(COMPARED), 2 * len(tasks)))
    caption = CAPTION.format(interval=BOOTSTRAP if by_patients else FORMULAE)
    sets = dict.fromkeys(f"{one.case_set.term} cases" for one in contrasts)
    yield finished("subgroups", f"Subgroups, {' and '.join(sets)}", caption, figure, note)


def _row_name(first: str, second: str) -> str:
    return f"{shortened(first, ROW_LETTERS)}\nvs {shortened(second, ROW_LETTERS - 3)}"


def _draw_task(
    panel: Axes, contrasts: Sequence[Contrast], names: Sequence[tuple[str, str]], *, by_patients: bool
) -> None:
    for measure, (mark, colour) in LOOKS.items():
        panel.plot([], [], mark, color=colour, label=LABELS[measure])
    panel.axvline(0, color=GREY, linewidth=1)
    for contrast in contrasts:
        row = names.index((contrast.first, contrast.second))
        for line in forest_lines(contrast, by_patients=by_patients):
            y = row + 0.15 * (COMPARED.index(line.measure) - 1.5)
            mark, colour = LOOKS[line.measure]
            panel.plot([line.value], [y], mark, color=colour, markersize=5, clip_on=False)
            if line.interval.known:
                panel.plot([line.interval.low, line.interval.high], [y, y], color=colour, linewidth=1.2)
        panel.text(
            0.98,
            row - 0.42,
            f"{contrast.cases[0]} vs {contrast.cases[1]} cases",
            fontsize=7,
            ha="right",
            va="center",
            color=GREY,
            transform=panel.get_yaxis_transform(),
        )
    for edge in range(len(names) - 1):
        panel.axhline(edge + 0.5, color=GREY, linewidth=0.5, linestyle=":")
    panel.set(xlim=(-1, 1), ylim=(len(names) - 0.5, -0.5), xlabel="Difference")
    panel.grid(visible=False, axis="y")
