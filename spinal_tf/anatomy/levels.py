"""Vertebral level of places in the canal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spinal_tf.anatomy.canal_line import CanalLine, positions_mm
from spinal_tf.anatomy.numbering import Vertebra
from spinal_tf.anatomy.vertebra_names import C1, C2, L5, OBLONGATA, S1

Array = np.ndarray

UNKNOWN = -1
"""Level where no vertebra was numbered nearby."""

C2_HEIGHT, C1_HEIGHT = 1.15, 0.9
"""Height of C2 without its dens, and of C1, relative to the distance from C3 to C4 (the simulated spines)."""

SACRAL_MM = 32.0
"""Height of S1, the only sacral level that is told apart (the simulated spines)."""

EDGES = (4, 96)
"""Percentiles of a body's pixels along the canal that count as its upper and lower border."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelScale:
    """Levels along the canal's line.

    Attributes:
        borders_mm: float64 (n + 1,), borders between levels, ascending, in mm from the line's first row.
        numbers: int64 (n,), level between two borders; see `vertebra_names`.
    """

    borders_mm: Array
    numbers: Array

    def at(self, along_mm: Array) -> Array:
        """Return the level at positions along the line, int64; `UNKNOWN` beyond the borders."""
        if not len(self.numbers):
            return np.full(np.shape(along_mm), UNKNOWN)
        index = np.searchsorted(self.borders_mm, along_mm, side="right") - 1
        inside = (index >= 0) & (index < len(self.numbers))
        return np.where(inside, self.numbers[np.clip(index, 0, len(self.numbers) - 1)], UNKNOWN)


def level_scale(vertebrae: Sequence[Vertebra], line: CanalLine, spacing_mm: tuple[float, float]) -> LevelScale:
    """Return the levels along the canal: borders lie in the middle between the facing borders of two bodies.

    Args:
        vertebrae: from top to bottom; those without a number are left out.
        line: center line of the canal.
        spacing_mm: distance between pixels along row, column.
    """
    numbered = [one for one in vertebrae if one.number is not None]
    if not numbered:
        return LevelScale(borders_mm=np.zeros(0), numbers=np.zeros(0, int))
    edges = [_edges_mm(one, line, spacing_mm) for one in numbered]
    between = [(upper[1] + lower[0]) / 2 for upper, lower in zip(edges, edges[1:], strict=False)]
    numbers = [one.number for one in numbered]
    borders = [_margin(edges, upper=True), *between, _margin(edges, upper=False)]
    if numbers[0] == C2 and len(edges) > 2:
        step = between[1] - between[0]
        borders[0] = between[0] - C2_HEIGHT * step
        borders, numbers = [borders[0] - C1_HEIGHT * step, *borders], [C1, *numbers]
        borders, numbers = [-np.inf, *borders], [OBLONGATA, *numbers]
    if numbers[-1] == L5:
        borders, numbers = [*borders, borders[-1] + SACRAL_MM], [*numbers, S1]
    return LevelScale(borders_mm=np.array(borders, float), numbers=np.array(numbers, int))


def _edges_mm(vertebra: Vertebra, line: CanalLine, spacing_mm: tuple[float, float]) -> tuple[float, float]:
    """Return upper and lower border of a body along the line, by its pixels nearest to the canal."""
    pixels = vertebra.body.pixels
    posterior = pixels[pixels[:, 1] >= np.median(pixels[:, 1])]
    along = positions_mm(line, posterior.astype(float), spacing_mm)
    upper, lower = np.percentile(along, EDGES)
    return float(upper), float(lower)


def _margin(edges: Sequence[tuple[float, float]], *, upper: bool) -> float:
    """Return the outer border of the first or last level: half a disc beyond its body."""
    gaps = [lower[0] - higher[1] for higher, lower in zip(edges, edges[1:], strict=False)]
    half = max(0.0, float(np.median(gaps))) / 2 if gaps else 0.0
    return edges[0][0] - half if upper else edges[-1][1] + half
