"""Reading of ``predictions.csv``; finds every fault in one pass. The schema is in docs/evaluation.md."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, get_args

from spinal_tf.cohort.cells import (
    PARSERS,
    RATER_COLUMN,
    Parser,
    listed,
    number,
    parse_cells,
    rated,
    read_cell,
    word,
    yes_no,
)
from spinal_tf.cohort.read_cohort import disagreements, doubled_names, missing_columns, require_no_faults
from spinal_tf.cohort.table import HEADER_ROW, Fault, Row, Table, read_table
from spinal_tf.evaluation.overlap_summary import MEASURES
from spinal_tf.evaluation.predictions import CaseSet, Prediction, Predictions, probability_column, zone_column
from spinal_tf.results import MaskProvenance, Zone
from spinal_tf.taxonomy import Diagnosis, Task, tree

REQUIRED_COLUMNS = ("case", "split", "diagnosis")

FLAGGED, MASK_PROVENANCE = "flagged", "mask_provenance"

NONE = "none"
"""Word for a missing probability, for example because no lesion was found."""

JUDGED = tuple(dict.fromkeys(case_set.drawn_from for case_set in CaseSet))
"""Splits that are reported; in other splits a probability may be left out."""

VERY_ALIKE = 0.8
"""Similarity from which an unknown name may be a misspelling of a known one."""

LISTER = "spinal-tf evaluate lists them"

_FACTS = ("case", "patient", "split", "diagnosis", "difficult", "sex", "age_years")


@dataclass(frozen=True, kw_only=True)
class ParsedPredictions:
    """A table with its readable cases.

    Attributes:
        table: table as text.
        predictions: predictions of the rows that have no fault of their own.
        faults: faults by row, then by column.
    """

    table: Table
    predictions: Predictions
    faults: tuple[Fault, ...]


def read_predictions(path: Path) -> Predictions:
    """Read a table of predictions.

    Raises:
        CohortError: the table is unreadable or has a fault; the message names the first.
    """
    parsed = parse_predictions(path)
    require_no_faults(path, parsed.faults, lister=LISTER)
    return parsed.predictions


def parse_predictions(path: Path) -> ParsedPredictions:
    """Read a table and find every fault of its text.

    Raises:
        CohortError: the file is not a readable table.
    """
    table = read_table(path)
    faults = [*table.faults, *missing_columns(table.columns, REQUIRED_COLUMNS)]
    faults += _misspelt(table.columns, {fault.problem for fault in faults})
    probabilities = _by_column(probability_column)
    if not probabilities.keys() & set(table.columns):
        problem = f"there is no column of probabilities; add at least one of {', '.join(probabilities)}"
        faults.append(Fault(row=HEADER_ROW, column="", problem=problem))
    cases = []
    for row in table.rows:
        case, found = _parse_row(row)
        faults += found
        cases += [case] if case else []
    faults += doubled_names(table.rows)
    for column in ("split", "diagnosis", "sex"):
        faults += disagreements(table.rows, column)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    predictions = Predictions(source=path, sha256=digest, columns=table.columns, cases=tuple(cases))
    return ParsedPredictions(table=table, predictions=predictions, faults=in_order(faults, table.columns))


def in_order(faults: Sequence[Fault], columns: Sequence[str]) -> tuple[Fault, ...]:
    """Sort faults by row, then in the order of the table's columns."""
    place = {column: index for index, column in enumerate(("", *columns))}
    return tuple(sorted(faults, key=lambda fault: (fault.row, place.get(fault.column, len(place)), fault.column)))


def _misspelt(columns: Sequence[str], told: set[str]) -> list[Fault]:
    """Return a fault for each name that resembles a known column which the table lacks."""
    known = [*_parsers(columns), "rater_1"]
    faults = []
    for name in columns:
        near = get_close_matches(name, known, n=1, cutoff=VERY_ALIKE)
        if not near or near[0] in columns or any(f'"{name}"' in problem for problem in told):
            continue
        problem = f'is not a known column; rename it "{near[0]}" if that is meant, or else less like it'
        faults.append(Fault(row=HEADER_ROW, column=name, problem=problem))
    return faults


def _parsers(columns: Sequence[str]) -> dict[str, Parser]:
    return (
        {column: PARSERS[column] for column in _FACTS}
        | dict.fromkeys(filter(RATER_COLUMN.fullmatch, columns), rated)
        | dict.fromkeys(_by_column(probability_column), _probability)
        | dict.fromkeys(_by_column(_with_t1c), _probability)
        | dict.fromkeys(_by_column(zone_column), _zone)
        | dict.fromkeys(MEASURES, _measure)
        | {FLAGGED: yes_no, MASK_PROVENANCE: _provenance}
    )


def _parse_row(row: Row) -> tuple[Prediction | None, list[Fault]]:
    parsers = _parsers(tuple(row.cells))
    values, faults = parse_cells(row, parsers, partial(_problem_of_emptiness, row=row))
    if faults or any(values[column] is None for column in ("case", "split")):
        return None, faults
    case = Prediction(
        row=row.number,
        name=values["case"],
        patient=values["patient"] or values["case"],
        split=values["split"],
        diagnosis=values["diagnosis"],
        stated_difficult=values["difficult"],
        sex=values["sex"],
        age_years=values["age_years"],
        raters={column: values[column] for column in parsers if RATER_COLUMN.fullmatch(column)},
        probabilities=_known(values, _by_column(probability_column)),
        with_t1c=_known(values, _by_column(_with_t1c)),
        zones={task.name: values[column] for column, task in _by_column(zone_column).items() if values[column]},
        overlap={name: values[name] for name in MEASURES if values[name] is not None},
        flagged=values[FLAGGED],
        mask_provenance=values[MASK_PROVENANCE],
        cells=row.cells,
    )
    return case, []


def _with_t1c(task: Task) -> str:
    return probability_column(task, with_t1c=True)


def _by_column(name: Callable[[Task], str]) -> dict[str, Task]:
    return {name(task): task for task in tree().tasks}


def _known(values: Mapping[str, Any], columns: Mapping[str, Task]) -> dict[str, float]:
    given = {task.name: values[column] for column, task in columns.items()}
    return {name: value for name, value in given.items() if value is not None and not math.isnan(value)}


def _problem_of_emptiness(column: str, *, row: Row) -> str | None:
    if column not in row.cells:
        return None
    if column in (*REQUIRED_COLUMNS, "patient"):
        return "is empty; fill it"
    task = _by_column(probability_column).get(column)
    if task is None:
        return None
    split = read_cell("split", row.cells.get("split", ""))
    diagnosis = read_cell("diagnosis", row.cells.get("diagnosis", ""))
    if split in JUDGED and isinstance(diagnosis, Diagnosis) and task.applies_to(diagnosis):
        return f"is empty, and the task applies to this case; give the probability, or write {NONE}"
    return None


def _probability(text: str) -> float:
    return math.nan if text.lower() == NONE else _between_0_and_1(text)


def _zone(text: str) -> Zone:
    try:
        return Zone(text.lower())
    except ValueError:
        words = listed(zone.value for zone in Zone)
        raise ValueError(f'"{text}" is not a zone of activation; write {words}') from None


def _measure(text: str) -> float:
    try:
        return float(text.replace(",", "."))  # nan and inf are measures, too
    except ValueError:
        raise ValueError(f'"{text}" is not a number; write one, or nothing where the measure is not defined') from None


_provenance = word("a way a mask came about", {name: name for name in get_args(MaskProvenance)})
_between_0_and_1: Callable[[str], float] = number("a probability", 0.0, 1.0)
