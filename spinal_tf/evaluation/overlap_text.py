"""A summary of segmentation scores as text for the terminal, beside the paper's numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

from spinal_tf.evaluation.columns import NOTHING, aligned
from spinal_tf.evaluation.lesionwise import ALL_SIZES, SIZES, Rule, Size
from spinal_tf.evaluation.overlap_summary import PAPER_MEAN_DICE, GroupSummary, Spread
from spinal_tf.taxonomy import Diagnosis

LABELS = {
    "dice": "Dice",
    "iou": "IoU",
    "nsd_1mm": "NSD at 1 mm",
    "nsd_2mm": "NSD at 2 mm",
    "hd95_mm": "HD95, mm",
    "volume_error_ml": "Volume error, mL",
    "volume_error_relative": "Volume error, relative",
    "lesion_f1_one_to_one": "Lesion F1, one to one",
    "lesion_f1_any_overlap": "Lesion F1, any overlap",
}

RULES = {Rule.ONE_TO_ONE: "Lesions, paired one to one", Rule.ANY_OVERLAP: "Lesions, any overlap"}

LEGEND = """\
Numbers are median (quartiles) over cases; paper: Zhuo et al. 2022, doi:10.1148/ryai.210292, test set, mean Dice.
Lesions: found/all of the reference (%); false ones for each case. - not defined. Definitions: docs/evaluation.md."""


def as_text(summaries: Mapping[Diagnosis, GroupSummary], *, beside_paper: bool = True) -> str:
    """The whole table.

    Args:
        summaries: by diagnosis; all with the same measures.
        beside_paper: show the paper's mean Dice, which is that of its test set.
    """
    groups = list(summaries.values())
    lines = [["", *(diagnosis.printed for diagnosis in summaries)]]
    lines.append(["Cases", *(str(group.cases) for group in groups)])
    lines.append(["Nothing marked", *(NOTHING if group.missed is None else str(group.missed) for group in groups)])
    if all("dice" in group.spreads for group in groups):
        lines.append(["Dice, mean", *(_number(group.spreads["dice"].mean) for group in groups)])
        if beside_paper:
            lines.append(["Dice, mean, paper", *(_number(PAPER_MEAN_DICE[diagnosis]) for diagnosis in summaries)])
    for name, label in LABELS.items():
        if all(name in group.spreads for group in groups):
            lines.append([label, *(_spread(group.spreads[name]) for group in groups)])
    for rule, label in RULES.items() if all(group.detection for group in groups) else ():
        lines.append([label, *("" for _ in groups)])
        for size in (ALL_SIZES, *SIZES):
            lines.append([f"  {size}", *(_detection(group, rule, size) for group in groups)])
    return "\n".join(aligned(lines))


def _number(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.2f}"


def _spread(spread: Spread) -> str:
    if not spread.defined:
        return NOTHING
    return f"{_number(spread.median)} ({_number(spread.first)}, {_number(spread.third)})"


def _detection(group: GroupSummary, rule: Rule, size: Size) -> str:
    counts = group.detection[rule][size]
    every = counts.found + counts.missed
    found = f"{counts.found}/{every} ({100 * counts.recall:.0f})" if every else NOTHING
    return f"{found}; {_number(group.false_per_case(rule, size))}"
