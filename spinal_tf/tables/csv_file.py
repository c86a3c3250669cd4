"""Tables as CSV files: UTF-8, with a header of column names."""

from __future__ import annotations

import csv
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path


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


def read_numbers(path: Path, *, whole: Container[str]) -> list[dict[str, float]]:
    """Read rows of numbers; an empty list if the file does not exist.

    Args:
        path: file to read.
        whole: names of the columns that hold whole numbers.
    """
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return [{name: int(text) if name in whole else float(text) for name, text in row.items()} for row in rows]
