"""A table as shown: the text of every cell, and which columns hold numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

DASH = "\N{EN DASH}"
"""Text for unknown or undefined values on pages and in manuscripts."""


@dataclass(frozen=True)
class Column:
    """A column of a table whose rows are records of any kind.

    Attributes:
        heading: text above the column.
        text: function that formats the cell of a record.
        numeric: whether the cells are numbers, which are right-aligned.
        name: name of the column in a file; empty if the table has none.
    """

    heading: str
    text: Callable[[Any], str]
    numeric: bool = False
    name: str = ""


number_column = partial(Column, numeric=True)


@dataclass(frozen=True, kw_only=True)
class Table:
    """Cells of a table, from top to bottom.

    Attributes:
        header: headings of the columns; empty for a table without.
        rows: one text per column. A row of one cell is the title of the rows below it.
        numeric: indices of the columns that hold numbers.
        caption: meaning of the table.
        spans: headings above the header, each with the number of columns that it spans, from the second column on.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    caption: str = ""
    spans: tuple[tuple[str, int], ...] = ()

    @property
    def headings(self) -> int:
        """Number of leading columns that describe a row: those before the first number, at least one."""
        return max(1, min(self.numeric, default=1))


def filled(columns: Iterable[Column], records: Iterable[Any], *, caption: str = "") -> Table:
    """Fill a table with a row for each record."""
    columns = tuple(columns)
    return Table(
        header=tuple(column.heading for column in columns),
        rows=tuple(tuple(column.text(record) for column in columns) for record in records),
        numeric=frozenset(place for place, column in enumerate(columns) if column.numeric),
        caption=caption,
    )


def listed(
    caption: str, header: Sequence[str], rows: Iterable[Iterable[str]], *, numeric: bool = False, headings: int = 1
) -> Table:
    """Return a table of known texts.

    Args:
        caption: meaning of the table.
        header: headings of the columns.
        rows: one text per column.
        numeric: whether all columns hold numbers, but for the first ones.
        headings: number of first columns that describe a row.
    """
    numbers = frozenset(range(headings, len(header)) if numeric else ())
    return Table(header=tuple(header), rows=tuple(map(tuple, rows)), numeric=numbers, caption=caption)
