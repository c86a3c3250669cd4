"""An evaluation as text for the terminal, with Table 2 laid out like the paper's and with the paper's numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from spinal_tf.evaluation import overlap_text
from spinal_tf.evaluation.activation_summary import Activation
from spinal_tf.evaluation.calibrated import Calibration
from spinal_tf.evaluation.columns import NOTHING, aligned
from spinal_tf.evaluation.contrasts import Contrast, MeasureDifference
from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.map_check import MOST_ALIKE, MapCheck
from spinal_tf.evaluation.overlap_summary import GroupSummary
from spinal_tf.evaluation.paper.paper_table2 import PAPER_LEGEND, PaperColumn, paper_column
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.evaluation.performance import MEASURES, Measure, Performance
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.statistics.intervals import Interval, wilson
from spinal_tf.evaluation.summary_text import printed_p
from spinal_tf.results import Zone
from spinal_tf.taxonomy import Task, capitalized, tree

LABELS = {
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "precision": "Precision",
    "recall": "Recall",
    "auc": "AUC",
}
"""Label of each measure, as in the paper's table."""

PAPER = "  paper"

SHOWN = ("accuracy", "auc")
"""Measures whose differences are shown; the files hold the others."""

TABLE_2_LEGEND = """\
Percent (n/N) [Wilson's 95 % interval]; AUC (95 % interval, bootstrap over patients). Positive: the class that a task
names second. - not defined."""

CROSS_FITTED_LEGEND = """\
* Cases of the set that chose the operating point are called at points chosen on the other patients of that set."""

KINDS = {
    "rater": "The model against raters",
    "model": "The model against another",
    "modality": "Without and with contrast-enhanced T1w",
    "subgroup": "Subgroups",
}

CONTRAST_LEGEND = """\
Difference: first minus second [bootstrap over patients]. Paired: McNemar's test, DeLong's for AUC; subgroups:
chi-squared or Fisher's, DeLong's for AUC. Holm: corrected over the table's tests of a measure on a set. The files have
all measures."""

RATER_LEGEND = """\
Raters chose among all diagnoses; one outside the task counts as wrong, which favors the model."""


TRIAGE_LEGEND = """\
Flagged: of all cases, the burden. Sensitivity: flagged of the poor masks. PPV: poor of the flagged ones."""

PAPER_TRIAGE_LEGEND = "Paper: masks that its readers corrected, by a rule that is not published."

ACTIVATION_LEGEND = """\
Zone in which the map of the called class is mainly active: percent (n) [Wilson's 95 % interval]. Definitions:
docs/evaluation.md. Zhuo et al. 2022 have these numbers in a supplement, and name lesion and perilesional areas."""

MAP_CHECK_LEGEND = f"""\
Rank correlation of the maps with those of random weights, mean (lowest to highest case): 1 is the same map, so that it
shows nothing learned; above {MOST_ALIKE:g} is a warning. Zero: maps that are empty with random weights."""


def as_text(evaluation: Evaluation) -> str:
    """Return all tables and warnings as text."""
    sections = (_table2, _contrasts, _agreement, _calibration, _activations, _map_checks, _masks, _triage)
    parts = [part for section in sections for part in section(evaluation)]
    warnings = [f"warning: {warning}" for warning in evaluation.warnings]
    return "\n\n".join([*parts, *(["\n".join(warnings)] if warnings else [])])


def printed_task(task: Task) -> str:
    """Return a task as a column heading of the paper: ``Tumor vs demyelinating``, ``MS vs NMOSD``."""
    return capitalized(" vs ".join(map(tree().term, task.classes)))


def percent(proportion: Proportion | None) -> str:
    """Format as ``96 (94/98)``, with halves rounded up; None is shown as a dash."""
    if proportion is None:
        return NOTHING
    return f"{_whole_percent(proportion)} ({proportion.count}/{proportion.total})"


def _whole_percent(proportion: Proportion) -> int:
    return (200 * proportion.count + proportion.total) // (2 * proportion.total)


def proportion_cell(proportion: Proportion | None) -> str:
    """Format as ``96 (94/98) [90, 98]``, with Wilson's interval."""
    limits = wilson(proportion)
    shown = percent(proportion)
    return f"{shown} [{100 * limits.low:.0f}, {100 * limits.high:.0f}]" if limits.known else shown


def measure_cell(name: str, measure: Measure) -> str:
    """Format a measure with its interval."""
    if name == "auc":
        limits = measure.bootstrap
        return (
            f"{_two(measure.value)} ({_two(limits.low)}, {_two(limits.high)})" if limits.known else _two(measure.value)
        )
    return proportion_cell(measure.proportion)


def paper_cell(name: str, paper: PaperColumn) -> str:
    """Format the paper's number as printed there."""
    if name == "auc":
        return f"{paper.auc:.2f} ({paper.auc_interval.low:.2f}, {paper.auc_interval.high:.2f})"
    return percent(paper.confusion.proportion(name))


