"""What a reader would note of a simulated mask: level, extent in vertebrae; specks that nobody would outline."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from spinal_tf.phantom.frame import REGION_OF_LEVEL, Frame

NEIGHBOURHOOD = np.ones((3, 3, 3))

SPECK_VOXELS = 8
"""Smaller components beside a larger one are left out of a mask."""

SMALLEST_PART = 0.1
"""Share of the rows with lesion that must lie in a region for the region to be named."""


def without_specks(mask: np.ndarray) -> np.ndarray:
    """A bool mask without its smallest components; the largest stays whatever its size."""
    labels, count = ndimage.label(mask, NEIGHBOURHOOD)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    keep = (sizes >= SPECK_VOXELS) | (np.arange(sizes.size) == sizes.argmax())
    keep[0] = False
    kept: np.ndarray = keep[labels]
    return kept


def extent_vertebrae(mask: np.ndarray, frame: Frame) -> int:
    """Length in vertebrae, rounded for each lesion and at least one, summed over lesions.

    Args:
        mask: bool (slice, row, column).
        frame: tells the height of the vertebra at each row.
    """
    labels, _ = ndimage.label(mask, NEIGHBOURHOOD)
    steps = frame.spacing_mm[1] / frame.vertebra_mm
    return sum(max(1, round(float(steps[found[1]].sum()))) for found in ndimage.find_objects(labels))


def level_of_mask(mask: np.ndarray, frame: Frame) -> str:
    """Key of `REGION_OF_LEVEL` that names the regions in which a mask lies; all between the first and the last.

    Args:
        mask: bool (slice, row, column), not empty.
        frame: tells the region of each row.
    """
    counts = np.bincount(np.maximum(frame.region[mask.any(axis=(0, 2))], 0), minlength=4)
    present = np.flatnonzero(counts >= SMALLEST_PART * counts.sum())
    first, last = int(present[0]), int(present[-1])
    # The table has no words for the oblongata alone, nor for more than two regions: the most affected pair stands.
    if last - first > 1:
        first = max(range(first, last), key=lambda region: counts[region] + counts[region + 1])
        last = first + 1
    last = max(last, 1)
    return next(level for level, regions in REGION_OF_LEVEL.items() if regions == (first, last))
