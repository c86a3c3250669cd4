"""What all tables of numbers share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

NOTHING = "-"
"""Shown for what is not known or not defined."""


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Lines of cells as lines of text, in columns."""
    widths = [max(map(len, column)) for column in zip_longest(*lines, fillvalue="")]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def finite(value: float) -> float | None:
    """For JSON, which knows neither NaN nor infinity."""
    return value if math.isfinite(value) else None
