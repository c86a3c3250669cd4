"""Reading of a cohort: parses each row of the table, then checks rows against each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path

from spinal_tf.cohort.case import Case, Cohort
from spinal_tf.cohort.cells import PARSERS, REQUIRED_COLUMNS, known_columns, parse_row, read_cell
from spinal_tf.cohort.table import HEADER_ROW, Fault, Row, Table, read_table
from spinal_tf.errors import CohortError
from spinal_tf.taxonomy import Diagnosis

ALIKE = 0.6
"""Similarity from which a column may be a misspelling of a missing one."""

_MOST_SHOWN, _LONGEST_SHOWN = 20, 40
"""Number of columns, and length of their names, that a message shows."""

COHORT_LISTER = "spinal-tf cohort check lists them"


@dataclass(frozen=True, kw_only=True)
class ParsedTable:
    """A table with its readable cases.

    Attributes:
        table: table as text.
        cases: cases of the rows that have no fault of their own.
        faults: faults by row, then by column in the order of the schema; images are not checked.
    """

    table: Table
    cases: tuple[Case, ...]
    faults: tuple[Fault, ...]


def read_cohort(path: Path, *, need_split: bool = True) -> Cohort:
    """Read a cohort's table without opening images.

    Args:
        path: path of the table; see docs/cohort.md.
        need_split: whether the table must have a split; False for a table that is about to be split.

    Raises:
        CohortError: the table is unreadable or has a fault; the message names the first.
    """
    parsed = parse_table(path, need_split=need_split)
    require_no_faults(path, parsed.faults)
    return Cohort(source=path, cases=parsed.cases)


def parse_table(path: Path, *, need_split: bool = True) -> ParsedTable:
    """Read a table and find every fault of its text.

    Raises:
        CohortError: the file is not a readable table.
    """
    table = read_table(path)
    needed = [column for column in REQUIRED_COLUMNS if need_split or column != "split"]
    faults = [*table.faults, *missing_columns(table.columns, needed)]
    cases = []
    for row in table.rows:
        case, found = parse_row(row, path.parent, need_split=need_split)
        faults += found
        cases += [case] if case else []
    faults += doubled_names(table.rows)
    for column in ("split", "diagnosis", "sex"):
        faults += disagreements(table.rows, column)
    return ParsedTable(table=table, cases=tuple(cases), faults=in_order(faults))


def require_no_faults(path: Path, faults: Sequence[Fault], *, lister: str = COHORT_LISTER) -> None:
    """Reject a table with faults.

    Args:
        path: path of the table.
        faults: faults in order.
        lister: hint for the message on how to list all faults.

    Raises:
        CohortError: there are faults; the message names the first, and for several also their number and the hint.
    """
    if len(faults) == 1:
        raise CohortError(f"{path.name}: {faults[0]}")
    if faults:
        raise CohortError(f"{path.name}: {faults[0]}; {len(faults)} faults in all, {lister}")


def in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Sort faults by row, then by column in the order of the schema."""
    order = {column: place for place, column in enumerate(("", *known_columns()))}
    return tuple(sorted(faults, key=lambda fault: (fault.row, order.get(fault.column, len(order)), fault.column)))


def missing_columns(columns: Sequence[str], needed: Iterable[str]) -> list[Fault]:
    """Return a fault for each missing column, with the most similar name in the table."""
    faults = []
    for column in needed:
        if column in columns:
            continue
        near = get_close_matches(column, [name for name in columns if name not in PARSERS], n=1, cutoff=ALIKE)
        hint = f'rename "{near[0]}" if that is meant' if near else f"the table has {_some(columns)}"
        faults.append(Fault(row=HEADER_ROW, column=column, problem=f"there is no such column; {hint}"))
    return faults


def _some(columns: Sequence[str]) -> str:
    named = [f"{name[:_LONGEST_SHOWN]}..." if len(name) > _LONGEST_SHOWN else name for name in columns if name]
    rest = f" and {len(named) - _MOST_SHOWN} more" if len(named) > _MOST_SHOWN else ""
    return f"{', '.join(named[:_MOST_SHOWN])}{rest}"


def doubled_names(rows: Sequence[Row]) -> list[Fault]:
    """Return a fault for each case with the name of an earlier one."""
    first: dict[str, int] = {}
    faults = []
    for row in rows:
        name = row.cells.get("case", "")
        earlier = first.setdefault(name, row.number)
        if name and earlier != row.number:
            problem = f'"{name}" is also the name of row {earlier}; give each case its own'
            faults.append(Fault(row=row.number, column="case", problem=problem))
    return faults


def disagreements(rows: Sequence[Row], column: str) -> list[Fault]:
    """Return a fault for each row that contradicts an earlier row of the same patient in a column."""
    first: dict[str, tuple[str, int]] = {}
    faults = []
    for row in rows:
        patient, value = row.cells.get("patient", ""), _word_in(row, column)
        if not patient or value is None:
            continue
        before, number = first.setdefault(patient, (value, row.number))
        if value != before:
            problem = f"patient {patient} is {value} here and {before} in row {number}; {_ONE_EACH[column]}"
            faults.append(Fault(row=row.number, column=column, problem=problem))
    return faults


def _word_in(row: Row, column: str) -> str | None:
    """Return the cell's word in canonical form, or None if it is empty, unreadable or ``healthy``."""
    value = read_cell(column, row.cells.get(column, ""))
    return (
        str(value.value) if isinstance(value, (Enum, Diagnosis)) else None
    )  # a patient may have been scanned while healthy


_ONE_EACH = {
    "split": "all cases of a patient belong to one split",
    "diagnosis": "a patient has one diagnosis, apart from healthy scans",
    "sex": "correct one of them",
}
