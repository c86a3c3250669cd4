"""Fluid that loses its brightness along the canal, so that cord and fluid look more and more alike."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from spinal_tf.phantom.contrast import near_cord
from spinal_tf.phantom.fields import Array
from spinal_tf.phantom.frame import Background
from spinal_tf.phantom.scanner import Degradations

BESIDE_CORD_MM = (8.0, 7.0)
"""How far beyond the cord's surface, to the sides and to front and back, fluid may lie."""

END_MM = 8.0
"""SD over which the fade ends where the cord does."""


def faded(background: Background, happened: Degradations) -> Array:
    """T2w in which the fluid around the cord has lost a share of what it is brighter than the cord.

    Args:
        background: with its lesions, which keep their brightness; left as it is.
        happened: how much is lost, and where.

    Returns:
        float32, the grid of the background; its own T2w where nothing fades.
    """
    if not happened.fade:
        return background.t2
    cord = (background.cord_level * background.gain).astype(np.float32)[:, None]
    above = np.maximum(background.t2 - cord, 0)
    share = near_cord(background, BESIDE_CORD_MM) * (1 - background.cord)
    rest: Array = background.t2 - _loss(background, happened)[:, None] * share * above
    return rest


def _loss(background: Background, happened: Degradations) -> Array:
    """float32 for each row: linear from where it begins; none beyond the ends of the cord."""
    height = np.linspace(0, 1, background.t2.shape[1])
    if happened.fade_up:
        height = height[::-1]
    grown = np.clip((height - happened.fade_from) / happened.fade_over, 0, 1)
    has_cord = np.isfinite(background.frame.x_mm).astype(float)
    within = ndimage.gaussian_filter1d(has_cord, END_MM / background.frame.spacing_mm[1], mode="nearest")
    loss: Array = (happened.fade * grown * within).astype(np.float32)
    return loss
