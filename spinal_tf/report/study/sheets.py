"""Rows of numbers as columns of text: limits and counts joined, words spelt out, as many digits as the column needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spinal_tf.evaluation.evaluation_rows import Cell, Row
from spinal_tf.evaluation.evaluation_text import LABELS, printed_task
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.summary_text import printed_p
from spinal_tf.report.words import number
from spinal_tf.taxonomy import TASKS, Diagnosis

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
    "outside_task": "Outside of the task",
    "net_benefit_everybody": "Net benefit, all positive",
}
"""Of columns whose names do not read as words."""

UNITS = {"_mm": ", mm", "_ml": ", mL", "_years": ", years"}

SPELT = {
    "set": {case_set.value: case_set.printed for case_set in CaseSet},
    "task": {task.name: printed_task(task) for task in TASKS},
    "measure": LABELS,
    "diagnosis": {diagnosis.value: diagnosis.printed for diagnosis in Diagnosis},
}
"""Words of columns that are written otherwise in files."""

NUMERATOR, DENOMINATOR = "count", "total"
LOW, HIGH = "_low", "_high"
PROBABILITIES = ("p", "p_holm")
SIGNED = ("difference",)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table as it is shown.

    Attributes:
        header: of the columns.
        rows: as many texts each.
        numeric: places of the columns that hold numbers.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int]

    @property
    def headings(self) -> int:
        """How many columns, from the first on, say what a row is about: those before the first number, at least one."""
        return max(1, min(self.numeric, default=1))


@dataclass(frozen=True, kw_only=True)
class _Column:
    """A heading and a text for each row."""

    heading: str
    texts: tuple[str, ...]
    numeric: bool


def sheet(rows: Sequence[Row], *, without: Sequence[str] = ()) -> Sheet:
    """Lay rows out; a column in which nothing is known is left out.

    Args:
        rows: at least one, all with the same keys.
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
    joined = {stem + HIGH for name in names if (stem := name.removesuffix(LOW)) != name} & set(names)
    for name in names:
        stem = name.removesuffix(LOW)
        if stem != name and stem + HIGH in joined:
            texts = _intervals([row[name] for row in rows], [row[stem + HIGH] for row in rows])
            yield _Column(heading=heading(stem), texts=texts, numeric=True)
        elif name == NUMERATOR and DENOMINATOR in names:
            texts = tuple(f"{text(row[name])}/{text(row[DENOMINATOR])}" for row in rows)
            yield _Column(heading="Cases", texts=texts, numeric=True)
        elif name not in joined and not (name == DENOMINATOR and NUMERATOR in names):
            yield _plain(name, [row[name] for row in rows])


def _plain(name: str, cells: Sequence[Cell]) -> _Column:
    numbers = [cell for cell in cells if isinstance(cell, (int, float)) and not isinstance(cell, bool)]
    decimals = _decimals(numbers)
    spelt = SPELT.get(name, {})

    def shown(cell: Cell) -> str:
        if name in PROBABILITIES:
            return printed_p(cell) if isinstance(cell, float) else text(cell)
        if isinstance(cell, float):
            return f"{cell:+.{decimals}f}" if name in SIGNED else f"{cell:.{decimals}f}"
        return spelt.get(cell, cell) if isinstance(cell, str) else text(cell)

    return _Column(heading=heading(name), texts=tuple(map(shown, cells)), numeric=bool(numbers))


def _intervals(low: Sequence[Cell], high: Sequence[Cell]) -> tuple[str, ...]:
    ends = [(float(a), float(b)) for a, b in zip(low, high, strict=True) if a is not None and b is not None]
    decimals = _decimals([end for pair in ends for end in pair])
    return tuple(
        text(None) if a is None or b is None else f"{float(a):.{decimals}f} to {float(b):.{decimals}f}"
        for a, b in zip(low, high, strict=True)
    )


def _decimals(numbers: Sequence[float]) -> int:
    """Digits behind the point for a column: three for fractions of 1, fewer the larger its numbers are."""
    largest = max((abs(one) for one in numbers), default=0)
    return next((digits for digits, limit in ((3, 1), (2, 10), (1, 100)) if largest <= limit), 0)


def text(cell: Cell) -> str:
    """A cell without regard to its column; a dash for nothing."""
    if cell is None:
        return number(None, digits=0)
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return number(cell, digits=3) if isinstance(cell, float) else str(cell)


def heading(name: str) -> str:
    """Of a column: ``second_value`` is "Second value", ``volume_error_ml`` "Volume error, mL"."""
    if name in HEADINGS:
        return HEADINGS[name]
    unit = next((unit for unit in UNITS if name.endswith(unit)), "")
    words = name.removesuffix(unit).replace("_", " ")
    return words[:1].upper() + words[1:] + UNITS.get(unit, "")
