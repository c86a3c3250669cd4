"""From the coarse grid back to the volume's: bilinear in the plane, linear from slice to slice."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from spinal_tf.anatomy.canal_line import INSIDE
from spinal_tf.anatomy.maps import AnatomyMaps

Array = np.ndarray


def volume_planes(values: Array, maps: AnatomyMaps, slices: int) -> Iterator[Array]:
    """Yield the values on each slice of the volume, float32 (row, column).

    Args:
        values: float32 (slice, row, column) on the coarse grid of the maps.
        maps: maps of the scan.
        slices: number of slices of the volume; those beyond the first and last coarse ones repeat them.
    """
    size = maps.placement.plane_shape[::-1]
    for place in np.clip(maps.coarse_slice(np.arange(slices)), 0, len(values) - 1):
        below = min(int(place), max(0, len(values) - 2))
        share = np.float32(place - below)
        plane = values[below] if share == 0 else (1 - share) * values[below] + share * values[below + 1]
        yield cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)


def inside_on_volume(probability: Array, maps: AnatomyMaps, slices: int) -> Array:
    """Return where a probability on the coarse grid says inside, bool (slice, row, column) of the volume."""
    return np.stack([plane >= INSIDE for plane in volume_planes(probability, maps, slices)])