def _two(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.2f}"


def _table2(evaluation: Evaluation) -> Iterator[str]:
    blocks = []
    for case_set, by_task in evaluation.performances.items():
        columns = [by_task.get(task.name) for task in tree().tasks]
        if any(columns):
            blocks.append("\n".join([case_set.printed, *aligned(list(_block(evaluation, case_set, columns)))]))
    judged = [one for by_task in evaluation.performances.values() for one in by_task.values()]
    starred = any(one.scored.cross_fitted for one in judged)
    legend = [*([PAPER_LEGEND] if beside_paper() else []), TABLE_2_LEGEND, *([CROSS_FITTED_LEGEND] if starred else [])]
    yield evaluation.predictions.source.name
    yield from blocks
    yield "\n".join(legend)


def _block(evaluation: Evaluation, case_set: CaseSet, columns: Sequence[Performance | None]) -> Iterator[list[str]]:
    yield ["", *map(printed_task, tree().tasks)]
    yield ["Cases", *(str(len(judged.scored.cases)) if judged else NOTHING for judged in columns)]
    points = [f"{evaluation.tasks[one.scored.task.name].point.value:.3f}" if one else NOTHING for one in columns]
    stars = ["*" if one and one.scored.cross_fitted else "" for one in columns]
    yield ["Operating point", *map(str.__add__, points, stars)]
    for name in MEASURES:
        yield [LABELS[name], *(measure_cell(name, judged.measures[name]) if judged else NOTHING for judged in columns)]
        paper = [column for task in tree().tasks if (column := paper_column(case_set, task.name))]
        if paper:
            yield [PAPER, *(paper_cell(name, column) for column in paper)]


def _contrasts(evaluation: Evaluation) -> Iterator[str]:
    groups = [group.contrast for group in evaluation.subgroups if group.contrast]
    for kind, title in KINDS.items():
        chosen = [contrast for contrast in [*evaluation.contrasts, *groups] if contrast.kind == kind]
        if not chosen:
            continue
        lines = [["Set", "Task", "First", "Second", "Measure", "First", "Second", "Difference", "p", "Holm"]]
        lines += [line for contrast in chosen for line in _contrast_lines(contrast)]
        yield "\n".join([title, *aligned(lines), *([RATER_LEGEND] if kind == "rater" else [])])
    if groups or evaluation.contrasts:
        yield CONTRAST_LEGEND


def _contrast_lines(contrast: Contrast) -> Iterator[list[str]]:
    for difference in contrast.differences:
        if difference.measure in SHOWN:
            yield [
                contrast.case_set.value,
                printed_task(contrast.task),
                contrast.first,
                contrast.second,
                LABELS[difference.measure],
                *_difference_cells(difference),
            ]


def _difference_cells(difference: MeasureDifference) -> list[str]:
    ratio = difference.measure != "auc"
    values = [
        percent(value) if isinstance(value, Proportion) else NOTHING if value is None else _two(value)
        for value in (difference.first, difference.second)
    ]
    return [
        *values,
        _with_limits(difference.value, difference.bootstrap, ratio=ratio),
        printed_p(difference.p),
        printed_p(difference.p_holm),
    ]


def _with_limits(value: float, limits: Interval, *, ratio: bool) -> str:
    numbers = [value, limits.low, limits.high] if limits.known else [value]
    shown = [NOTHING if math.isnan(n) else f"{100 * n:+.0f}" if ratio else f"{n:+.2f}" for n in numbers]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]" if limits.known else shown[0]


def _agreement(evaluation: Evaluation) -> Iterator[str]:
    if not evaluation.agreements:
        return
    lines = [["Set", "Raters", "Agreed", "Kappa"]]
    for found in evaluation.agreements:
        limits = found.bootstrap
        interval = f" [{_two(limits.low)}, {_two(limits.high)}]" if limits.known else ""
        agreed = percent(Proportion(count=found.agreed, total=found.cases))
        kind = "Cohen" if len(found.raters) == 2 else "Fleiss"
        lines.append([found.case_set.value, ", ".join(found.raters), agreed, f"{kind} {_two(found.kappa)}{interval}"])
    difficult = evaluation.difficult
    note = (
        f"Difficult test cases: {difficult.stated} by the table, {difficult.disagreed} by raters' disagreement, "
        f"{difficult.both} by both."
    )
    yield "\n".join(["Agreement of raters on the diagnoses", *aligned(lines), note])


def _calibration(evaluation: Evaluation) -> Iterator[str]:
    lines = [["Set", "Task", "Brier", "ECE", "T", "Brier, scaled", "ECE, scaled"]]
    for pair in evaluation.calibrations:
        after = [_two(pair.temperature), *_calibration_cells(pair.after)] if pair.after else [NOTHING] * 3
        scored = pair.scored
        lines.append([scored.case_set.value, printed_task(scored.task), *_calibration_cells(pair.before), *after])
    yield "\n".join(
        [
            "Calibration",
            *aligned(lines),
            "Scaled: by the temperature T that has the smallest log loss on validation. ECE: ten bins of equal width.",
        ]
    )


