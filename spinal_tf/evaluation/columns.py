"""Helpers for all tables of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

NOTHING = "-"
"""Text for unknown or undefined values."""


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Format lines of cells as lines of text with aligned columns."""
    widths = [max(map(len, column)) for column in zip_longest(*lines, fillvalue="")]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def finite(value: float) -> float | None:
    """Return a finite value, or None, since JSON has neither NaN nor infinity."""
    return value if math.isfinite(value) else None
