"""Tables as CSV files: UTF-8, with a header of column names."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
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
