"""Volumes of the model's masks against the reference, and Dice by volume (the paper's eTable 3 as pictures)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.paper.paper_masks import paper_mean_dice
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.statistics.agreement import limits_of_agreement
from spinal_tf.report.study.mask_sizes import MaskSize, mask_sizes, reported
from spinal_tf.report.study.style import (
    BLACK,
    GREY,
    PAPER,
    SKY,
    Drawing,
    Space,
    disease_marks,
    finished,
    grid,
    legend_below,
)
from spinal_tf.taxonomy import Diagnosis, tree

MINUS = "\N{MINUS SIGN}"

LABEL_POINTS = 9
"""Minimum distance in points between two numbers beside a panel."""

LARGEST_EXPONENT = 700
"""Largest exponent of a float; an interval of two cases may be wider."""

FEW_DECADES = 1000
"""Maximum ratio of largest to smallest value for an axis with numbers between powers of ten."""

AGREEMENT_CAPTION = """\
Volume of the model's mask against that of the reference, one mark for each case with a lesion. Left: the difference,
model less reference, against the mean of both. Right: the ratio, for differences that grow with the volume; cases
where the model marked nothing, {unmarked} of them, have none. Solid line: mean (of the ratios the geometric one).
Dashed: limits of agreement, mean - and + 1.96 standard deviations (Bland, Altman 1999). Shaded: their intervals of
95 %, taking cases as independent."""

DICE_CAPTION = """\
Dice of the model's mask against the volume of the reference, one mark for each case. Right: the mean of each
disease{}."""

HOLLOW = ", filled here, hollow in Zhuo et al. 2022 (test cases, other patients)"


def draw_volumes(evaluation: Evaluation, note: str) -> Iterator[Drawing]:
    """Draw Bland and Altman's plots of differences and of ratios, for cases with both volumes."""
    case_set, cases = reported(evaluation.predictions)
    sizes = [size for size in mask_sizes(cases) if not math.isnan(size.predicted_ml)]
    if not sizes:
        return
    marked = [size for size in sizes if size.predicted_ml > 0]
    figure, ((left, right),) = grid([4.0, 4.0], [3.4], Space(left=0.82, across=1.25, right=0.6, below=0.95, above=0.55))
    _draw_agreement(left, sizes, volume_differences(sizes), log=False)
    left.set(ylabel="Model - reference (mL)")
    if marked:
        _draw_agreement(right, marked, np.log(volume_ratios(marked)), log=True)
        right.set_ylabel("Model / reference")
        _plain_numbers(right.yaxis)
    else:
        right.set_axis_off()
    for panel in (left, right):
        panel.set_xlabel("Mean of both volumes (mL)")
    legend_below(left, 0.55, columns=4)
    caption = AGREEMENT_CAPTION.format(unmarked=len(sizes) - len(marked))
    yield finished("volumes", f"Lesion volume, {len(sizes)} {case_set.term} cases", caption, figure, note)


def draw_dice(evaluation: Evaluation, note: str) -> Iterator[Drawing]:
    """Draw Dice by reference volume."""
    case_set, cases = reported(evaluation.predictions)
    sizes = [size for size in mask_sizes(cases) if not math.isnan(size.dice)]
    if not sizes:
        return
    figure, ((panel, means),) = grid([5.4, 1.7], [3.4], Space(across=0.5, below=0.95, above=0.55))
    _draw_marks(panel, sizes, [size.reference_ml for size in sizes], [size.dice for size in sizes])
    panel.set(xscale="log", ylim=(-0.03, 1.03), xlabel="Reference volume (mL)", ylabel="Dice")
    _plain_numbers(panel.xaxis)
    legend_below(panel, 0.55, columns=4)
    _draw_means(means, mean_dice(sizes))
    title = f"Dice by lesion volume, {len(sizes)} {case_set.term} cases"
    caption = DICE_CAPTION.format(HOLLOW if beside_paper() else "")
    yield finished("dice", title, caption, figure, note)


def volume_differences(sizes: Sequence[MaskSize]) -> np.ndarray:
    """Return volumes of the model minus those of the reference, in mL, (n,)."""
    return np.array([size.predicted_ml - size.reference_ml for size in sizes])


def volume_ratios(sizes: Sequence[MaskSize]) -> np.ndarray:
    """Return volumes of the model divided by those of the reference, (n,)."""
    return np.array([size.predicted_ml / size.reference_ml for size in sizes])


