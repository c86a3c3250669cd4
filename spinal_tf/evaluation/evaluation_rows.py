"""An evaluation as tables of plain values; files, record, page and LaTeX are made from them.

A row is a dictionary. None and NaN stand for unknown or undefined values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from enum import Enum
from typing import Any, NamedTuple

from spinal_tf.cohort.case import HEALTHY
from spinal_tf.evaluation.calibrated import Calibration, CalibrationPair
from spinal_tf.evaluation.contrasts import Contrast
from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.formats import finite
from spinal_tf.evaluation.mask_intervals import DetectionIntervals
from spinal_tf.evaluation.mask_tables import MaskGroup
from spinal_tf.evaluation.paper.paper_masks import paper_mean_dice
from spinal_tf.evaluation.paper.paper_table2 import PaperColumn, paper_column
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.evaluation.performance import Measure, Performance
from spinal_tf.evaluation.scored import Scored
from spinal_tf.evaluation.statistics.intervals import UNKNOWN, Interval, wilson
from spinal_tf.taxonomy import Diagnosis, Task

COUNTED = "n/N"
"""End of the names of columns with a count and what it is a count of: a proportion, or None."""


class Estimate(NamedTuple):
    """A value with its interval."""

    value: float
    limits: Interval


Row = dict[str, Any]
PlainRow = dict[str, str | int | float | bool | None]


def plain(row: Row) -> PlainRow:
    """Return a row as in the files and the record: two columns for limits and for counts, words for what has a name."""
    cells: PlainRow = {}
    for name, value in row.items():
        cells |= _cells(name, value)
    return cells


def _cells(name: str, value: object) -> Row:
    match value:
        case Estimate():
            return _cells(name, value.value) | _cells(name, value.limits)
        case Interval():
            return {f"{name}_low": finite(value.low), f"{name}_high": finite(value.high)}
        case Proportion() | None if name.endswith(COUNTED):
            of = name.removesuffix(COUNTED)
            return {f"{of}count": value and value.count, f"{of}total": value and value.total}
        case Proportion():
            return {name: value.count / value.total}
        case Enum() | Diagnosis():
            return {name: value.value}
        case Task():
            return {name: value.name}
        case float():
            return {name: finite(value)}
    return {name: value}


def operating_points(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the operating point of each task and its origin."""
    for task in evaluation.tasks.values():
        chosen_on = task.point.chosen_on.value if task.point.chosen_on else "given"
        yield {"task": task.task, "value": task.point.value, "chosen_on": chosen_on}


