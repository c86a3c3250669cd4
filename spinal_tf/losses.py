"""Losses, in keras.ops so that they run on any Keras backend."""

from __future__ import annotations

import keras
from keras import ops

SMOOTH = 1.0
"""Pixels added to both sides of the Dice ratio, so that an empty batch rightly left empty costs nothing."""


def dice_bce(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
    """Soft Dice loss over the batch plus binary cross-entropy over its pixels.

    ``1 - (2 sum(y p) + s) / (sum(y) + sum(p) + s) - mean(y log p + (1 - y) log(1 - p))``, s = `SMOOTH`. Dice is taken
    over the whole batch, since a single slice with a few lesion pixels, or none, makes it jump. Our choice: the loss
    of Zhuo et al. 2022 is not published.

    Args:
        y_true: 0 or 1, ``(batch, height, width, 1)``.
        y_pred: probability, the same shape.

    Returns:
        Scalar.
    """
    y_true = ops.cast(y_true, y_pred.dtype)
    overlap = 2 * ops.sum(y_true * y_pred) + SMOOTH
    dice = overlap / (ops.sum(y_true) + ops.sum(y_pred) + SMOOTH)
    return 1 - dice + ops.mean(keras.losses.binary_crossentropy(y_true, y_pred))
