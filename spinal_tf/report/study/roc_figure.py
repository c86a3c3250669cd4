"""ROC curves of the tasks with their bands, operating points, raters and the paper's points (eFigures 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from spinal_tf.evaluation.contrasts import Contrast
from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.formats import limits
from spinal_tf.evaluation.paper.paper_table2 import paper_column
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.evaluation.performance import Performance
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.statistics.confusion import Confusion
from spinal_tf.evaluation.statistics.intervals import Interval
from spinal_tf.evaluation.statistics.roc import roc_band, roc_curve
from spinal_tf.report.study.style import (
    BLACK,
    BLUE,
    GREY,
    PANEL_INCHES,
    PAPER,
    PURPLE,
    SKY,
    VERMILLION,
    Drawing,
    Space,
    finished,
    grid,
    legend_below,
    panel_title,
)
from spinal_tf.taxonomy import tree

LABEL_STEP = 0.075
"""Distance between the raters' names, which form a column beside the marks, since the marks often touch."""

CROSS_FITTED = (
    "*Cases of the set that chose the operating point are called at points chosen on other patients of it, so that the "
    "mark may lie beside the curve."
)

RATED = "Crosses: raters, by number; a diagnosis outside of the task counts as wrong."


@dataclass(frozen=True, kw_only=True)
class RocPoint:
    """A point in the ROC plane."""

    name: str
    false_positive_rate: float
    sensitivity: float


def draw_roc(evaluation: Evaluation, note: str) -> Iterator[Drawing]:
    """Draw a figure for each set that has cases, a panel for each task."""
    for case_set, performances in evaluation.performances.items():
        if not performances:
            continue
        figure, panels = grid([PANEL_INCHES] * len(performances), [PANEL_INCHES], Space(below=1.3))
        for panel, (name, performance) in zip(panels[0], performances.items(), strict=True):
            _draw_task(panel, evaluation, performance, rater_points(evaluation.contrasts, name, case_set))
        starred = any(one.scored.cross_fitted for one in performances.values())
        title = f"ROC curves, {case_set.term} cases"
        yield finished(f"roc-{case_set.value}", title, _caption(evaluation, starred=starred), figure, note)


def rater_points(contrasts: Sequence[Contrast], task: str, case_set: CaseSet) -> list[RocPoint]:
    """Return the points of the raters of a task and set; raters without cases of both classes are left out."""
    points = []
    for contrast in contrasts:
        if (contrast.kind, contrast.task.name, contrast.case_set) != ("rater", task, case_set):
            continue
        shares = {one.measure: one.second for one in contrast.differences}
        sensitivity, specificity = shares["sensitivity"], shares["specificity"]
        if isinstance(sensitivity, Proportion) and isinstance(specificity, Proportion):
            points.append(_point(contrast.second.removeprefix("rater_"), sensitivity, specificity))
    return points


def operating_point(counts: Confusion, name: str = "") -> RocPoint | None:
    """Return the ROC point of a confusion matrix; None without cases of both classes."""
    sensitivity, specificity = counts.proportion("sensitivity"), counts.proportion("specificity")
    return _point(name, sensitivity, specificity) if sensitivity and specificity else None


def _point(name: str, sensitivity: Proportion, specificity: Proportion) -> RocPoint:
    return RocPoint(
        name=name,
        false_positive_rate=(specificity.total - specificity.count) / specificity.total,
        sensitivity=sensitivity.count / sensitivity.total,
    )


def _draw_task(panel: Axes, evaluation: Evaluation, performance: Performance, raters: Sequence[RocPoint]) -> None:
    scored = performance.scored
    panel.set_title(panel_title(scored.task, scored.labels))
    panel.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="1 - specificity", ylabel="Sensitivity", aspect="equal")
    panel.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1)
    curve = roc_curve(scored.labels, scored.scores)
    band = roc_band(scored.labels, scored.scores, scored.patients, evaluation.options.resampling)
    if curve is None:
        only = tree().term(scored.task.classes[int(scored.labels.all())])
        panel.text(0.5, 0.5, f"only {only} cases:\nno curve", ha="center", va="center")
        return
    if band:
        panel.fill_between(band.false_positive_rate, band.low, band.high, color=SKY, alpha=0.35, linewidth=0)
    area = performance.measures["auc"]
    panel.plot(
        curve.false_positive_rate, curve.sensitivity, color=BLUE, label=_area("model", area.value, area.bootstrap)
    )
    _draw_points(panel, evaluation, performance, raters)
    legend_below(panel, 0.55)


def _draw_points(panel: Axes, evaluation: Evaluation, performance: Performance, raters: Sequence[RocPoint]) -> None:
    scored = performance.scored
    paper = paper_column(scored.case_set, scored.task.name)
    star = "*" if scored.cross_fitted else ""
    cut = evaluation.tasks[scored.task.name].point.value
    own, theirs = operating_point(performance.confusion), operating_point(paper.confusion) if paper else None
    if paper and theirs:
        label = _area(PAPER, paper.auc, paper.auc_interval)
        _mark(panel, theirs, "D", markerfacecolor="none", color=VERMILLION, markersize=8, label=label)
    for index, point in enumerate(raters):
        _mark(panel, point, "x", color=PURPLE, markeredgewidth=2, label=None if index else "raters, by number")
    _write_names(panel, raters)
    if own:
        _mark(panel, own, "o", color=BLACK, label=f"operating point{star} {cut:.2f}")


def _mark(panel: Axes, point: RocPoint, mark: str, **style: Any) -> None:  # noqa: ANN401 - matplotlib's own
    panel.plot(
        [point.false_positive_rate], [point.sensitivity], mark, linestyle="none", clip_on=False, zorder=3, **style
    )


def _write_names(panel: Axes, raters: Sequence[RocPoint]) -> None:
    """Write names in a column right of the marks, in their order from top to bottom, each with a line to its mark."""
    ordered = sorted(raters, key=lambda point: (-point.sensitivity, point.false_positive_rate))
    x = min(0.95, max((point.false_positive_rate for point in raters), default=0) + 0.2)
    top = max((point.sensitivity for point in raters), default=0) - LABEL_STEP
    top = max(top, LABEL_STEP * len(raters))
    for index, point in enumerate(ordered):
        panel.annotate(
            point.name,
            (point.false_positive_rate, point.sensitivity),
            (x, top - LABEL_STEP * index),
            va="center",
            fontsize=8,
            arrowprops={"arrowstyle": "-", "color": PURPLE, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 3},
        )


def _area(name: str, value: float, interval: Interval) -> str:
    return f"{name}: AUC {value:.2f}{limits(interval, form=' ({} to {})')}"


def _caption(evaluation: Evaluation, *, starred: bool) -> str:
    resamples = evaluation.options.resampling.resamples
    parts = [
        "Line: sensitivity against 1 - specificity of the model.",
        "Shaded: 95 % of the sensitivity at each specificity by itself, bootstrap over patients, "
        f"{resamples:,} resamples. In brackets: 95 % of the AUC.",
        "Filled circle: the operating point.",
        CROSS_FITTED if starred else "",
        RATED if any(contrast.kind == "rater" for contrast in evaluation.contrasts) else "",
        f"Hollow diamond: {PAPER}, Table 2, other patients." if beside_paper() else "",
    ]
    return " ".join(part for part in parts if part)
