"""Permitted contents of each column of a cohort's table; docs/cohort.md shows the same as a table."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from spinal_tf.cohort.case import HEALTHY, Case, Level, Sex, Split
from spinal_tf.cohort.table import Fault, Row
from spinal_tf.file_names import as_named
from spinal_tf.prediction_options import LABEL_OR_THRESHOLD
from spinal_tf.structures import STRUCTURES, Structure
from spinal_tf.taxonomy import Diagnosis, tree

IMAGE_COLUMNS = ("t2", "t1c", "mask")

MASK_VALUE_COLUMNS = ("mask_label", "mask_threshold")
"""Optional columns: which values of the mask are lesion; at most one of them is filled in a row."""

CORD_COLUMN = "cord"
"""Optional column: path of a cord mask. Training reads it so that crops lie along the spine."""
MODEL_MASK_COLUMN = "model_mask"
"""Optional column: path of a mask drawn by a segmenter.

Training reads it so that classifiers get used to such masks, or a segmenter makes fewer errors.
"""
ANATOMY_COLUMN = "anatomy"
"""Optional column: path of a label map, see `spinal_tf.images.anatomy_map`. The anatomy network learns from it."""
ANATOMY_STRUCTURES_COLUMN = "anatomy_structures"
"""Optional column: structures that the label map labels, separated by semicolons; empty for all."""
FILE_COLUMNS = (*IMAGE_COLUMNS, CORD_COLUMN, MODEL_MASK_COLUMN, ANATOMY_COLUMN, "levels", "vertebrae")
"""Columns that hold paths; the simulator writes the last two."""
REQUIRED_COLUMNS = ("case", "patient", "t2", "mask", "diagnosis", "split")
"""Columns that a table must have. Their cells must be filled, except for the mask of a healthy case."""

RATER_COLUMN = re.compile(r"rater_\d+")
Parser = Callable[[str], object]
"""Function that reads the text of a cell; raises ValueError with the problem."""

OLDEST_YEARS = 120.0
FIRST_SCAN = date(1980, 1, 1)
"""Earliest accepted scan date; patients had no MRI scans before."""

LARGEST_VALUE = 65535
"""Largest label or threshold of a mask, that of 16 bits."""

MOST_VERTEBRAE = 33.0
STRONGEST_T = 12.0


def diagnosis_words() -> dict[str, Diagnosis | None]:
    """Return the words permitted in the column ``diagnosis``, each with its diagnosis."""
    return {diagnosis.value: diagnosis for diagnosis in tree().diagnoses} | {HEALTHY: None}


def parse_row(row: Row, folder: Path, *, need_split: bool = True) -> tuple[Case | None, list[Fault]]:
    """Read the cells of one row, without reading its images.

    Args:
        row: row of the table.
        folder: folder of the table; relative paths start there.
        need_split: whether the cell ``split`` must be filled.

    Returns:
        The case, or None if a cell cannot be read, and every fault of the row in the order of the columns.
    """
    raters = dict.fromkeys(filter(RATER_COLUMN.fullmatch, row.cells), rated)
    emptiness = partial(_problem_of_emptiness, cells=row.cells, need_split=need_split)
    cells, faults = parse_cells(row, PARSERS | raters, emptiness)
    values = {_ATTRIBUTES.get(column, column): value for column, value in cells.items()}
    if values.get("mask_label") is not None and values.get("mask_threshold") is not None:
        faults.append(Fault(row=row.number, column="mask_threshold", problem=LABEL_OR_THRESHOLD))
    if faults or any(values[name] is None for name in ("name", "patient", "t2")):
        return None, faults
    paths = {column: folder / values[column] for column in IMAGE_COLUMNS if values[column]}
    rated_by = {column: values.pop(column) for column in raters}
    extra = {column: text for column, text in row.cells.items() if column not in PARSERS | raters}
    return Case(row=row.number, raters=rated_by, extra=extra, **values | paths), faults


def parse_cells(
    row: Row, parsers: Mapping[str, Parser], emptiness: Callable[[str], str | None]
) -> tuple[dict[str, Any], list[Fault]]:
    """Read some columns of a row.

    Args:
        row: row of the table; a missing column counts as empty.
        parsers: parser of each column.
        emptiness: function that returns the problem of an empty column, or None if it may be empty.

    Returns:
        The value of each readable column (None if it is empty), and the faults.
    """
    values: dict[str, Any] = {}
    faults = []
    for column, parse in parsers.items():
        text = row.cells.get(column, "")
        problem = None if text else emptiness(column)
        try:
            values[column] = parse(text) if text else None
        except ValueError as error:
            problem = str(error)
        if problem:
            faults.append(Fault(row=row.number, column=column, problem=problem))
    return values, faults


def read_cell(column: str, text: str) -> object:
    """Return the value of a cell of a known column, or None if it is empty or unreadable."""
    try:
        return PARSERS[column](text) if text else None
    except ValueError:
        return None


def known_columns() -> tuple[str, ...]:
    """Return the columns that are read, in the order of the schema, without the raters' (``rater_1`` and so on)."""
    return tuple(PARSERS)


