"""Loss of the anatomy network, whose targets are known in part; written in keras.ops to run on any Keras backend."""

from __future__ import annotations

import keras
from keras import ops

from spinal_tf.networks.losses import Total, on_one_device

CROSS_ENTROPY_WEIGHT = 3.0
"""Weight of the cross-entropy beside Dice."""

SMOOTH = 10.0
"""Pixels added to numerator and denominator of Dice, so that a structure missing in a batch has little loss."""

SMALLEST = 1e-6
"""Smallest distance of a probability from 0 and 1 in a logarithm."""


def anatomy_loss(
    y_true: keras.KerasTensor, y_pred: keras.KerasTensor, total: Total = on_one_device
) -> keras.KerasTensor:
    """Compute binary cross-entropy and soft Dice loss of each structure over its known pixels, and average them.

    ``3 BCE + 1 - (2 sum(y p) + s) / (sum(y) + sum(p) + s)`` for each structure, s = `SMOOTH`; sums go over the known
    pixels of the batch. A structure of which nothing is known has no loss.

    Args:
        y_true: 1, 0, or -1 where unknown, ``(batch, height, width, structures)``.
        y_pred: probability, the same shape.
        total: sums over devices, if several share a batch.

    Returns:
        Scalar.
    """
    y_true = ops.cast(y_true, y_pred.dtype)
    known = ops.cast(y_true >= 0, y_pred.dtype)
    drawn, ours = ops.maximum(y_true, 0), ops.clip(y_pred, SMALLEST, 1 - SMALLEST)
    entropy = -(drawn * ops.log(ours) + (1 - drawn) * ops.log(1 - ours))
    parts = (entropy * known, known, drawn * ours * known, (drawn + ours) * known)
    sums = total(ops.stack([ops.sum(part, axis=(0, 1, 2)) for part in parts]))
    surprise, pixels, common, both = ops.unstack(sums)
    dice = (2 * common + SMOOTH) / (both + SMOOTH)
    return ops.mean(CROSS_ENTROPY_WEIGHT * surprise / (pixels + 1) + 1 - dice)
