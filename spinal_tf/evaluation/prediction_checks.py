"""Check of predictions: finds in one pass every fault that prevents the requested evaluation, and warnings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from spinal_tf.cohort.case import HEALTHY
from spinal_tf.cohort.cells import read_cell
from spinal_tf.cohort.read_cohort import ALIKE, require_no_faults
from spinal_tf.cohort.table import HEADER_ROW, Fault, Row, Table
from spinal_tf.evaluation.evaluation_options import EvaluationOptions
from spinal_tf.evaluation.lesion_table import LesionTable, parse_lesions
from spinal_tf.evaluation.prediction_table import (
    JUDGED,
    LISTER,
    NONE,
    ParsedPredictions,
    in_order,
    parse_predictions,
)
from spinal_tf.evaluation.predictions import Prediction, Predictions, probability_column
from spinal_tf.evaluation.scored import FEWEST_TO_CHOOSE
from spinal_tf.taxonomy import Task

MOST_LEVELS = 12
"""Most distinct values of a column for subgroups; a column with more likely holds names or numbers."""


@dataclass(frozen=True, kw_only=True)
class CheckedTable:
    """Result of the check of one table."""

    predictions: Predictions
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Result of the check of all tables.

    Attributes:
        main: predictions to evaluate.
        against: predictions of another model on the same cases; None if not given.
        lesions: lesions of the masks of the predictions to evaluate; None if not given.
    """

    main: CheckedTable
    against: CheckedTable | None
    lesions: LesionTable | None = None

    @property
    def tables(self) -> list[CheckedTable]:
        """All tables of predictions."""
        return [self.main, self.against] if self.against else [self.main]

    @property
    def faults(self) -> list[tuple[Path, tuple[Fault, ...]]]:
        """Path and faults of each table."""
        faults = [(table.predictions.source, table.faults) for table in self.tables]
        return [*faults, (self.lesions.source, self.lesions.faults)] if self.lesions else faults

    def require_sound(self) -> None:
        """Reject tables with faults.

        Raises:
            CohortError: a table has faults; the message names the first.
        """
        for source, faults in self.faults:
            require_no_faults(source, faults, lister=LISTER)


def check_predictions(
    path: Path, options: EvaluationOptions, against: Path | None = None, lesions: Path | None = None
) -> Checked:
    """Read predictions, and check whether they can be evaluated with the given options.

    Args:
        path: path of the table.
        options: options of the evaluation.
        against: path of predictions of another model on the same cases.
        lesions: path of the table of the lesions of their masks.

    Raises:
        CohortError: a file is not a readable table.
    """
    parsed = parse_predictions(path)
    main = _checked(parsed, options, [*_subgroup_faults(parsed.table, options), *_given_faults(parsed, options)])
    other = parse_predictions(against) if against else None
    named = {row.cells.get("case", "") for row in parsed.table.rows}
    return Checked(
        main=main,
        against=_checked(other, options, _pairing_faults(parsed, other)) if other else None,
        lesions=parse_lesions(lesions, parsed.predictions, named) if lesions else None,
    )


def _checked(parsed: ParsedPredictions, options: EvaluationOptions, more: Iterable[Fault]) -> CheckedTable:
    faults, warnings = list(more), []
    # With an unreadable split or diagnosis, a class may only seem absent.
    known = all(_readable(row, column) for row in parsed.table.rows for column in ("split", "diagnosis"))
    for task in parsed.predictions.tasks if known else ():
        found_faults, found_warnings = _class_findings(parsed.table, task, options)
        faults += found_faults
        warnings += found_warnings
    columns = parsed.table.columns
    return CheckedTable(
        predictions=parsed.predictions,
        faults=in_order([*parsed.faults, *faults], columns),
        warnings=in_order(warnings, columns),
    )


def _readable(row: Row, column: str) -> bool:
    text = row.cells.get(column, "")
    return text.lower() == HEALTHY or read_cell(column, text) is not None


