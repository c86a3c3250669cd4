"""Loss of the anatomy network, whose targets are known in part; written in keras.ops to run on any Keras backend."""

from __future__ import annotations

import keras
from keras import ops

from spinal_tf.networks.losses import Total, on_one_device

CROSS_ENTROPY_WEIGHT = 3.0
"""Weight of the cross-entropy beside Dice."""

SMOOTH = 10.0
"""Pixels added to numerator and denominator of Dice, so that a few pixels at a crop's border decide little."""

TINY = 1e-7
"""Added to probabilities in logarithms. Clipping them instead would leave a lost structure without a gradient."""


def anatomy_loss(
    y_true: keras.KerasTensor, y_pred: keras.KerasTensor, total: Total = on_one_device
) -> keras.KerasTensor:
    """Compute binary cross-entropy and soft Dice loss of each structure over its known pixels, and average them.

    ``3 BCE + 1 - (2 sum(y p) + s) / (sum(y) + sum(p) + s)`` for each structure, s = `SMOOTH`; sums go over the known
    pixels of the batch. A structure of which nothing is known has no loss, and one that the batch does not show has no
    Dice term: among many such batches it outweighs the few that show a rare structure, whose probability then sinks to
    zero everywhere.

    Args:
        y_true: 1, 0, or -1 where unknown, ``(batch, height, width, structures)``.
        y_pred: probability, the same shape.
        total: sums over devices, if several share a batch.

    Returns:
        Scalar.
    """
    y_true = ops.cast(y_true, y_pred.dtype)
    known = ops.cast(y_true >= 0, y_pred.dtype)
    drawn = ops.maximum(y_true, 0)
    entropy = -(drawn * ops.log(y_pred + TINY) + (1 - drawn) * ops.log(1 - y_pred + TINY))
    parts = (entropy * known, known, drawn, y_pred * known, y_pred * drawn)
    sums = total(ops.stack([ops.sum(part, axis=(0, 1, 2)) for part in parts]))
    surprise, pixels, shown, ours, common = ops.unstack(sums)
    missed = 1 - (2 * common + SMOOTH) / (shown + ours + SMOOTH)
    dice = ops.where(shown > 0, missed, ops.zeros_like(missed))
    return ops.mean(CROSS_ENTROPY_WEIGHT * surprise / (pixels + 1) + dice)
