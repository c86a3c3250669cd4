"""A summary of segmentation scores as lines of cells, with the paper's numbers, for the terminal and reports."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from spinal_tf.evaluation.formats import NOTHING, estimate, number
from spinal_tf.evaluation.lesionwise import ALL_SIZES, SIZES, Rule, Size
from spinal_tf.evaluation.mask_intervals import DetectionIntervals
from spinal_tf.evaluation.overlap_summary import GroupSummary, Spread
from spinal_tf.evaluation.paper.paper_masks import paper_mean_dice
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.statistics.intervals import UNKNOWN
from spinal_tf.tables.terminal import aligned
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

RATIOS = {"recall": "Recall, %", "precision": "Precision, %", "f1": "F1, %"}

LEGEND = """\
Numbers are median (quartiles) over cases.
Lesions of all cases counted together; by size: found/all of the reference (%); false ones for each case.
In square brackets: 95 % interval, if requested; bootstrap over patients. - not defined. Definitions:
docs/evaluation.md."""

PAPER_LEGEND = "Paper: Zhuo et al. 2022, doi:10.1148/ryai.210292, test set, mean Dice."

Summaries = Mapping[Diagnosis, GroupSummary]
"""Summaries by diagnosis, all with the same measures."""

Line = list[str]
"""A label and a cell for each group."""


def as_text(summaries: Summaries, *, beside_paper: bool = True) -> str:
    """Return the whole table as text.

    Args:
        summaries: summary of each disease.
        beside_paper: whether to show the paper's mean Dice (of its test set) if the tree is the paper's.
    """
    lines = [["", *(diagnosis.printed for diagnosis in summaries)], *mask_lines(summaries, beside_paper=beside_paper)]
    for title, found in detection_lines(summaries):
        lines.append([title])
        lines += [[f"  {label}", *cells] for label, *cells in found]
    return aligned(lines)


def mask_lines(summaries: Summaries, *, beside_paper: bool) -> Iterator[Line]:
    """Yield a line for each measure of the masks; see `as_text`."""
    groups = list(summaries.values())
    yield ["Cases", *(str(group.cases) for group in groups)]
    yield ["Nothing marked", *(NOTHING if group.missed is None else str(group.missed) for group in groups)]
    if all("dice" in group.spreads for group in groups):
        yield ["Dice, mean", *map(_mean_dice, groups)]
        paper = paper_mean_dice(CaseSet.TEST) if beside_paper else {}
        if paper:
            yield ["Dice, mean, paper", *(number(paper[diagnosis]) for diagnosis in summaries)]
    for name, label in LABELS.items():
        if all(name in group.spreads for group in groups):
            yield [label, *(spread_cell(group.spreads[name]) for group in groups)]


def detection_lines(summaries: Summaries) -> Iterator[tuple[str, Sequence[Line]]]:
    """Yield for each rule its title with lines of ratios and sizes; nothing if lesions are unknown."""
    groups = list(summaries.values())
    for rule, title in RULES.items() if all(group.detection for group in groups) else ():
        ratios = [[label, *(_ratio(group, rule, name) for group in groups)] for name, label in RATIOS.items()]
        sizes = [[str(size), *(_detection(group, rule, size) for group in groups)] for size in (ALL_SIZES, *SIZES)]
        yield title, [*ratios, *sizes]


def _mean_dice(group: GroupSummary) -> str:
    return estimate(group.spreads["dice"].mean, group.intervals.means.get("dice", UNKNOWN))


def spread_cell(spread: Spread) -> str:
    """Format as ``0.73 (0.60, 0.87)``: median and quartiles."""
    if not spread.defined:
        return NOTHING
    return f"{number(spread.median)} ({number(spread.first)}, {number(spread.third)})"


def _ratio(group: GroupSummary, rule: Rule, name: str) -> str:
    value: float = getattr(group.detection[rule][ALL_SIZES], name)
    intervals = group.intervals.detection.get((rule, ALL_SIZES), DetectionIntervals())
    return NOTHING if math.isnan(value) else estimate(value, getattr(intervals, name), 0, scale=100)


def _detection(group: GroupSummary, rule: Rule, size: Size) -> str:
    counts = group.detection[rule][size]
    every = counts.found + counts.missed
    found = f"{counts.found}/{every} ({100 * counts.recall:.0f})" if every else NOTHING
    return f"{found}; {number(group.false_per_case(rule, size))}"
