"""Vertebral bodies one by one, in the plane that follows the middle of the canal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from spinal_tf.anatomy.canal_line import INSIDE, CanalLine, positions_mm

Array = np.ndarray

BESIDE_MM = 7.0
"""Distance to either side of the canal's middle over which probabilities are averaged."""

SMALLEST_MM2 = 70.0
"""Smallest area of a body: half of a small cervical one, 14 x 10 mm."""

IN_FRONT_MM = 75.0
"""Distance in front of the canal's middle up to which there are bodies: a canal and a large lumbar body."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Body:
    """One vertebral body in the middle plane.

    Attributes:
        pixels: int64 (n, 2), row and column of its pixels.
        along_mm: position of its center along the canal's line, from its first row.
        centre: row and column, mean of its pixels.
        area_mm2: its area.
    """

    pixels: Array
    along_mm: float
    centre: tuple[float, float]
    area_mm2: float


def middle_plane(probability: Array, line: CanalLine, slice_mm: float) -> Array:
    """Average a structure over the slices at the middle of the canal: float32 (row, column).

    Args:
        probability: float32 (slice, row, column).
        line: center line of the canal; rows beyond its ends take the slices of its ends.
        slice_mm: distance between slices.
    """
    known = np.flatnonzero(np.isfinite(line.at_slice))
    middle = np.interp(np.arange(len(line.at_slice)), known, line.at_slice[known])
    away = np.abs(np.arange(len(probability))[:, None] - middle) * slice_mm
    weights = np.clip((BESIDE_MM + slice_mm / 2 - away) / slice_mm, 0, 1).astype(np.float32)
    weights /= weights.sum(axis=0)
    return np.asarray(np.einsum("srk,sr->rk", probability, weights))


def find_bodies(body: Array, disc: Array, line: CanalLine, spacing_mm: tuple[float, float]) -> list[Body]:
    """Find the bodies from top to bottom.

    Args:
        body: probability of bodies in the middle plane, float32 (row, column).
        disc: probability of discs, the same shape.
        line: center line of the canal.
        spacing_mm: distance between pixels along row, column.
    """
    inside = (body >= INSIDE) & (body > disc) & _in_front(line, body.shape, spacing_mm[1])
    labels, count = ndimage.label(ndimage.binary_opening(inside, np.ones((2, 3))))
    pixel_mm2 = spacing_mm[0] * spacing_mm[1]
    found = []
    for number in range(1, count + 1):
        pixels = np.argwhere(labels == number)
        if len(pixels) * pixel_mm2 >= SMALLEST_MM2:
            row, column = pixels.mean(axis=0)
            along_mm = float(positions_mm(line, pixels.mean(axis=0, keepdims=True), spacing_mm)[0])
            found.append(Body(pixels=pixels, along_mm=along_mm, centre=(row, column), area_mm2=len(pixels) * pixel_mm2))
    return sorted(found, key=lambda one: one.along_mm)


def _in_front(line: CanalLine, shape: tuple[int, int], column_mm: float) -> Array:
    """Return the pixels in front of the canal's middle, bool (row, column)."""
    known = np.flatnonzero(np.isfinite(line.at_column))
    middle = np.interp(np.arange(shape[0]), known, line.at_column[known])
    away_mm = (middle[:, None] - np.arange(shape[1])) * column_mm
    return np.asarray((away_mm > 0) & (away_mm < IN_FRONT_MM))
