"""Reading of CSV tables as people and spreadsheets save them, with faults by row and column."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from spinal_tf.errors import CohortError

DELIMITERS = ",;\t"
"""Spreadsheets write semicolons if the comma is the decimal separator, and tabs in "Unicode text"."""

HEADER_ROW = 1

MAXIMUM_BYTES = 50_000_000
"""Largest table read; a hundred thousand cases take about half of it."""

MOST_COLUMNS = 1000
"""Largest number of columns; a table with more is another file, and comparing its names would take minutes."""

_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_LONG_CELL = re.compile('"([^"]{60})[^"]{20,}"')
_LINE_END = re.compile("\r\n|\r|\n")
_NAMED_DELIMITER = re.compile(rf'"?sep=([{DELIMITERS}])"?')
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault of a table or an image, in one line whatever the cells hold.

    Attributes:
        row: row number as in a spreadsheet, where the header is row 1.
        column: name of the column; empty if the fault concerns the whole row.
        problem: one plain sentence without a full stop.
    """

    row: int
    column: str
    problem: str

    def __post_init__(self) -> None:
        """Replace line breaks and control characters, and shorten long cells."""
        for name in ("column", "problem"):
            printable = "".join(sign if sign.isprintable() else " " for sign in getattr(self, name))
            object.__setattr__(self, name, _LONG_CELL.sub(r'"\1..."', printable))

    def __str__(self) -> str:
        """Return the fault as shown in a list."""
        place = f"row {self.row}, {self.column}" if self.column else f"row {self.row}"
        return f"{place}: {self.problem}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row below the header.

    Attributes:
        number: row number as in a spreadsheet.
        cells: text of each column by its lower-case name, without leading and trailing blanks.
    """

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as text.

    Attributes:
        source: path of the file.
        header: names of the columns as written.
        rows: rows with as many cells as the header, without empty ones.
        faults: faults of the header, and rows with a wrong number of cells.
    """

    source: Path
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns in lower case, as used for look-up."""
        return tuple(name.lower() for name in self.header)


def read_table(path: Path) -> Table:
    """Read a CSV table: comma, semicolon or tab between cells, UTF-8 with or without byte order mark, or UTF-16.

    Raises:
        CohortError: the file does not exist, is not a text table in one of these encodings, has unmatched quotation
            marks, or has no row below the header.
    """
    records = _records(_text(path), path)
    if not records:
        raise CohortError(f"{path.name}: is empty; give a table with a header and one row for each case")
    header = tuple(name.strip() for name in _without_empty_end(records[0][1]))
    if len(header) > MOST_COLUMNS:
        raise CohortError(f"{path.name}: has {len(header)} columns, more than {MOST_COLUMNS}; give the table of cases")
    names = tuple(name.lower() for name in header)
    faults = _header_faults(names)
    rows = []
    for number, texts in records[1:]:
        cells = [text.strip() for text in texts]
        cells = cells[: len(names)] if not any(cells[len(names) :]) else cells
        if len(cells) == len(names):
            rows.append(Row(number=number, cells=dict(zip(names, cells, strict=True))))
        else:
            faults.append(Fault(row=number, column="", problem=_miscounted(len(cells), len(names))))
    if len(records) == 1:
        raise CohortError(f"{path.name}: has a header and no cases; add one row for each case")
    return Table(source=path, header=header, rows=tuple(rows), faults=tuple(faults))


def _text(path: Path) -> str:
    if path.is_dir():
        raise CohortError(f"{path}: is a folder; give the table itself, for example {path / 'cohort.csv'}")
    if path.exists() and not path.is_file():
        raise CohortError(f"{path.name}: is not a regular file; save the table as CSV, UTF-8")
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise CohortError(f"{path.name}: is larger than {MAXIMUM_BYTES // 10**6} MB; give the table of cases")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise CohortError(f"{path.name}: there is no such file in {path.parent}; check the path") from error
    except OSError as error:
        raise CohortError(f"{path.name}: cannot be read ({error.strerror})") from error
    if data.startswith(_WORKBOOKS):
        raise CohortError(f"{path.name}: is a spreadsheet program's own file; save it as CSV, UTF-8")
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CohortError(f"{path.name}: line {line} is not UTF-8 text; save the table as CSV, UTF-8") from error
    return text


def _records(text: str, path: Path) -> list[tuple[int, list[str]]]:
    """Return number and cells of every row that is not empty."""
    first, *others = _LINE_END.split(text, maxsplit=1)
    # Spreadsheets write a first line "sep=;" to name the delimiter, and do not show it as a row.
    if others and (named := _NAMED_DELIMITER.fullmatch(first.lower())):
        [text] = others
        delimiter = named[1]
    else:
        delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records = []
    number = 0
    try:
        for number, texts in enumerate(reader, start=HEADER_ROW):
            if any(text.strip() for text in texts):
                records.append((number, texts))
    except csv.Error as error:
        problem = f"cannot be read below row {number} ({error}); look for a single quotation mark there"
        raise CohortError(f"{path.name}: {problem}, or save the table again as CSV, UTF-8") from error
    return records


def _without_empty_end(texts: list[str]) -> list[str]:
    last = max((index for index, text in enumerate(texts) if text.strip()), default=-1)
    return texts[: last + 1]


def _header_faults(names: tuple[str, ...]) -> list[Fault]:
    faults = [
        Fault(row=HEADER_ROW, column=name, problem=f"{count} columns have this name; keep one of them")
        for name, count in Counter(names).items()
        if name and count > 1
    ]
    unnamed = [index for index, name in enumerate(names, start=1) if not name]
    return faults + [
        Fault(row=HEADER_ROW, column="", problem=f"column {index} has no name; name it or remove it")
        for index in unnamed
    ]


def _miscounted(cells: int, columns: int) -> str:
    remedy = "put quotation marks around a cell that holds the delimiter" if cells > columns else "add the missing ones"
    return f"has {cells} cells where the header has {columns}; {remedy}"
