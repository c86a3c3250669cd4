"""A summary of segmentation scores as text for the terminal, and as a record for JSON; beside the paper's numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict

from spinal_tf.evaluation.columns import NOTHING, aligned, finite
from spinal_tf.evaluation.lesionwise import ALL_SIZES, SIZES, Detection, Rule, Size
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


def as_text(summaries: Mapping[Diagnosis, GroupSummary]) -> str:
    """The whole table."""
    groups = list(summaries.values())
    lines = [["", *(diagnosis.printed for diagnosis in summaries)]]
    lines.append(["Cases", *(str(group.cases) for group in groups)])
    lines.append(["Nothing marked", *(str(group.missed) for group in groups)])
    lines.append(["Dice, mean", *(_number(group.spreads["dice"].mean) for group in groups)])
    lines.append(["Dice, mean, paper", *(_number(PAPER_MEAN_DICE[diagnosis]) for diagnosis in summaries)])
    lines += [[label, *(_spread(group.spreads[name]) for group in groups)] for name, label in LABELS.items()]
    for rule, label in RULES.items():
        lines.append([label, *("" for _ in groups)])
        for size in (ALL_SIZES, *SIZES):
            lines.append([f"  {size}", *(_detection(group, rule, size) for group in groups)])
    return "\n".join([*aligned(lines), LEGEND])


def as_record(summaries: Mapping[Diagnosis, GroupSummary]) -> dict[str, object]:
    """The same for JSON, and every measure: numbers unrounded, None for what is infinite or not defined."""
    return {
        diagnosis.value: {**_record(group), "paper_mean_dice": PAPER_MEAN_DICE[diagnosis]}
        for diagnosis, group in summaries.items()
    }


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


def _record(group: GroupSummary) -> dict[str, object]:
    return {
        "cases": group.cases,
        "without_reference": group.without_reference,
        "missed": group.missed,
        "measures": {
            name: {key: finite(value) for key, value in asdict(spread).items()}
            for name, spread in group.spreads.items()
        },
        "lesions": {
            rule.value: {str(size): _counts(counts, group.false_per_case(rule, size)) for size, counts in sizes.items()}
            for rule, sizes in group.detection.items()
        },
    }


def _counts(counts: Detection, false_per_case: float) -> dict[str, float | None]:
    ratios = {"recall": counts.recall, "precision": counts.precision, "f1": counts.f1, "false_per_case": false_per_case}
    return {**asdict(counts), **{name: finite(value) for name, value in ratios.items()}}
