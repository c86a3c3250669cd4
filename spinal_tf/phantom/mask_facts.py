"""Properties of a simulated mask as a reader would note them: level and extent; removal of specks."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from spinal_tf.phantom.frame import REGION_OF_LEVEL, Frame

NEIGHBOURHOOD = np.ones((3, 3, 3))

SPECK_VOXELS = 8
"""Size below which components are removed from a mask, unless it is the largest one."""

SMALLEST_PART = 0.1
"""Minimum share of the lesion's rows in a region for the region to be named."""


def without_specks(mask: np.ndarray) -> np.ndarray:
    """Remove the smallest components of a bool mask; the largest stays whatever its size."""
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
    """Return the extent in vertebrae, rounded for each lesion and at least one, summed over lesions.

    Args:
        mask: bool (slice, row, column).
        frame: frame with the height of the vertebra at each row.
    """
    labels, _ = ndimage.label(mask, NEIGHBOURHOOD)
    steps = frame.spacing_mm[1] / frame.vertebra_mm
    return sum(max(1, round(float(steps[found[1]].sum()))) for found in ndimage.find_objects(labels))


def level_of_mask(mask: np.ndarray, frame: Frame) -> str:
    """Return the key of `REGION_OF_LEVEL` that names the regions of a mask, from the first to the last.

    Args:
        mask: bool (slice, row, column), not empty.
        frame: frame with the region of each row.
    """
    counts = np.bincount(np.maximum(frame.region[mask.any(axis=(0, 2))], 0), minlength=4)
    present = np.flatnonzero(counts >= SMALLEST_PART * counts.sum())
    first, last = int(present[0]), int(present[-1])
    # A key names at most two regions, so the most affected pair is taken; the oblongata alone has no key either.
    if last - first > 1:
        first = max(range(first, last), key=lambda region: counts[region] + counts[region + 1])
        last = first + 1
    last = max(last, 1)
    return next(level for level, regions in REGION_OF_LEVEL.items() if regions == (first, last))