def _problem_of_emptiness(column: str, *, cells: Mapping[str, str], need_split: bool) -> str | None:
    if column not in REQUIRED_COLUMNS or column not in cells:  # a missing column is one fault, not one per row
        return None
    if column == "split" and not need_split:
        return None
    if column == "mask" and cells.get("diagnosis", "").lower() == HEALTHY:
        return None
    remedies = {
        "mask": f"name the lesion mask, or give the diagnosis {HEALTHY}",
        "diagnosis": f"write {listed(diagnosis_words())}",
        "split": f"write {listed(_values(Split))}",
    }
    return f"is empty; {remedies.get(column, 'fill it')}"


def structures_in(text: str) -> tuple[Structure, ...]:
    """Return the structures that a cell ``anatomy_structures`` lists; all if it is empty.

    Raises:
        ValueError: a word is not a structure.
    """
    parse = word("a structure of the anatomy", _values(Structure))
    named = [Structure(parse(part.strip())) for part in text.split(";") if part.strip()]
    return tuple(named) or STRUCTURES


def _name(text: str) -> str:
    if any(sign in text for sign in "/\\") or text.startswith("."):
        raise ValueError(f'"{text}" cannot name files; write it without slashes and without a dot in front')
    return text


def _path(text: str) -> Path:
    if "\\" in text:
        raise ValueError(f'"{text}" has backslashes; write / between folders')
    return Path(as_named(text))


def word(
    what: str,
    words: Mapping[str, object] | Callable[[], Mapping[str, object]],
    also: Mapping[str, object] | None = None,
) -> Parser:
    """Return a parser that accepts one of a few words, in upper or lower case.

    Args:
        what: what the word stands for, with its article; used in the fault.
        words: words and their values, or a function that returns them if they depend on the tree of diagnoses.
        also: further words that are accepted but not offered in the fault.
    """

    def parse(text: str) -> object:
        offered = words() if callable(words) else words
        known = {**offered, **(also or {})}
        if text.lower() not in known:
            raise ValueError(f'"{text}" is not {what}; write {listed(offered)}')
        return known[text.lower()]

    return parse


def listed(words: Iterable[str], *, joint: str = "or") -> str:
    """Join words as in a sentence: ``a, b or c``."""
    *most, last = words
    return f"{', '.join(most)} {joint} {last}" if most else last


def _values(words: type[Enum]) -> dict[str, object]:
    return {str(member.value): member for member in words}


def number(what: str, smallest: float, largest: float) -> Callable[[str], float]:
    """Return a parser of a number; the decimal separator may be a comma.

    Args:
        what: what the number stands for, with its article; used in the fault.
        smallest: smallest accepted number.
        largest: largest accepted number; NaN is never accepted.
    """

    def parse(text: str) -> float:
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            value = math.nan
        if not smallest <= value <= largest:
            raise ValueError(f'"{text}" is not {what}; write a number from {smallest:g} to {largest:g}')
        return value

    return parse


def _label(text: str) -> int:
    value = number("a label of a mask", 1, LARGEST_VALUE)(text)
    if not value.is_integer():
        raise ValueError(f'"{text}" is not a label of a mask; write a whole number')
    return int(value)


def _tesla(text: str) -> float:
    return number("a field strength in tesla", 0.01, STRONGEST_T)(text.upper().removesuffix("T").strip())


def _date(text: str) -> date:
    # Newer versions of Python also read 20190331 and 2019-W13-7.
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError(f'"{text}" is not a date; write year, month and day as 2019-03-31')
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f'"{text}" is not a day of the calendar; write year, month and day as 2019-03-31') from None
    if not FIRST_SCAN <= day <= date.today():
        when = "in the future" if day > FIRST_SCAN else f"before {FIRST_SCAN.year}, when nobody was scanned"
        raise ValueError(f'"{text}" lies {when}; correct it')
    return day


rated = word("a rater's diagnosis", lambda: {diagnosis.value: diagnosis for diagnosis in tree().diagnoses})
yes_no = word("an answer", {"yes": True, "no": False}, {"true": True, "1": True, "false": False, "0": False})
_ATTRIBUTES = {"case": "name", "field_strength": "field_strength_t"}
PARSERS: dict[str, Parser] = {
    "case": _name,
    "patient": str,
    "t2": _path,
    "t1c": _path,
    "mask": _path,
    "mask_label": _label,
    "mask_threshold": number("a threshold of a mask", 0.001, LARGEST_VALUE),
    "diagnosis": word("a diagnosis", diagnosis_words),
    "split": word("a split", _values(Split)),
    "sex": word("a sex", _values(Sex), {"f": Sex.FEMALE, "m": Sex.MALE}),
    "age_years": number("an age in years", 0.0, OLDEST_YEARS),
    "scan_date": _date,
    "difficult": yes_no,
    "scanner": str,
    "field_strength": _tesla,
    "level": word("a lesion level", _values(Level)),
    "extent_vertebrae": number("a number of vertebrae", 0.1, MOST_VERTEBRAE),
    "enhancement": yes_no,
}
