"""Every number of an evaluation as text, the same in the terminal, on pages and in LaTeX."""

from __future__ import annotations

import math

from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.paper.paper_table2 import PaperColumn
from spinal_tf.evaluation.performance import Measure
from spinal_tf.evaluation.statistics.intervals import Interval, wilson
from spinal_tf.tables.table_model import DASH

NOTHING = "-"
"""Text for unknown or undefined values in the terminal."""

SIGNIFICANT = 0.05
"""Significance level of the paper."""

LABELS = {
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "precision": "Precision",
    "recall": "Recall",
    "auc": "AUC",
}
"""Label of each measure, as in the paper's table."""


def finite(value: float) -> float | None:
    """Return a finite value, or None, since JSON has neither NaN nor infinity."""
    return value if math.isfinite(value) else None


def number(value: float, digits: int = 2, *, scale: int = 1, sign: str = "") -> str:
    """Format a number times ``scale``; NaN is a dash."""
    return NOTHING if math.isnan(value) else f"{scale * value:{sign}.{digits}f}"


def limits(interval: Interval, digits: int = 2, *, scale: int = 1, sign: str = "", form: str = " [{}, {}]") -> str:
    """Format an interval like `number`, to stand behind a value; nothing if it is unknown."""
    shown = (number(end, digits, scale=scale, sign=sign) for end in (interval.low, interval.high))
    return form.format(*shown) if interval.known else ""


def estimate(value: float, interval: Interval, digits: int = 2, *, scale: int = 1, sign: str = "") -> str:
    """Format a number with its interval: ``0.27 [0.10, 0.45]``."""
    return number(value, digits, scale=scale, sign=sign) + limits(interval, digits, scale=scale, sign=sign)


def whole_percent(proportion: Proportion) -> int:
    """Return the percentage with halves rounded up."""
    return (200 * proportion.count + proportion.total) // (2 * proportion.total)


def percent(proportion: Proportion | None) -> str:
    """Format as ``96 (94/98)``, with halves rounded up; None is shown as a dash."""
    return f"{whole_percent(proportion)} ({proportion.count}/{proportion.total})" if proportion else NOTHING


def proportion_cell(proportion: Proportion | None) -> str:
    """Format as ``96 (94/98) [90, 98]``, with Wilson's interval."""
    return percent(proportion) + limits(wilson(proportion), 0, scale=100)


def measure_cell(name: str, measure: Measure) -> str:
    """Format a measure with its interval."""
    if name == "auc":
        return number(measure.value) + limits(measure.bootstrap, form=" ({}, {})")
    return proportion_cell(measure.proportion)


def paper_cell(name: str, paper: PaperColumn) -> str:
    """Format the paper's number as printed there."""
    if name == "auc":
        return number(paper.auc) + limits(paper.auc_interval, form=" ({}, {})")
    return percent(paper.confusion.proportion(name))


def printed_p(p: float) -> str:
    """Format a p value in the paper's style: two decimals, or three below .01 and if two would round up to .05."""
    if math.isnan(p):
        return NOTHING
    if p < 0.001:
        return "<.001"
    if p > 0.99:
        return ">.99"
    decimals = 3 if p < 0.01 or (p < SIGNIFICANT and round(p, 2) == SIGNIFICANT) else 2
    return f"{p:.{decimals}f}".removeprefix("0")


def dashed(cell: str) -> str:
    """Replace the terminal's sign for unknown values by the dash of pages."""
    alone = cell == NOTHING or cell.startswith(f"{NOTHING};")
    return DASH + cell.removeprefix(NOTHING) if alone else cell
