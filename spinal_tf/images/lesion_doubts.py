"""Doubts about a lesion mask by volume, place and extent, without knowing where the canal is."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

LARGE_ML = 52.0
"""Volume above which a mask is doubted: mean + 3 SD of the group of Zhuo et al. 2022, Table 1, for which this is
largest (astrocytoma, test: 15.05 + 3 x 12.26 mL). The largest of 60 simulated cases has 23.6 mL."""

WIDEST_MM = (68.0, 40.0)
"""Right-left and antero-posterior extent at one level above which a mask is doubted: twice the largest extent (34 and
20 mm) in 60 simulated cases. A canal is narrower than either."""

AIR = 0.05
"""Share of the scan's 99th percentile below which a voxel counts as air. In 60 simulated cases, at most 4.1 % of a
lesion is darker; in four public scans, at most 0.6 % of the cord or the lesion."""

SURFACE_MM = 5.0
"""Depth in which a voxel counts as lying at the surface of the body or at the front or back edge of the field of view.
In 60 simulated cases, at most 18 % of a lesion lies there; in four public scans, under 0.5 % of cord or lesion."""

MOST_OUTSIDE = 0.5
"""Share of a mask in air or at the surface above which it is doubted."""


def lesion_doubts(
    mask: np.ndarray, scan: np.ndarray, spacing_mm: tuple[float, float, float], voxel_volume_ml: float
) -> tuple[str, ...]:
    """Return why a lesion mask is doubtful, each as the end of a sentence that begins with the mask.

    Args:
        mask: bool, (slice, row, column).
        scan: float32 T2w intensity, the same shape.
        spacing_mm: (slice, row, column).
        voxel_volume_ml: volume of one voxel.
    """
    if not mask.any():
        return ()
    found = (_large(mask, voxel_volume_ml), _wide(mask, spacing_mm), _outside(mask, scan, spacing_mm[2]))
    return tuple(filter(None, found))


def _large(mask: np.ndarray, voxel_volume_ml: float) -> str:
    volume_ml = np.count_nonzero(mask) * voxel_volume_ml
    return f"marks {volume_ml:.0f} mL; lesions above {LARGE_ML:g} mL are very rare" if volume_ml > LARGE_ML else ""


def _wide(mask: np.ndarray, spacing_mm: tuple[float, float, float]) -> str:
    across = _extent(np.any(mask, axis=2).T) * spacing_mm[0]
    along = _extent(np.any(mask, axis=0)) * spacing_mm[2]
    if across <= WIDEST_MM[0] and along <= WIDEST_MM[1]:
        return ""
    return f"extends over {across:.0f} mm right to left and {along:.0f} mm front to back at one level, beyond any canal"


def _extent(hit: np.ndarray) -> int:
    """Return the largest number of voxels from the first to the last marked one of a row; bool (row, voxel)."""
    rows = hit[hit.any(axis=1)]
    return int((rows.shape[1] - rows[:, ::-1].argmax(axis=1) - rows.argmax(axis=1)).max())


def _outside(mask: np.ndarray, scan: np.ndarray, column_mm: float) -> str:
    bearing = mask.any(axis=(1, 2))
    mask, tissue = mask[bearing], scan[bearing] >= AIR * np.percentile(scan, 99)
    body = ndimage.binary_opening(tissue, np.ones((1, 3, 3)))  # specks of noise in air are no body
    slices, rows, columns = np.nonzero(mask)
    first, last = body.argmax(axis=2), mask.shape[2] - 1 - body[:, :, ::-1].argmax(axis=2)
    depth = np.minimum(columns - first[slices, rows], last[slices, rows] - columns) * column_mm
    outside = (depth < SURFACE_MM) | ~tissue[mask] | ~body.any(axis=2)[slices, rows]
    share = float(outside.mean())
    if share <= MOST_OUTSIDE:
        return ""
    return f"lies to {share:.0%} in air, at the surface of the body or at the edge of the field of view"
