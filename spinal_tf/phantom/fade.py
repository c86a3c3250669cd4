"""Fading of the fluid along the canal, so that cord and fluid look more and more alike."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from spinal_tf.phantom.contrast import near_cord
from spinal_tf.phantom.fields import Array
from spinal_tf.phantom.frame import Background
from spinal_tf.phantom.scanner import Degradations

BESIDE_CORD_MM = (8.0, 7.0)
"""Distance from the cord's surface, laterally and anteroposteriorly, within which fluid may lie."""

END_MM = 8.0
"""SD of the smooth end of the fade at the ends of the cord."""


def faded(background: Background, happened: Degradations) -> Array:
    """Reduce the contrast between the fluid around the cord and the cord on T2w.

    Args:
        background: background with lesions, which keep their brightness; stays unchanged.
        happened: share of the contrast that is lost, and where.

    Returns:
        T2w, float32, on the grid of the background; the background's own array if nothing fades.
    """
    if not happened.fade:
        return background.t2
    cord = (background.cord_level * background.gain).astype(np.float32)[:, None]
    above = np.maximum(background.t2 - cord, 0)
    share = near_cord(background, BESIDE_CORD_MM) * (1 - background.cord)
    rest: Array = background.t2 - _loss(background, happened)[:, None] * share * above
    return rest


def _loss(background: Background, happened: Degradations) -> Array:
    """Return the loss on each row, float32: it grows linearly from its start and is 0 beyond the ends of the cord."""
    height = np.linspace(0, 1, background.t2.shape[1])
    if happened.fade_up:
        height = height[::-1]
    grown = np.clip((height - happened.fade_from) / happened.fade_over, 0, 1)
    has_cord = np.isfinite(background.frame.x_mm).astype(float)
    within = ndimage.gaussian_filter1d(has_cord, END_MM / background.frame.spacing_mm[1], mode="nearest")
    loss: Array = (happened.fade * grown * within).astype(np.float32)
    return loss