def mean_dice(sizes: Sequence[MaskSize]) -> dict[Diagnosis, float]:
    """Return the mean Dice of each disease that has cases."""
    return {
        diagnosis: float(np.mean(values))
        for diagnosis in tree().diagnoses
        if (values := [size.dice for size in sizes if size.diagnosis == diagnosis])
    }


def _draw_agreement(panel: Axes, sizes: Sequence[MaskSize], values: np.ndarray, *, log: bool) -> None:
    """Draw marks and limits of values, or of their exponentials on a logarithmic axis."""
    found = limits_of_agreement(values)
    lines = [(found.mean, found.mean_interval, "-")]
    if not math.isnan(found.low):
        lines += [(found.low, found.low_interval, "--"), (found.high, found.high_interval, "--")]
    shown = _exponential if log else float
    for value, interval, line in lines:
        if interval.known:
            panel.axhspan(shown(interval.low), shown(interval.high), color=SKY, alpha=0.3, linewidth=0)
        panel.axhline(shown(value), linestyle=line, color=BLACK, linewidth=1)
    panel.axhline(shown(0), linestyle=":", color=GREY, linewidth=1)
    means_ml = [(size.predicted_ml + size.reference_ml) / 2 for size in sizes]
    _draw_marks(panel, sizes, means_ml, [shown(value) for value in values])
    # Leave intervals out of the range: with few cases they are far wider than the marks.
    seen = [0.0, *values, *(value for value, *_ in lines)]
    margin = 0.05 * (max(seen) - min(seen)) or 0.1
    panel.set(xscale="log", yscale="log" if log else "linear")
    panel.set_ylim(shown(min(seen) - margin), shown(max(seen) + margin))
    _plain_numbers(panel.xaxis)
    _label(panel, [shown(value) for value, *_ in lines])


def _exponential(value: float) -> float:
    return math.exp(min(value, LARGEST_EXPONENT))


def _label(panel: Axes, values: Sequence[float]) -> None:
    """Write values beside the panel and skip those that would cover an earlier one."""
    taken: list[float] = []
    for value in values:
        height = float(panel.transData.transform((1, value))[1]) * 72 / panel.figure.dpi
        if any(abs(height - other) < LABEL_POINTS for other in taken):
            continue
        taken.append(height)
        text, place = f"{value:.3g}".replace("-", MINUS), (1, value)
        across = panel.get_yaxis_transform()
        panel.annotate(text, place, (3, 0), xycoords=across, textcoords="offset points", va="center", fontsize=8)


def _draw_marks(panel: Axes, sizes: Sequence[MaskSize], x: Sequence[float], y: Sequence[float]) -> None:
    across, up = np.asarray(x), np.asarray(y)
    for diagnosis, (mark, colour) in disease_marks().items():
        chosen = np.array([size.diagnosis == diagnosis for size in sizes])
        if chosen.any():
            label = f"{diagnosis.printed}, n = {chosen.sum()}"
            panel.plot(
                across[chosen],
                up[chosen],
                mark,
                color=colour,
                markersize=4.5,
                alpha=0.75,
                markeredgewidth=0,
                label=label,
            )


def _draw_means(panel: Axes, means: dict[Diagnosis, float]) -> None:
    marks, paper = disease_marks(), paper_mean_dice(CaseSet.TEST)
    for place, (diagnosis, (mark, colour)) in enumerate(marks.items()):
        if paper:
            panel.plot([place], [paper[diagnosis]], mark, color=colour, fillstyle="none", markersize=8)
        if diagnosis in means:
            panel.plot([place], [means[diagnosis]], mark, color=colour, markersize=8)
    panel.plot([], [], "o", color=BLACK, label="mean")
    if paper:
        panel.plot([], [], "o", color=BLACK, fillstyle="none", label=PAPER)
    panel.set(xlim=(-0.6, len(marks) - 0.4), ylim=(-0.03, 1.03))
    names = [diagnosis.printed for diagnosis in marks]
    panel.set_xticks(range(len(marks)), names, fontsize=7, rotation=30, ha="right", rotation_mode="anchor")
    panel.tick_params(labelleft=False)
    legend_below(panel, 0.55)


def _plain_numbers(axis: Axis) -> None:
    """Print numbers instead of powers of ten; over few decades also at 2 and 5."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < FEW_DECADES else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
