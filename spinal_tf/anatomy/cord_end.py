"""Where the cord ends in the canal."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from spinal_tf.anatomy.canal_line import INSIDE

Array = np.ndarray

SMALLEST_MM2 = 30.0
"""Cross-section from which a row counts as cord. The conus tapers to its tip; the bundle of roots around and below it
is taken for cord at up to 27 mm2 in two public lumbar scans."""

BELOW_MM = 25.0
"""Length of canal without cord below the last row with cord, from which that row is the cord's end."""

GAP_MM = 25.0
"""Length of rows without cord within it over which the cord goes on."""


def find_cord_end(cord: Array, canal: Array, spacing_mm: tuple[float, float, float]) -> int | None:
    """Find the row after the last one that shows the cord.

    Args:
        cord: probability of the cord, float32 (slice, row, column).
        canal: voxels of the canal, bool, the same shape.
        spacing_mm: distance between voxels along slice, row, column.

    Returns:
        The row; the canal's first row if it shows no cord at all; None if the cord goes on to where the canal ends.
    """
    rows = np.flatnonzero(canal.any(axis=(0, 2)))
    first, last = int(rows[0]), int(rows[-1]) + 1
    area = ((cord >= INSIDE) & ndimage.binary_dilation(canal)).sum(axis=(0, 2)) * spacing_mm[0] * spacing_mm[2]
    shown = area >= SMALLEST_MM2
    shown[:first] = shown[last:] = False
    shown = ndimage.binary_opening(shown, np.ones(3))
    gap = round(GAP_MM / spacing_mm[1])
    labels, count = ndimage.label(ndimage.binary_closing(np.pad(shown, gap), np.ones(gap + 1))[gap:-gap])
    if not count:
        return first
    longest = int(np.argmax(np.bincount(labels[labels > 0])))
    end = int(np.flatnonzero(labels == longest)[-1]) + 1
    return end if (last - end) * spacing_mm[1] >= BELOW_MM else None