def sets(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the counts of cases and calls of each task in each set."""
    for judged in _performances(evaluation):
        scored, patients = judged.scored, set(judged.scored.patients.tolist())
        about = {"cases": len(scored.cases), "patients": len(patients), "positive": int(scored.labels.sum())}
        left_out = {"left_out": scored.left_out, "cross_fitted": scored.cross_fitted}
        yield _place(scored) | about | left_out | asdict(judged.confusion)


def table2(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the measures of Table 2, with the paper's numbers if the tree is the paper's."""
    for judged in _performances(evaluation):
        paper = paper_column(judged.scored.case_set, judged.scored.task.name)
        for name, measure in judged.measures.items():
            printed = _printed(name, paper) if paper else {}
            yield _place(judged.scored) | {"measure": name} | _measured(measure) | printed


def _printed(name: str, paper: PaperColumn) -> Row:
    share = paper.confusion.proportion(name) if name != "auc" else None
    limits = UNKNOWN if share else paper.auc_interval
    return {f"paper_{COUNTED}": share, "paper_value": share or paper.auc, "paper": limits}


def comparisons(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the comparisons with raters, another model and further scans."""
    for contrast in evaluation.contrasts:
        yield from _contrast(contrast)


def subgroups(evaluation: Evaluation) -> Iterator[Row]:
    """Yield every measure of Table 2 for each subgroup."""
    for group in evaluation.subgroups:
        scored = group.performance.scored
        about = {"column": group.column, "level": group.level, "cases": len(scored.cases)}
        for name, measure in group.performance.measures.items():
            yield _place(scored) | about | {"measure": name} | _measured(measure)


def subgroup_differences(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the comparisons of subgroups with the other cases."""
    for group in evaluation.subgroups:
        if group.contrast:
            yield from _contrast(group.contrast)


def agreement(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the agreement of raters."""
    for found in evaluation.agreements:
        about = {"set": found.case_set, "raters": " ".join(found.raters), "statistic": found.statistic}
        counts = {"cases": found.cases, "agreed": found.agreed}
        yield about | counts | {"kappa": found.kappa, "bootstrap": found.bootstrap}


def calibration(evaluation: Evaluation) -> Iterator[Row]:
    """Yield Brier score and calibration error, before and after temperature scaling."""
    for pair, scaling, found in _calibrations(evaluation):
        scaled = {"temperature": pair.temperature if scaling == "after" else None, "scaling": scaling}
        scores = {"brier": found.brier, "bootstrap": found.bootstrap, "ece": found.ece}
        yield _place(pair.scored) | scaled | scores


def reliability(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the points of the reliability curves."""
    for pair, scaling, found in _calibrations(evaluation):
        for one in found.bins:
            limits = Interval(low=one.low, high=one.high)
            about = {"scaling": scaling, "bin": limits, "predicted": one.predicted}
            shares = {COUNTED: one.observed, "observed": one.observed, "wilson": wilson(one.observed)}
            yield _place(pair.scored) | about | shares


def decision_curve(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the net benefit at each threshold."""
    for pair, scaling, found in _calibrations(evaluation):
        for point in found.curve:
            benefit = {"net_benefit": point.model, "net_benefit_everybody": point.everybody}
            yield _place(pair.scored) | {"scaling": scaling, "threshold": point.threshold} | benefit


def masks(evaluation: Evaluation) -> Iterator[Row]:
    """Yield every measure of the masks by set and disease; infinite values become None."""
    for group in evaluation.masks:
        summary = group.summary
        paper = paper_mean_dice(group.case_set).get(group.diagnosis) if group.diagnosis else None
        about = {"cases": summary.cases, "left_out": group.left_out}
        about |= {name: getattr(summary, name) for name in ("without_reference", "missed", "falsely_marked")}
        for name, spread in summary.spreads.items():
            limits = {"bootstrap": summary.intervals.means.get(name, UNKNOWN)}
            mean = {"paper_mean": paper if name == "dice" else None} if beside_paper() else {}
            yield _mask_place(group) | about | {"measure": name} | asdict(spread) | limits | mean


def lesion_detection(evaluation: Evaluation) -> Iterator[Row]:
    """Yield lesion counts, pooled over all cases of a group, by rule and size."""
    for group in evaluation.masks:
        for rule, sizes in group.summary.detection.items():
            for size, counts in sizes.items():
                intervals = group.summary.intervals.detection.get((rule, size), DetectionIntervals())
                ratios = {
                    name: Estimate(getattr(counts, name), getattr(intervals, name))
                    for name in ("recall", "precision", "f1")
                }
                false = {"false_per_case": group.summary.false_per_case(rule, size)}
                yield _mask_place(group) | {"rule": rule} | asdict(size) | asdict(counts) | ratios | false


def triage(evaluation: Evaluation) -> Iterator[Row]:
    """Yield how well the flags for review find poor masks."""
    for group in evaluation.triage:
        for name in ("flagged", "poor", "sensitivity", "specificity", "ppv"):
            found, paper = getattr(group, name), group.paper_corrected if name == "flagged" else None
            about = {"set": group.case_set, "group": group.name, "measure": name}
            printed = {f"paper_{COUNTED}": paper, "paper_value": paper} if beside_paper() else {}
            yield about | {COUNTED: found, "value": found, "wilson": wilson(found)} | printed


def activation(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the zones in which Grad-CAM maps are mainly active."""
    for group in evaluation.activations:
        about = {"set": group.case_set, "task": group.task, "diagnosis": group.diagnosis or "all"}
        about |= {"answer": {None: "all", True: "right", False: "wrong"}[group.right], "left_out": group.left_out}
        for zone, share in group.zones.items():
            yield about | {"zone": zone, COUNTED: share, "share": share, "wilson": wilson(share)}


def gradcam_check(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the comparison of Grad-CAM maps with those of random weights."""
    for check in evaluation.map_checks:
        about = {"set": check.case_set, "task": check.task, "cases": len(check.cases)}
        about |= {name: getattr(check, name) for name in ("tiles", "draws", "compared", "blank")}
        ranks = {"least": min(check.by_case, default=None), "most": max(check.by_case, default=None)}
        found = {"ssim": check.ssim, "depends_on_weights": check.depends}
        yield about | {"rank_correlation": check.spearman} | ranks | found


TABLES: Mapping[str, Callable[[Evaluation], Iterator[Row]]] = {
    table.__name__: table
    for table in (
        operating_points,
        sets,
        table2,
        comparisons,
        subgroups,
        subgroup_differences,
        agreement,
        calibration,
        reliability,
        decision_curve,
        masks,
        lesion_detection,
        triage,
        activation,
        gradcam_check,
    )
}
"""Every table, by its name in the record and as a file."""


def plain_tables(evaluation: Evaluation) -> dict[str, list[PlainRow]]:
    """Return the rows of every table, as in the files and the record."""
    return {name: list(map(plain, rows(evaluation))) for name, rows in TABLES.items()}


def _performances(evaluation: Evaluation) -> Iterator[Performance]:
    for by_task in evaluation.performances.values():
        yield from by_task.values()


def _calibrations(evaluation: Evaluation) -> Iterator[tuple[CalibrationPair, str, Calibration]]:
    for pair in evaluation.calibrations:
        yield pair, "before", pair.before
        if pair.after:
            yield pair, "after", pair.after


def _place(scored: Scored) -> Row:
    return {"set": scored.case_set, "task": scored.task}


def _mask_place(group: MaskGroup) -> Row:
    return {"set": group.case_set, "diagnosis": group.diagnosis or HEALTHY}


def _measured(measure: Measure) -> Row:
    limits = {"formula": measure.formula, "bootstrap": measure.bootstrap}
    return {COUNTED: measure.proportion, "value": measure.value} | limits


def _contrast(contrast: Contrast) -> Iterator[Row]:
    about = {"kind": contrast.kind, "set": contrast.case_set, "task": contrast.task}
    about |= {"first": contrast.first, "second": contrast.second}
    about |= {"first_cases": contrast.cases[0], "second_cases": contrast.cases[1], "outside_task": contrast.outside}
    for one in contrast.differences:
        values = {"first_value": one.first, "second_value": one.second, "difference": one.value}
        limits = {"formula": one.formula, "bootstrap": one.bootstrap}
        yield about | {"measure": one.measure} | values | limits | {"test": one.test, "p": one.p, "p_holm": one.p_holm}
