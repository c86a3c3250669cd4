"""Synthesis of a contrast-enhanced T1w image from the T2w image of a background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from spinal_tf.phantom.fields import Array
from spinal_tf.phantom.frame import Background

CANAL_MM = (6.0, 4.3)
"""Distance from the cord's surface, laterally and anteroposteriorly, within which bright voxels count as fluid."""

TISSUE_LEVELS = ((0.0, 0.02), (0.05, 0.15), (0.15, 0.38), (0.3, 0.5), (0.5, 0.62), (0.8, 0.9), (1.2, 1.0), (3.0, 1.1))
"""T2w level (fluid 1) and its T1w level (cord 0.5) outside the canal: black stays black, fat is brightest."""

FLUID_LEVELS = ((0.0, 0.05), (0.1, 0.3), (0.3, 0.5), (0.6, 0.35), (1.0, 0.15), (3.0, 0.12))
"""The same within the canal, where fluid is brightest on T2w."""


def with_synthetic_t1c(background: Background) -> Background:
    """Add a T1w image in which fluid is dark and fat is bright.

    It contains only what the T2w image shows: bright discs look like fat, and vessels do not enhance.

    Args:
        background: stays unchanged.

    Returns:
        The same background with a T1c image on the scale of drawn backgrounds, cord 0.5.
    """
    level = _levels(background)
    outside, inside = (np.interp(level, *np.asarray(table).T) for table in (TISSUE_LEVELS, FLUID_LEVELS))
    share = near_cord(background, CANAL_MM)
    t1c = outside + share * (inside - outside)
    return replace(background, t1c=t1c.astype(np.float32))


def _levels(background: Background) -> Array:
    """Return T2w on the scale with cord 0.3 and fluid 1, the same on all rows."""
    t2 = background.t2 / background.gain[None, :, None].astype(np.float32)
    span = background.csf_level - background.cord_level
    above = 0.3 + 0.7 * (t2 - background.cord_level) / span
    level: Array = np.where(t2 > background.cord_level, above, 0.3 * t2 / background.cord_level)
    return level


def near_cord(background: Background, beyond_mm: tuple[float, float]) -> Array:
    """Return a float32 map: 1 in and near the cord, 0 far from it; beyond its ends the cord is continued straight.

    Args:
        background: background whose frame holds the course.
        beyond_mm: distance from the cord's surface along slices and columns.
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
