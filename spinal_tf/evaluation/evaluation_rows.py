"""An evaluation as tables of plain cells, for the CSV files and the JSON record.

A row is a dictionary; None stands for unknown or undefined values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict

from spinal_tf.cohort.case import diagnosis_word
from spinal_tf.evaluation.calibrated import Calibration, CalibrationPair
from spinal_tf.evaluation.columns import finite
from spinal_tf.evaluation.contrasts import Contrast, MeasureDifference
from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.mask_intervals import DetectionIntervals
from spinal_tf.evaluation.mask_tables import MaskGroup
from spinal_tf.evaluation.paper.paper_masks import paper_mean_dice
from spinal_tf.evaluation.paper.paper_table2 import PaperColumn, paper_column
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.evaluation.performance import Measure, Performance
from spinal_tf.evaluation.scored import Scored
from spinal_tf.evaluation.statistics.intervals import UNKNOWN, Interval, wilson

Cell = str | int | float | bool | None
Row = dict[str, Cell]


def operating_points(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the operating point of each task and its origin."""
    for name, task in evaluation.tasks.items():
        chosen_on = task.point.chosen_on
        yield {"task": name, "value": task.point.value, "chosen_on": chosen_on.value if chosen_on else "given"}


def sets(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the counts of cases and calls of each task in each set."""
    for judged in _performances(evaluation):
        scored, counts = judged.scored, judged.confusion
        yield {
            **_place(scored),
            "cases": len(scored.cases),
            "patients": len(set(scored.patients.tolist())),
            "positive": int(scored.labels.sum()),
            "left_out": scored.left_out,
            "cross_fitted": scored.cross_fitted,
            "tp": counts.tp,
            "fn": counts.fn,
            "tn": counts.tn,
            "fp": counts.fp,
        }


def table2(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the measures of Table 2, with the paper's numbers if the tree is the paper's."""
    for judged in _performances(evaluation):
        paper = paper_column(judged.scored.case_set, judged.scored.task.name)
        for name, measure in judged.measures.items():
            yield {
                **_place(judged.scored),
                "measure": name,
                **_measured(measure),
                **(_printed(name, paper) if paper else {}),
            }


def _printed(name: str, paper: PaperColumn) -> Row:
    printed = paper.confusion.proportion(name) if name != "auc" else None
    return {
        "paper_count": printed.count if printed else None,
        "paper_total": printed.total if printed else None,
        "paper_value": printed.count / printed.total if printed else paper.auc,
        "paper_low": None if printed else paper.auc_interval.low,
        "paper_high": None if printed else paper.auc_interval.high,
    }


def comparisons(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the comparisons with raters, another model and further scans."""
    for contrast in evaluation.contrasts:
        yield from _contrast(contrast)


def subgroups(evaluation: Evaluation) -> Iterator[Row]:
    """Yield every measure of Table 2 for each subgroup."""
    for group in evaluation.subgroups:
        scored = group.performance.scored
        for name, measure in group.performance.measures.items():
            yield {
                **_place(scored),
                "column": group.column,
                "level": group.level,
                "cases": len(scored.cases),
                "measure": name,
                **_measured(measure),
            }


def subgroup_differences(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the comparisons of subgroups with the other cases."""
    for group in evaluation.subgroups:
        if group.contrast:
            yield from _contrast(group.contrast)


def agreement(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the agreement of raters."""
    for found in evaluation.agreements:
        yield {
            "set": found.case_set.value,
            "raters": " ".join(found.raters),
            "statistic": "Cohen" if len(found.raters) == 2 else "Fleiss",
            "cases": found.cases,
            "agreed": found.agreed,
            "kappa": finite(found.kappa),
            **_limits(found.bootstrap, "bootstrap"),
        }


def calibration(evaluation: Evaluation) -> Iterator[Row]:
    """Yield Brier score and calibration error, before and after temperature scaling."""
    for pair, scaling, found in _calibrations(evaluation):
        yield {
            **_place(pair.scored),
            "temperature": finite(pair.temperature) if scaling == "after" else None,
            "scaling": scaling,
            "brier": finite(found.brier),
            **_limits(found.bootstrap, "bootstrap"),
            "ece": finite(found.ece),
        }


def reliability(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the points of the reliability curves."""
    for pair, scaling, found in _calibrations(evaluation):
        for one in found.bins:
            yield {
                **_place(pair.scored),
                "scaling": scaling,
                "bin_low": one.low,
                "bin_high": one.high,
                "predicted": one.predicted,
                "count": one.observed.count,
                "total": one.observed.total,
                "observed": one.observed.count / one.observed.total,
                **_limits(wilson(one.observed), "wilson"),
            }


def decision_curve(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the net benefit at each threshold."""
    for pair, scaling, found in _calibrations(evaluation):
        for point in found.curve:
            yield {
                **_place(pair.scored),
                "scaling": scaling,
                "threshold": point.threshold,
                "net_benefit": point.model,
                "net_benefit_everybody": point.everybody,
            }


def masks(evaluation: Evaluation) -> Iterator[Row]:
    """Yield every measure of the masks by set and disease; infinite values become None."""
    for group in evaluation.masks:
        summary = group.summary
        paper = paper_mean_dice(group.case_set).get(group.diagnosis) if group.diagnosis else None
        for name, spread in summary.spreads.items():
            yield {
                **_mask_place(group),
                "cases": summary.cases,
                "left_out": group.left_out,
                "without_reference": summary.without_reference,
                "missed": summary.missed,
                "falsely_marked": summary.falsely_marked,
                "measure": name,
                **{key: finite(value) for key, value in asdict(spread).items()},
                **_limits(summary.intervals.means.get(name, UNKNOWN), "bootstrap"),
                **({"paper_mean": paper if name == "dice" else None} if beside_paper() else {}),
            }


def lesion_detection(evaluation: Evaluation) -> Iterator[Row]:
    """Yield lesion counts, pooled over all cases of a group, by rule and size."""
    for group in evaluation.masks:
        for rule, sizes in group.summary.detection.items():
            for size, counts in sizes.items():
                intervals = group.summary.intervals.detection.get((rule, size), DetectionIntervals())
                yield {
                    **_mask_place(group),
                    "rule": rule.value,
                    "from_ml": size.from_ml,
                    "below_ml": finite(size.below_ml),
                    **asdict(counts),
                    "recall": finite(counts.recall),
                    **_limits(intervals.recall, "recall"),
                    "precision": finite(counts.precision),
                    **_limits(intervals.precision, "precision"),
                    "f1": finite(counts.f1),
                    **_limits(intervals.f1, "f1"),
                    "false_per_case": finite(group.summary.false_per_case(rule, size)),
                }


def triage(evaluation: Evaluation) -> Iterator[Row]:
    """Yield how well the flags for review find poor masks."""
    for group in evaluation.triage:
        for name in ("flagged", "poor", "sensitivity", "specificity", "ppv"):
            found: Proportion | None = getattr(group, name)
            paper = group.paper_corrected if name == "flagged" else None
            yield {
                "set": group.case_set.value,
                "group": group.name,
                "measure": name,
                **_proportion(found, ""),
                **_limits(wilson(found), "wilson"),
                **(_proportion(paper, "paper_") if beside_paper() else {}),
            }


def activation(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the zones in which Grad-CAM maps are mainly active."""
    for group in evaluation.activations:
        for zone, share in group.zones.items():
            yield {
                "set": group.case_set.value,
                "task": group.task.name,
                "diagnosis": group.diagnosis.value if group.diagnosis else "all",
                "answer": "all" if group.right is None else "right" if group.right else "wrong",
                "left_out": group.left_out,
                "zone": zone.value,
                "count": share.count,
                "total": share.total,
                "share": share.count / share.total,
                **_limits(wilson(share), "wilson"),
            }


def gradcam_check(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the comparison of Grad-CAM maps with those of random weights."""
    for check in evaluation.map_checks:
        yield {
            "set": check.case_set.value,
            "task": check.task.name,
            "cases": len(check.cases),
            "tiles": check.tiles,
            "draws": check.draws,
            "compared": check.compared,
            "blank": check.blank,
            "rank_correlation": finite(check.spearman),
            "least": min(check.by_case, default=None),
            "most": max(check.by_case, default=None),
            "ssim": finite(check.ssim),
            "depends_on_weights": check.depends,
        }


TABLES: Mapping[str, Callable[[Evaluation], Iterator[Row]]] = {
    "operating_points": operating_points,
    "sets": sets,
    "table2": table2,
    "comparisons": comparisons,
    "subgroups": subgroups,
    "subgroup_differences": subgroup_differences,
    "agreement": agreement,
    "calibration": calibration,
    "reliability": reliability,
    "decision_curve": decision_curve,
    "masks": masks,
    "lesion_detection": lesion_detection,
    "triage": triage,
    "activation": activation,
    "gradcam_check": gradcam_check,
}
"""Every table, by its name in the record and as a file."""


def _performances(evaluation: Evaluation) -> Iterator[Performance]:
    for by_task in evaluation.performances.values():
        yield from by_task.values()


def _calibrations(evaluation: Evaluation) -> Iterator[tuple[CalibrationPair, str, Calibration]]:
    for pair in evaluation.calibrations:
        yield pair, "before", pair.before
        if pair.after:
            yield pair, "after", pair.after


def _place(scored: Scored) -> Row:
    return {"set": scored.case_set.value, "task": scored.task.name}


def _mask_place(group: MaskGroup) -> Row:
    return {"set": group.case_set.value, "diagnosis": diagnosis_word(group.diagnosis)}


def _proportion(found: Proportion | None, prefix: str) -> Row:
    return {
        f"{prefix}count": found.count if found else None,
        f"{prefix}total": found.total if found else None,
        f"{prefix}value": found.count / found.total if found else None,
    }


def _measured(measure: Measure) -> Row:
    return {
        **_proportion(measure.proportion, ""),
        "value": finite(measure.value),
        **_limits(measure.formula, "formula"),
        **_limits(measure.bootstrap, "bootstrap"),
    }


def _contrast(contrast: Contrast) -> Iterator[Row]:
    for difference in contrast.differences:
        yield {
            "kind": contrast.kind,
            "set": contrast.case_set.value,
            "task": contrast.task.name,
            "first": contrast.first,
            "second": contrast.second,
            "first_cases": contrast.cases[0],
            "second_cases": contrast.cases[1],
            "outside_task": contrast.outside,
            **_difference(difference),
        }


def _difference(difference: MeasureDifference) -> Row:
    return {
        "measure": difference.measure,
        "first_value": _value(difference.first),
        "second_value": _value(difference.second),
        "difference": finite(difference.value),
        **_limits(difference.formula, "formula"),
        **_limits(difference.bootstrap, "bootstrap"),
        "test": difference.test,
        "p": finite(difference.p),
        "p_holm": finite(difference.p_holm),
    }


def _value(value: Proportion | float | None) -> float | None:
    return value.count / value.total if isinstance(value, Proportion) else value


def _limits(interval: Interval, name: str) -> Row:
    return {f"{name}_low": finite(interval.low), f"{name}_high": finite(interval.high)}
