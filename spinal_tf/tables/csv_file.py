"""Tables as CSV files: UTF-8, with a header of column names."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from spinal_tf.files import output_files


def write_csv(path: Path, rows: Iterable[Mapping[str, object]], columns: Sequence[str] = ()) -> None:
    """Write rows that all have the same columns; without rows and columns, the file is empty.

    Args:
        path: file to write.
        rows: values by name of the column; None is an empty cell.
        columns: names of the columns; those of the first row by default.
    """
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, columns or list(rows[0] if rows else ()))
        if table.fieldnames:
            table.writeheader()
        table.writerows(rows)


def replace_csv(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows; an existing file is replaced as a whole.

    Raises:
        OutputError: it cannot be written.
    """
    with output_files(path, overwrite=True) as (temporary,):
        write_csv(temporary, rows)


def read_numbers(path: Path) -> list[dict[str, float]]:
    """Read rows of numbers, whole ones as integers; an empty list if the file does not exist.

    Raises:
        ValueError: a cell is not a number, or a row has too few or too many cells.
    """
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return [{name: _number(str(text)) for name, text in row.items()} for row in rows]


def _number(text: str) -> float:
    return int(text) if text.isdecimal() else float(text)
