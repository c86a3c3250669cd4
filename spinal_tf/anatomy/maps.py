"""Probability maps of the spine's structures on a coarse grid of the scan."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spinal_tf.preprocess import Placement
from spinal_tf.structures import STRUCTURES, Structure

APART_MM = 3.0
"""Distance up to which slices are left out: anatomy changes little within the thickness of a usual slice."""

TOLERANCE = 1e-6

Array = np.ndarray


def outlined_slices(count: int, slice_mm: float) -> Array:
    """Return the slices that are outlined: every one, or of thin slices every nth, int64 (n,)."""
    step = max(1, math.floor(APART_MM / slice_mm + TOLERANCE))
    return np.arange((count - 1) % step // 2, count, step)


def slice_step(slices: Array) -> int:
    """Return how many slices of the volume apart the outlined ones are; 1 for a single one."""
    return int(slices[1] - slices[0]) if len(slices) > 1 else 1


@dataclass(frozen=True, kw_only=True, eq=False)
class AnatomyMaps:
    """Probability of each structure on a coarse grid.

    Attributes:
        probability: float32 (slice, row, column, structure), in the order of `STRUCTURES`.
        slices: int64 (slice,), the volume's slice of each coarse one, equally spaced.
        placement: placement of a plane of the volume in the coarse plane; padding is cut off.
        slice_mm: distance from one coarse slice to the next.
    """

    probability: Array
    slices: Array
    placement: Placement
    slice_mm: float

    def of(self, structure: Structure) -> Array:
        """Return the probability of one structure, float32 (slice, row, column)."""
        part: Array = self.probability[..., STRUCTURES.index(structure)]
        return part

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between coarse voxels along slice, row, column."""
        return (self.slice_mm, *self.placement.spacing_mm)

    def volume_slice(self, index: Array) -> Array:
        """Return the volume's slice, float64, of a coarse slice index, which need not be whole."""
        return np.asarray(self.slices[0] + index * slice_step(self.slices))

    def volume_row(self, row: Array) -> Array:
        """Return the volume's row, float64, of a coarse row; pixel centers are at half-integers."""
        return _rescaled(row, self.placement.resized_shape[0], self.placement.plane_shape[0])

    def volume_column(self, column: Array) -> Array:
        """Return the volume's column, float64, of a coarse column."""
        return _rescaled(column, self.placement.resized_shape[1], self.placement.plane_shape[1])

    def coarse_row(self, row: Array) -> Array:
        """Return the coarse row, float64, of a row of the volume."""
        return _rescaled(row, self.placement.plane_shape[0], self.placement.resized_shape[0])

    def coarse_column(self, column: Array) -> Array:
        """Return the coarse column, float64, of a column of the volume."""
        return _rescaled(column, self.placement.plane_shape[1], self.placement.resized_shape[1])

    def coarse_slice(self, index: Array) -> Array:
        """Return the coarse slice, float64, of a slice of the volume."""
        return np.asarray((index - self.slices[0]) / slice_step(self.slices))


def _rescaled(index: Array, old: int, new: int) -> Array:
    return np.asarray((np.asarray(index, float) + 0.5) * new / old - 0.5)
