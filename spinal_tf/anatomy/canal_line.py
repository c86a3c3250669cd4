"""Course and width of the spinal canal, row by row, from its probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

Array = np.ndarray

INSIDE = 0.5
"""Probability from which a voxel belongs to a structure."""

SHORTEST_MM = 40.0
"""Length below which what looks like a canal is none: the height of two vertebrae."""

GAP_MM = 30.0
"""Gap along the rows over which two parts of the canal are joined: a stenosis closes it over a vertebra at most."""

ASIDE_MM = 25.0
"""Distance from part to part, front to back and side to side, up to which they are joined."""

SMOOTH_MM = 4.0
"""SD of the smoothing along the canal."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CanalLine:
    """Center line of the canal; arrays have one float64 entry per row of the grid, NaN where no canal was found.

    Attributes:
        at_slice: slice of the middle of the canal.
        at_column: column of the middle of the canal.
        ap_mm: front to back, largest over the slices.
        rl_mm: side to side.
    """

    at_slice: Array
    at_column: Array
    ap_mm: Array
    rl_mm: Array

    @property
    def rows(self) -> tuple[int, int]:
        """First row of the canal, and the row after its last."""
        found = np.flatnonzero(np.isfinite(self.at_column))
        return int(found[0]), int(found[-1]) + 1


def find_canal(probability: Array, spacing_mm: tuple[float, float, float]) -> tuple[Array, CanalLine] | None:
    """Find the canal.

    The largest connected part is the canal; other parts that continue it along the rows are joined to it.

    Args:
        probability: probability of the canal, float32 (slice, row, column).
        spacing_mm: distance between voxels along slice, row, column.

    Returns:
        The canal's voxels, bool, the same shape, and its center line; None if no part is `SHORTEST_MM` long.
    """
    canal = _joined(probability >= INSIDE, spacing_mm)
    if canal is None:
        return None
    weights = np.where(canal, probability, 0).astype(float)
    rows = np.flatnonzero(canal.any(axis=(0, 2)))
    sums = weights[:, rows].sum(axis=(0, 2))
    at_slice = (weights[:, rows].sum(axis=2) * np.arange(canal.shape[0])[:, None]).sum(axis=0) / sums
    at_column = (weights[:, rows].sum(axis=0) * np.arange(canal.shape[2])).sum(axis=1) / sums
    ap_mm = canal[:, rows].sum(axis=2).max(axis=0) * spacing_mm[2]
    rl_mm = canal[:, rows].any(axis=2).sum(axis=0) * spacing_mm[0]
    curves = (_curve(canal.shape[1], rows, values, spacing_mm[1]) for values in (at_slice, at_column, ap_mm, rl_mm))
    line = CanalLine(**dict(zip(("at_slice", "at_column", "ap_mm", "rl_mm"), curves, strict=True)))
    return canal, line


def _joined(inside: Array, spacing_mm: tuple[float, float, float]) -> Array | None:
    """Return the voxels of the canal's parts; None if the main one is too short."""
    labels, count = ndimage.label(inside, np.ones((3, 3, 3)))
    if not count:
        return None
    boxes = ndimage.find_objects(labels)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    main = int(order[0])
    if (boxes[main][1].stop - boxes[main][1].start) * spacing_mm[1] < SHORTEST_MM:
        return None
    canal: Array = labels == main + 1
    for other in order[1:]:
        part = labels == other + 1
        if _continues(canal, part, spacing_mm):
            canal |= part
    return canal


def _continues(canal: Array, part: Array, spacing_mm: tuple[float, float, float]) -> bool:
    """Return whether a part lies above or below the canal and close to its end."""
    rows = np.flatnonzero(canal.any(axis=(0, 2)))
    its = np.flatnonzero(part.any(axis=(0, 2)))
    above = its[-1] <= rows[0]
    if not above and its[0] < rows[-1]:
        return False
    gap = rows[0] - its[-1] if above else its[0] - rows[-1]
    ends = (canal[:, rows[0 if above else -1]], part[:, its[-1 if above else 0]])
    middles = [np.argwhere(end).mean(axis=0) for end in ends]
    aside = np.abs(middles[0] - middles[1]) * (spacing_mm[0], spacing_mm[2])
    return bool(gap * spacing_mm[1] <= GAP_MM and np.hypot(*aside) <= ASIDE_MM)


def _curve(length: int, rows: Array, values: Array, row_mm: float) -> Array:
    """Fill gaps between rows, smooth along them, and mark the rows beyond both ends by NaN."""
    curve = np.full(length, np.nan)
    between = np.arange(rows[0], rows[-1] + 1)
    filled = np.interp(between, rows, values)
    curve[between] = ndimage.gaussian_filter1d(filled, SMOOTH_MM / row_mm, mode="nearest")
    return curve


def positions_mm(line: CanalLine, points: Array, spacing_mm: tuple[float, float]) -> Array:
    """Return for each point where the canal's line comes nearest to it, in mm along the line from its first row.

    Beyond its ends, the line goes on straight along the rows.

    Args:
        line: center line of the canal.
        points: float64 (n, 2), row and column.
        spacing_mm: distance between pixels along row, column.

    Returns:
        float64 (n,).
    """
    first, last = line.rows
    course = np.stack([np.arange(first, last) * spacing_mm[0], line.at_column[first:last] * spacing_mm[1]], axis=1)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(course, axis=0), axis=1))])
    at = points * np.array(spacing_mm)
    nearest = cKDTree(course).query(at)[1]
    before = np.minimum(at[:, 0] - course[0, 0], 0) * (nearest == 0)
    after = np.maximum(at[:, 0] - course[-1, 0], 0) * (nearest == len(course) - 1)
    return np.asarray(along[nearest] + before + after)