def _masks(evaluation: Evaluation) -> Iterator[str]:
    for case_set in CaseSet:
        groups = [group for group in evaluation.masks if group.case_set is case_set]
        ill = {group.diagnosis: group.summary for group in groups if group.diagnosis}
        parts = [overlap_text.as_text(ill, beside_paper=case_set is CaseSet.TEST)] if ill else []
        parts += [_healthy_masks(group.summary) for group in groups if not group.diagnosis]
        left_out = sum(group.left_out for group in groups)
        parts += [f"Left out, without measures of their mask: {left_out}."] if left_out else []
        if parts:
            yield "\n".join([f"Masks: {case_set.printed.lower()}", *parts])
    if evaluation.masks:
        yield "\n".join([*([overlap_text.PAPER_LEGEND] if beside_paper() else []), overlap_text.LEGEND])


def _healthy_masks(summary: GroupSummary) -> str:
    marked = NOTHING if summary.falsely_marked is None else str(summary.falsely_marked)
    volume_ml = summary.spreads["volume_ml"].mean if "volume_ml" in summary.spreads else math.nan
    return f"Healthy: something marked in {marked} of {summary.cases} cases, on average {_two(volume_ml)} mL."


def _triage(evaluation: Evaluation) -> Iterator[str]:
    if not evaluation.triage:
        return
    paper = beside_paper()
    lines = [["Set", "Group", "Flagged", *(["Paper"] if paper else []), "Poor", "Sensitivity", "PPV"]]
    for group in evaluation.triage:
        cells = [proportion_cell(group.flagged), *([percent(group.paper_corrected)] if paper else [])]
        cells += [percent(group.poor), proportion_cell(group.sensitivity), proportion_cell(group.ppv)]
        lines.append([group.case_set.value, group.name, *cells])
    title = f"Triage: do the flags for review find poor masks (Dice below {evaluation.options.poor_dice:g})?"
    yield "\n".join([title, *aligned(lines), TRIAGE_LEGEND, *([PAPER_TRIAGE_LEGEND] if paper else [])])


def _calibration_cells(found: Calibration) -> list[str]:
    limits = found.bootstrap
    interval = f" [{limits.low:.3f}, {limits.high:.3f}]" if limits.known else ""
    return [f"{found.brier:.3f}{interval}", f"{found.ece:.3f}"]


def _activations(evaluation: Evaluation) -> Iterator[str]:
    """Show the test set, or validation if it has none: by disease, and by answer; the files also combine both."""
    found = [
        [one for one in evaluation.activations if one.case_set is part] for part in (CaseSet.TEST, CaseSet.VALIDATION)
    ]
    groups = found[0] or found[1]
    for task in tree().tasks:
        of_task = [one for one in groups if one.task == task and None in (one.diagnosis, one.right)]
        if of_task:
            title = f"Where Grad-CAM is mainly active, {of_task[0].case_set.value}: {printed_task(task)}"
            header = ["", "Cases", *(zone.printed for zone in Zone)]
            yield "\n".join([title, *aligned([header, *map(_activation_line, of_task)])])
    if groups:
        yield ACTIVATION_LEGEND


def _activation_line(group: Activation) -> list[str]:
    answers = {None: "All", True: "Right", False: "Wrong"}
    label = group.diagnosis.printed if group.diagnosis else answers[group.right]
    cases = f"{group.cases} of {group.cases + group.left_out}" if group.left_out else str(group.cases)
    limits = {zone: wilson(share) for zone, share in group.zones.items()}
    return [
        label,
        cases,
        *(
            f"{_whole_percent(share)} ({share.count}) [{100 * limits[zone].low:.0f}, {100 * limits[zone].high:.0f}]"
            for zone, share in group.zones.items()
        ),
    ]


def _map_checks(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.map_checks:
        title = f"Grad-CAM beside random weights, {evaluation.map_checks[0].case_set.value}"
        header = ["", "Cases", "Maps compared", "Zero", "Rank correlation", "SSIM", "Depends on the weights"]
        yield "\n".join([title, *aligned([header, *map(_map_check_line, evaluation.map_checks)]), MAP_CHECK_LEGEND])


def _map_check_line(check: MapCheck) -> list[str]:
    cases = check.by_case
    ranked = f"{_two(check.spearman)} ({_two(min(cases))} to {_two(max(cases))})" if cases else NOTHING
    depends = {None: NOTHING, True: "yes", False: "no"}[check.depends]
    return [
        printed_task(check.task),
        str(len(check.cases)),
        str(check.compared),
        str(check.blank),
        ranked,
        _two(check.ssim),
        depends,
    ]
