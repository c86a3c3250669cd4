"""An evaluation as text for the terminal, with Table 2 laid out like the paper's and with the paper's numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from spinal_tf.evaluation import overlap_text
from spinal_tf.evaluation.activation_summary import Activation
from spinal_tf.evaluation.calibrated import Calibration
from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_rows import Row, comparisons, subgroup_differences
from spinal_tf.evaluation.formats import (
    LABELS,
    NOTHING,
    estimate,
    limits,
    measure_cell,
    number,
    paper_cell,
    percent,
    printed_p,
    proportion_cell,
    whole_percent,
)
from spinal_tf.evaluation.map_check import MOST_ALIKE, MapCheck
from spinal_tf.evaluation.overlap_summary import GroupSummary
from spinal_tf.evaluation.paper.paper_table2 import PAPER_LEGEND, paper_column
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.evaluation.performance import MEASURES
from spinal_tf.evaluation.predictions import CaseSet, main_set
from spinal_tf.evaluation.statistics.intervals import wilson
from spinal_tf.file_names import legible
from spinal_tf.results import Zone
from spinal_tf.tables.table_model import Column, filled
from spinal_tf.tables.terminal import aligned, terminal
from spinal_tf.taxonomy import tree

PAPER = "  paper"

SHOWN = ("accuracy", "auc")
"""Measures whose differences are shown; the files hold the others."""

NO_INTERVAL = "No bootstrap interval where all resamples agree, as for separated classes, or a class has one patient."

TABLE_2_LEGEND = f"""\
Percent (n/N) [Wilson's 95 % interval]; AUC (95 % interval, bootstrap over patients). Positive: the class that a task
names second. - not defined.
{NO_INTERVAL}"""

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

CALIBRATION_LEGEND = """\
Scaled: by the temperature T that has the smallest log loss on validation. ECE: ten bins of equal width."""

CONTRASTS = (
    Column("Set", lambda row: row["set"].value),
    Column("Task", lambda row: row["task"].printed),
    Column("First", lambda row: row["first"]),
    Column("Second", lambda row: row["second"]),
    Column("Measure", lambda row: LABELS[row["measure"]]),
    Column("First", lambda row: _compared(row["first_value"])),
    Column("Second", lambda row: _compared(row["second_value"])),
    Column("Difference", lambda row: _difference(row)),
    Column("p", lambda row: printed_p(row["p"])),
    Column("Holm", lambda row: printed_p(row["p_holm"])),
)

AGREEMENT = (
    Column("Set", lambda found: found.case_set.value),
    Column("Raters", lambda found: ", ".join(found.raters)),
    Column("Agreed", lambda found: percent(Proportion(count=found.agreed, total=found.cases))),
    Column("Kappa", lambda found: f"{found.statistic} {estimate(found.kappa, found.bootstrap)}"),
)

CALIBRATION = (
    Column("Set", lambda pair: pair.scored.case_set.value),
    Column("Task", lambda pair: pair.scored.task.printed),
    Column("Brier", lambda pair: _brier(pair.before)),
    Column("ECE", lambda pair: number(pair.before.ece, 3)),
    Column("T", lambda pair: number(pair.temperature) if pair.after else NOTHING),
    Column("Brier, scaled", lambda pair: _brier(pair.after) if pair.after else NOTHING),
    Column("ECE, scaled", lambda pair: number(pair.after.ece, 3) if pair.after else NOTHING),
)

MAP_CHECKS = (
    Column("", lambda check: check.task.printed),
    Column("Cases", lambda check: str(len(check.cases))),
    Column("Maps compared", lambda check: str(check.compared)),
    Column("Zero", lambda check: str(check.blank)),
    Column("Rank correlation", lambda check: _ranked(check)),
    Column("SSIM", lambda check: number(check.ssim)),
    Column("Depends on the weights", lambda check: {None: NOTHING, True: "yes", False: "no"}[check.depends]),
)


def as_text(evaluation: Evaluation) -> str:
    """Return all tables and warnings as text."""
    sections = (_table2, _contrasts, _agreement, _calibration, _activations, _map_checks, _masks, _triage)
    parts = [part for section in sections for part in section(evaluation)]
    warnings = [f"warning: {warning}" for warning in evaluation.warnings]
    return "\n\n".join([*parts, *(["\n".join(warnings)] if warnings else [])])


def table2_lines(evaluation: Evaluation, case_set: CaseSet) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each measure's label, its cell for each task, and the paper's cells; none without the paper's tree."""
    judged = [evaluation.performances[case_set].get(task.name) for task in tree().tasks]
    papers = [paper for task in tree().tasks if (paper := paper_column(case_set, task.name))]
    for name in MEASURES:
        ours = [measure_cell(name, one.measures[name]) if one else NOTHING for one in judged]
        yield LABELS[name], ours, [paper_cell(name, paper) for paper in papers]


def _titled(title: str, columns: Iterable[Column], records: Iterable[object], *below: str) -> str:
    return "\n".join([title, terminal(filled(columns, records)), *below])


def _table2(evaluation: Evaluation) -> Iterator[str]:
    yield legible(evaluation.predictions.source.name)
    yield from (_block(evaluation, case_set) for case_set, by_task in evaluation.performances.items() if by_task)
    judged = [one for by_task in evaluation.performances.values() for one in by_task.values()]
    starred = any(one.scored.cross_fitted for one in judged)
    legend = [*([PAPER_LEGEND] if beside_paper() else []), TABLE_2_LEGEND, *([CROSS_FITTED_LEGEND] if starred else [])]
    yield "\n".join(legend)


def _block(evaluation: Evaluation, case_set: CaseSet) -> str:
    judged = [evaluation.performances[case_set].get(task.name) for task in tree().tasks]
    points = [f"{evaluation.tasks[one.scored.task.name].point.value:.3f}" if one else NOTHING for one in judged]
    stars = ["*" if one and one.scored.cross_fitted else "" for one in judged]
    lines = [["", *(task.printed for task in tree().tasks)]]
    lines.append(["Cases", *(str(len(one.scored.cases)) if one else NOTHING for one in judged)])
    lines.append(["Operating point", *map(str.__add__, points, stars)])
    for label, ours, theirs in table2_lines(evaluation, case_set):
        lines += [[label, *ours], *([[PAPER, *theirs]] if theirs else [])]
    return f"{case_set.printed}\n{aligned(lines)}"


def _contrasts(evaluation: Evaluation) -> Iterator[str]:
    rows = [row for rows in (comparisons, subgroup_differences) for row in rows(evaluation) if row["measure"] in SHOWN]
    for kind, title in KINDS.items():
        chosen = [row for row in rows if row["kind"] == kind]
        if chosen:
            yield _titled(title, CONTRASTS, chosen, *([RATER_LEGEND] if kind == "rater" else []))
    if rows:
        yield CONTRAST_LEGEND


def _compared(value: Proportion | float | None) -> str:
    return number(value) if isinstance(value, float) else percent(value)


def _difference(row: Row) -> str:
    digits, scale = (2, 1) if row["measure"] == "auc" else (0, 100)
    return estimate(row["difference"], row["bootstrap"], digits, scale=scale, sign="+")


def _agreement(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.agreements:
        difficult = evaluation.difficult
        note = (
            f"Difficult test cases: {difficult.stated} by the table, {difficult.disagreed} by raters' disagreement, "
            f"{difficult.both} by both."
        )
        yield _titled("Agreement of raters on the diagnoses", AGREEMENT, evaluation.agreements, note)


def _calibration(evaluation: Evaluation) -> Iterator[str]:
    yield _titled("Calibration", CALIBRATION, evaluation.calibrations, CALIBRATION_LEGEND)


def _brier(found: Calibration) -> str:
    return estimate(found.brier, found.bootstrap, 3)


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
    return f"Healthy: something marked in {marked} of {summary.cases} cases, on average {number(volume_ml)} mL."


def _triage(evaluation: Evaluation) -> Iterator[str]:
    paper = [Column("Paper", lambda group: percent(group.paper_corrected))] if beside_paper() else []
    columns = (
        Column("Set", lambda group: group.case_set.value),
        Column("Group", lambda group: group.name),
        Column("Flagged", lambda group: proportion_cell(group.flagged)),
        *paper,
        Column("Poor", lambda group: percent(group.poor)),
        Column("Sensitivity", lambda group: proportion_cell(group.sensitivity)),
        Column("PPV", lambda group: proportion_cell(group.ppv)),
    )
    if evaluation.triage:
        title = f"Triage: do the flags for review find poor masks (Dice below {evaluation.options.poor_dice:g})?"
        yield _titled(title, columns, evaluation.triage, TRIAGE_LEGEND, *([PAPER_TRIAGE_LEGEND] if paper else []))


def _activations(evaluation: Evaluation) -> Iterator[str]:
    """Show the test set, or validation if it has none: by disease, and by answer; the files also combine both."""
    shown = main_set([one.case_set for one in evaluation.activations])
    columns = (Column("", _label), Column("Cases", _cases), *map(_zone, Zone))
    groups = [one for one in evaluation.activations if one.case_set is shown and None in (one.diagnosis, one.right)]
    for task in tree().tasks:
        of_task = [one for one in groups if one.task == task]
        if of_task:
            yield _titled(f"Where Grad-CAM is mainly active, {shown.value}: {task.printed}", columns, of_task)
    if groups:
        yield ACTIVATION_LEGEND


def _label(group: Activation) -> str:
    return group.diagnosis.printed if group.diagnosis else {None: "All", True: "Right", False: "Wrong"}[group.right]


def _cases(group: Activation) -> str:
    return f"{group.cases} of {group.cases + group.left_out}" if group.left_out else str(group.cases)


def _zone(zone: Zone) -> Column:
    def text(group: Activation) -> str:
        share = group.zones[zone]
        return f"{whole_percent(share)} ({share.count})" + limits(wilson(share), 0, scale=100)

    return Column(zone.printed, text)


def _map_checks(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.map_checks:
        title = f"Grad-CAM beside random weights, {evaluation.map_checks[0].case_set.value}"
        yield _titled(title, MAP_CHECKS, evaluation.map_checks, MAP_CHECK_LEGEND)


def _ranked(check: MapCheck) -> str:
    cases = check.by_case
    return f"{number(check.spearman)} ({number(min(cases))} to {number(max(cases))})" if cases else NOTHING