def _class_findings(table: Table, task: Task, options: EvaluationOptions) -> tuple[list[Fault], list[Fault]]:
    """Return faults and warnings for splits that lack a class of the task.

    This uses the text of the rows, since a row with a fault in another column still counts as a case of its class.
    """
    column = probability_column(task)
    patients = {split: _patients_by_class(table, task, split.value) for split in JUDGED}
    if not any(map(any, patients.values())):
        problem = "the table has no case that this task applies to; it is left out"
        return [], [Fault(row=HEADER_ROW, column=column, problem=problem)]
    faults, warnings = [], []
    for split, members in patients.items():
        choosing = split is options.chosen_on and options.given(task) is None
        absent = [name for name, group in zip(task.classes, members, strict=True) if not group]
        if choosing and min(map(len, members)) < FEWEST_TO_CHOOSE:
            numbers = " and ".join(f"{len(group)} of {name}" for name, group in zip(task.classes, members, strict=True))
            problem = (
                f"the {split.value} split has {numbers}, but {FEWEST_TO_CHOOSE} patients of each are needed to choose "
                f"an operating point there; add cases, or give one with --operating-point {task.name}=0.5"
            )
            faults.append(Fault(row=HEADER_ROW, column=column, problem=problem))
        elif len(absent) == 1:
            problem = f"no {absent[0]} case is in the {split.value} split; what needs both classes is a dash"
            warnings.append(Fault(row=HEADER_ROW, column=column, problem=problem))
    return faults, warnings


def _patients_by_class(table: Table, task: Task, split: str) -> tuple[set[str], set[str]]:
    members: tuple[set[str], set[str]] = (set(), set())
    for row in table.rows:
        diagnosis = read_cell("diagnosis", row.cells.get("diagnosis", ""))
        scored = row.cells.get(probability_column(task), "").lower() != NONE
        if scored and row.cells.get("split", "").lower() == split and diagnosis in task.negative | task.positive:
            members[diagnosis in task.positive].add(row.cells.get("patient") or row.cells.get("case", ""))
    return members


def _subgroup_faults(table: Table, options: EvaluationOptions) -> list[Fault]:
    faults = []
    for column in options.subgroups:
        if column not in table.columns:
            near = get_close_matches(column, table.columns, n=1, cutoff=ALIKE)
            problem = (
                f"there is no such column to divide by; {f'the nearest is {near[0]}' if near else 'check the name'}"
            )
            faults.append(Fault(row=HEADER_ROW, column=column, problem=problem))
            continue
        levels = {row.cells[column] for row in table.rows} - {""}
        if len(levels) > MOST_LEVELS:
            problem = f"has {len(levels)} different values; divide by a column with at most {MOST_LEVELS}"
            faults.append(Fault(row=HEADER_ROW, column=column, problem=problem))
    return faults


def _given_faults(parsed: ParsedPredictions, options: EvaluationOptions) -> list[Fault]:
    tasks = {task.name: probability_column(task) for task in parsed.predictions.tasks}
    return [
        Fault(row=HEADER_ROW, column=f"p_{name}", problem="there is no such column, but an operating point was given")
        for name in options.points
        if name not in tasks
    ]


def _pairing_faults(main: ParsedPredictions, other: ParsedPredictions) -> list[Fault]:
    """Return faults for cases that are not in both tables, or differ between them."""
    source = main.predictions.source.name
    ours, theirs = ({case.name: case for case in one.predictions.cases} for one in (main, other))
    # These names include rows with faults of their own.
    named, their_names = ({row.cells.get("case", "") for row in one.table.rows} for one in (main, other))
    faults = []
    for name, case in ours.items():
        if case.split in JUDGED and name not in their_names:
            problem = f'"{name}", row {case.row} of {source}, is missing; add it'
            faults.append(Fault(row=HEADER_ROW, column="case", problem=problem))
    for name, case in theirs.items():
        if case.split in JUDGED and name not in named:
            problem = f'"{name}" is not in {source}; remove it, or add it there'
            faults.append(Fault(row=case.row, column="case", problem=problem))
    for name in ours.keys() & theirs.keys():
        if {ours[name].split, theirs[name].split} & set(JUDGED):
            faults += _unlike(ours[name], theirs[name], source)
    if not set(main.predictions.tasks) & set(other.predictions.tasks):
        faults.append(Fault(row=HEADER_ROW, column="", problem=f"has no task in common with {source}"))
    return faults


def _unlike(case: Prediction, other: Prediction, source: str) -> list[Fault]:
    faults = []
    for column in ("split", "diagnosis", "patient"):
        ours, theirs = getattr(case, column), getattr(other, column)
        if column == "patient" and other.name in (theirs, ours) or ours == theirs:
            continue  # a table without patients names them after their cases
        words = [getattr(value, "value", value) or "healthy" for value in (theirs, ours)]
        problem = f"is {words[0]} here and {words[1]} in row {case.row} of {source}; correct one of them"
        faults.append(Fault(row=other.row, column=column, problem=problem))
    return faults
