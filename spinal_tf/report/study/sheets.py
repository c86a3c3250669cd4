"""Rows of values as a table: words spelled out, counts and limits joined, digits as the column needs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from spinal_tf.evaluation import overlap_text
from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.evaluation_rows import COUNTED, Row
from spinal_tf.evaluation.formats import LABELS, printed_p
from spinal_tf.evaluation.statistics.intervals import Interval
from spinal_tf.tables.table_model import DASH, Column, Table, filled
from spinal_tf.taxonomy import capitalized, tree

HEADINGS = {
    **overlap_text.LABELS,
    **LABELS,
    "tp": "True positive",
    "fn": "False negative",
    "tn": "True negative",
    "fp": "False positive",
    "brier": "Brier score",
    "ece": "Calibration error",
    "formula": "Interval by formula",
    "bootstrap": "Interval by bootstrap",
    "wilson": "Wilson's interval",
    "bin": "Probability from, to",
    "cross_fitted": "Cross-fitted",
    "p_holm": "p, Holm",
    "p": "p",
    "ssim": "SSIM",
    "depends_on_weights": "Depends on the weights",
    "first_cases": "Cases",
    "outside_task": "Outside of the task",
    "net_benefit_everybody": "Net benefit, all positive",
}
"""Headings of columns whose names do not read as words."""

UNITS = {"_mm": ", mm", "_ml": ", mL", "_years": ", years"}

NUMBERS = (int, float, Proportion, Interval)
MEASURE, GROUP = "measure", "group"
PROBABILITIES = ("p", "p_holm")
SIGNED = ("difference",)


def sheet(rows: Sequence[Row], *, without: Sequence[str] = ()) -> Table:
    """Lay out rows; columns without any known value are left out.

    Args:
        rows: at least one row, all with the same keys.
        without: keys to leave out.
    """
    names = [name for name in rows[0] if name not in without and any(_known(row[name]) for row in rows)]
    return filled([_column(name, rows) for name in names], rows)


def _column(name: str, rows: Sequence[Row]) -> Column:
    """Return a column with as many decimals as it needs: three for fractions of 1, fewer for larger numbers.

    If rows are of different measures, each measure has its own number of decimals, shared by all columns.
    """
    largest: dict[object, float] = defaultdict(float)
    for row in rows:
        numbers = [one for cell in (row if MEASURE in row else (name,)) for one in _floats(row[cell])]
        largest[row.get(MEASURE)] = max([largest[row.get(MEASURE)], *map(abs, numbers)])
    decimals = {
        kind: next((digits for digits, limit in ((3, 1), (2, 10), (1, 100)) if most <= limit), 0)
        for kind, most in largest.items()
    }
    numeric = any(isinstance(row[name], NUMBERS) and not isinstance(row[name], bool) for row in rows)
    return Column(heading(name), lambda row: text(row[name], name, decimals[row.get(MEASURE)]), numeric)


def _known(value: object) -> bool:
    if isinstance(value, Interval):
        return value.known
    return math.isfinite(value) if isinstance(value, float) else value is not None


def _floats(value: object) -> list[float]:
    numbers = [value.low, value.high] if isinstance(value, Interval) else [value]
    return [number for number in numbers if isinstance(number, float) and math.isfinite(number)]


def text(value: object, name: str = "", digits: int = 3) -> str:
    """Format a value; a dash for unknown ones.

    Args:
        value: cell of a row.
        name: key of the cell in its row.
        digits: number of decimals.
    """
    if not _known(value):
        return DASH
    match value:
        case Interval():
            return f"{value.low:.{digits}f} to {value.high:.{digits}f}"
        case Proportion():
            counts = name.endswith(COUNTED)
            return f"{value.count}/{value.total}" if counts else f"{value.count / value.total:.{digits}f}"
        case bool():
            return "yes" if value else "no"
        case float():
            sign, rounded = "+" if name in SIGNED else "", round(value, digits) + 0.0  # no negative zero
            return printed_p(value) if name in PROBABILITIES else f"{rounded:{sign}.{digits}f}"
        case str() if name == MEASURE:
            return heading(value)
        case str() if name == GROUP:
            return capitalized(tree().term(value))
    return str(getattr(value, "printed", value))


def heading(name: str) -> str:
    """Return a column's heading: "Second value" for ``second_value``, "Volume error, mL" for ``volume_error_ml``."""
    if name in HEADINGS:
        return HEADINGS[name]
    if name.endswith(COUNTED):
        return ", ".join(filter(None, (heading(name.removesuffix(COUNTED).rstrip("_")), COUNTED)))
    unit = next((unit for unit in UNITS if name.endswith(unit)), "")
    return capitalized(name.removesuffix(unit).replace("_", " ")) + UNITS.get(unit, "")
