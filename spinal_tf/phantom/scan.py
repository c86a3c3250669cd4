"""Background from a real healthy scan with a cord mask."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from spinal_tf.phantom.fields import Array
from spinal_tf.phantom.frame import Background, Frame

CERVICAL = 1
VERTEBRA_MM = 18.0
"""Height of body plus disc in the cervical spine, the region of scans with public cord masks."""

FEWEST_ROWS = 20
"""Minimum number of rows with cord to determine its course."""


def scan_background(
    t2: Array, cord: Array, spacing_mm: tuple[float, float, float], *, origin: str = "scan"
) -> Background:
    """Measure course, size and tissue levels of the cord on a scan.

    Args:
        t2: float32 (slice, row, column).
        cord: bool, the same grid.
        spacing_mm: spacing of slice, row, column.
        origin: name of the scan.

    Raises:
        ValueError: the mask has fewer than `FEWEST_ROWS` rows of cord, or is nowhere three voxels wide.
    """
    rows = np.flatnonzero(cord.any(axis=(0, 2)))
    if rows.size < FEWEST_ROWS:
        raise ValueError(f"the cord mask covers {rows.size} rows; at least {FEWEST_ROWS} are needed to draw into it")
    shell = ndimage.binary_dilation(cord, iterations=3) & ~ndimage.binary_dilation(cord)
    core = ndimage.binary_erosion(cord, np.ones((3, 1, 3)))
    if not core.any():
        raise ValueError("the cord mask is nowhere three voxels wide, so the intensity of the cord cannot be read")
    cord_level = float(np.median(t2[core]))
    return Background(
        t2=t2,
        t1c=None,
        cord=cord.astype(np.float32),
        frame=_frame(cord, rows, spacing_mm),
        cord_level=cord_level,
        csf_level=float(np.percentile(t2[shell], 85)),
        gain=_gain(t2, core) / cord_level,
        origin=origin,
        shaded=True,
    )


def _gain(t2: Array, core: Array) -> Array:
    """Return the mean intensity of the cord's core on each row, smoothed along the cord."""
    voxels = core.sum(axis=(0, 2))
    rows = np.flatnonzero(voxels)
    mean = np.where(core, t2, 0).sum(axis=(0, 2))[rows] / voxels[rows]
    every_row = np.interp(np.arange(t2.shape[1]), rows, mean)
    smooth: Array = ndimage.gaussian_filter1d(every_row, 8, mode="nearest")
    return smooth


def _frame(cord: Array, rows: Array, spacing_mm: tuple[float, float, float]) -> Frame:
    """Fit center and semi-axes to the first and second moments of the mask in each row, smoothed along the cord."""
    x = np.arange(cord.shape[0]) * spacing_mm[0]
    y = np.arange(cord.shape[2]) * spacing_mm[2]
    section = cord[:, rows, :].astype(np.float64)
    area = section.sum(axis=(0, 2))
    across, deep = section.sum(axis=2).T / area[:, None], section.sum(axis=0) / area[:, None]
    x_mm, y_mm = (across * x).sum(axis=1), (deep * y).sum(axis=1)
    # The variance of a uniform ellipse along an axis is a quarter of that semi-axis squared.
    rl_mm = 2 * np.sqrt(np.maximum((across * x**2).sum(axis=1) - x_mm**2, 1))
    ap_mm = 2 * np.sqrt(np.maximum((deep * y**2).sum(axis=1) - y_mm**2, 1))
    full = np.full((4, cord.shape[1]), np.nan)
    first, last = rows[0], rows[-1] + 1
    for target, values in zip(full, (x_mm, y_mm, rl_mm, ap_mm), strict=True):
        target[first:last] = ndimage.gaussian_filter1d(np.interp(np.arange(first, last), rows, values), 3)
    has_cord = np.isfinite(full[0])
    return Frame(
        spacing_mm=spacing_mm,
        x_mm=full[0],
        y_mm=full[1],
        rl_mm=full[2],
        ap_mm=full[3],
        vertebra_mm=np.full(cord.shape[1], VERTEBRA_MM),
        region=np.where(has_cord, CERVICAL, -1),
        level=np.zeros(cord.shape[1], int),
    )
