"""A contrast-enhanced T1w image for a background that has none, made of its T2w image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from spinal_tf.phantom.fields import Array
from spinal_tf.phantom.frame import Background

CANAL_MM = (6.0, 4.3)
"""How far beyond the cord's surface, to the sides and to front and back, bright voxels are taken for fluid."""

TISSUE_LEVELS = ((0.0, 0.02), (0.05, 0.15), (0.15, 0.38), (0.3, 0.5), (0.5, 0.62), (0.8, 0.9), (1.2, 1.0), (3.0, 1.1))
"""T1w level, cord 0.5, of a T2w level, fluid 1, outside the canal: black stays black, fat is the brightest."""

FLUID_LEVELS = ((0.0, 0.05), (0.1, 0.3), (0.3, 0.5), (0.6, 0.35), (1.0, 0.15), (3.0, 0.12))
"""The same within the canal, where the brightest is fluid."""


def with_synthetic_t1c(background: Background) -> Background:
    """Add a T1w image in which fluid is dark and fat is bright.

    It holds no more than the T2w image shows: bright discs pass for fat, and vessels do not enhance.

    Args:
        background: left as it is.

    Returns:
        The same background with a T1c image on the scale of drawn ones, cord 0.5.
    """
    level = _levels(background)
    outside, inside = (np.interp(level, *np.asarray(table).T) for table in (TISSUE_LEVELS, FLUID_LEVELS))
    share = near_cord(background, CANAL_MM)
    t1c = outside + share * (inside - outside)
    return replace(background, t1c=t1c.astype(np.float32))


def _levels(background: Background) -> Array:
    """T2w on the scale where cord is 0.3 and fluid 1, on all rows alike."""
    t2 = background.t2 / background.gain[None, :, None].astype(np.float32)
    span = background.csf_level - background.cord_level
    above = 0.3 + 0.7 * (t2 - background.cord_level) / span
    level: Array = np.where(t2 > background.cord_level, above, 0.3 * t2 / background.cord_level)
    return level


def near_cord(background: Background, beyond_mm: tuple[float, float]) -> Array:
    """Float32, 1 in the cord and a little beyond its surface, 0 far off; the cord goes on straight beyond its ends.

    Args:
        background: whose frame tells the course.
        beyond_mm: how far beyond, along slices and columns.
    """
    frame, (slices, rows, columns) = background.frame, background.t2.shape
    seen = np.flatnonzero(np.isfinite(frame.x_mm))
    courses = (frame.x_mm, frame.y_mm, frame.rl_mm, frame.ap_mm)
    x_mm, y_mm, rl_mm, ap_mm = (np.interp(np.arange(rows), seen, course[seen]) for course in courses)
    dx = (np.arange(slices)[:, None] * frame.spacing_mm[0] - x_mm) / (rl_mm + beyond_mm[0])
    dy = (np.arange(columns) * frame.spacing_mm[2] - y_mm[:, None]) / (ap_mm + beyond_mm[1])[:, None]
    near = np.hypot(dx[:, :, None].astype(np.float32), dy[None].astype(np.float32)) < 1
    smooth: Array = ndimage.uniform_filter(near.astype(np.float32), (1, 3, 3))
    return smooth
