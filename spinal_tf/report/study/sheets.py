"""Rows of numbers as columns of text: limits and counts joined, words spelled out, digits as the column needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from spinal_tf.evaluation import overlap_text
from spinal_tf.evaluation.evaluation_rows import Cell, Row
from spinal_tf.evaluation.evaluation_text import LABELS, printed_task
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.summary_text import printed_p
from spinal_tf.report.words import number
from spinal_tf.results import Zone
from spinal_tf.taxonomy import tree

HEADINGS = {
    "tp": "True positive",
    "fn": "False negative",
    "tn": "True negative",
    "fp": "False positive",
    "auc": "AUC",
    "brier": "Brier score",
    "ece": "Calibration error",
    "formula": "Interval by formula",
    "bootstrap": "Interval by bootstrap",
    "wilson": "Wilson's interval",
    "bin": "Probability from, to",
    "cross_fitted": "Cross-fitted",
    "p_holm": "p, Holm",
    "p": "p",
    "iou": "IoU",
    "nsd_1mm": "NSD at 1 mm",
    "nsd_2mm": "NSD at 2 mm",
    "hd95_mm": "HD95, mm",
    "ssim": "SSIM",
    "depends_on_weights": "Depends on the weights",
    "first_cases": "Cases",
    "outside_task": "Outside of the task",
    "net_benefit_everybody": "Net benefit, all positive",
}
"""Headings of columns whose names do not read as words."""

UNITS = {"_mm": ", mm", "_ml": ", mL", "_years": ", years"}

SPELT = {
    "set": {case_set.value: case_set.printed for case_set in CaseSet},
    "measure": overlap_text.LABELS | LABELS,
    "zone": {zone.value: zone.printed for zone in Zone},
}
"""Printed words for the values of columns that files write differently."""

NAMES = ("measure", "rule", "group")
"""Columns whose other values are names, to be printed like headings."""

MEASURE = "measure"
NUMERATOR, DENOMINATOR = "count", "total"
LOW, HIGH = "_low", "_high"
PROBABILITIES = ("p", "p_holm")
SIGNED = ("difference",)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table as shown.

    Attributes:
        header: headings of the columns.
        rows: rows with one text per column.
        numeric: indices of the columns that hold numbers.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int]

    @property
    def headings(self) -> int:
        """Number of leading columns that describe a row: those before the first number, at least one."""
        return max(1, min(self.numeric, default=1))


@dataclass(frozen=True, kw_only=True)
class _Column:
    """A column: a heading and one text per row."""

    heading: str
    texts: tuple[str, ...]
    numeric: bool


def sheet(rows: Sequence[Row], *, without: Sequence[str] = ()) -> Sheet:
    """Lay out rows; columns without any known value are left out.

    Args:
        rows: at least one row, all with the same keys.
        without: keys to leave out.
    """
    names = [name for name in rows[0] if name not in without and any(row[name] is not None for row in rows)]
    columns = list(_columns(names, rows))
    return Sheet(
        header=tuple(column.heading for column in columns),
        rows=tuple(zip(*(column.texts for column in columns), strict=True)),
        numeric=frozenset(place for place, column in enumerate(columns) if column.numeric),
    )


def _columns(names: Sequence[str], rows: Sequence[Row]) -> Iterator[_Column]:
    second = {mate for name in names if (mate := _mate(name)) in names}
    for name in names:
        mate = _mate(name)
        if mate in second:
            yield _intervals(name, mate, rows) if name.endswith(LOW) else _counts(name, mate, rows)
        elif name not in second:
            yield _plain(name, rows)


def _mate(name: str) -> str:
    """Return the name of the column to join with this one (upper limit or denominator); empty for other columns."""
    if name.endswith(LOW):
        return name.removesuffix(LOW) + HIGH
    return name.removesuffix(NUMERATOR) + DENOMINATOR if name.endswith(NUMERATOR) else ""


def _counts(name: str, mate: str, rows: Sequence[Row]) -> _Column:
    texts = tuple(text(None) if row[name] is None else f"{row[name]}/{row[mate]}" for row in rows)
    of = name.removesuffix(NUMERATOR).rstrip("_")
    return _Column(heading=", ".join(filter(None, (heading(of), "n/N"))), texts=texts, numeric=True)


def _intervals(name: str, mate: str, rows: Sequence[Row]) -> _Column:
    decimals = _decimals((name, mate), rows)

    def shown(row: Row) -> str:
        if row[name] is None or row[mate] is None:
            return text(None)
        digits = decimals[row.get(MEASURE)]
        return f"{row[name]:.{digits}f} to {row[mate]:.{digits}f}"

    return _Column(heading=heading(name.removesuffix(LOW)), texts=tuple(map(shown, rows)), numeric=True)


def _plain(name: str, rows: Sequence[Row]) -> _Column:
    decimals = _decimals((name,), rows)
    sign = "+" if name in SIGNED else ""

    def shown(row: Row) -> str:
        cell = row[name]
        if not isinstance(cell, float):
            return _spelt(name, cell) if isinstance(cell, str) else text(cell)
        digits = decimals[row.get(MEASURE)]
        rounded = round(cell, digits) + 0.0  # no negative zero
        return printed_p(cell) if name in PROBABILITIES else f"{rounded:{sign}.{digits}f}"

    numeric = any(isinstance(row[name], (int, float)) and not isinstance(row[name], bool) for row in rows)
    return _Column(heading=heading(name), texts=tuple(map(shown, rows)), numeric=numeric)


def _spelt(name: str, word: str) -> str:
    return {**SPELT, **_spelt_by_tree()}.get(name, {}).get(word) or (heading(word) if name in NAMES else word)


def _spelt_by_tree() -> dict[str, dict[str, str]]:
    diagnoses = {diagnosis.value: diagnosis.printed for diagnosis in tree().diagnoses}
    return {
        "task": {task.name: printed_task(task) for task in tree().tasks},
        "diagnosis": diagnoses,
        "group": diagnoses,
    }


def _decimals(names: Sequence[str], rows: Sequence[Row]) -> Mapping[Cell, int]:
    """Return the number of decimals: three for fractions of 1, fewer for larger numbers.

    All given columns share the decimals that they need; if rows are of different measures, each measure has its own,
    shared by all columns.
    """
    measured = MEASURE in rows[0]
    largest: dict[Cell, float] = dict.fromkeys([row.get(MEASURE) for row in rows], 0.0)
    for row in rows:
        cells = [row[name] for name in (row if measured else names)]
        kind = row.get(MEASURE)
        largest[kind] = max([largest[kind], *(abs(cell) for cell in cells if isinstance(cell, float))])
    steps = ((3, 1), (2, 10), (1, 100))
    return {kind: next((digits for digits, limit in steps if most <= limit), 0) for kind, most in largest.items()}


def text(cell: Cell) -> str:
    """Format a cell regardless of its column; a dash for None."""
    if cell is None:
        return number(None, digits=0)
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return number(cell, digits=3) if isinstance(cell, float) else str(cell)


def heading(name: str) -> str:
    """Return a column's heading: "Second value" for ``second_value``, "Volume error, mL" for ``volume_error_ml``."""
    if name in HEADINGS:
        return HEADINGS[name]
    unit = next((unit for unit in UNITS if name.endswith(unit)), "")
    words = name.removesuffix(unit).replace("_", " ")
    return words[:1].upper() + words[1:] + UNITS.get(unit, "")
