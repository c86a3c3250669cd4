"""Losses, in keras.ops so that they run on any Keras backend."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

SMOOTH = 1.0
"""Pixels added to both sides of the Dice ratio, so that an empty batch or crop rightly left empty costs nothing."""

HARDEST = 0.02
"""Share of a crop's pixels that `dice_topk` looks at: false marks are fewer than that, so all count."""

Total = Callable[[keras.KerasTensor], keras.KerasTensor]
"""From sums over one device's share of a batch to those over the whole batch; differentiable."""


def _on_one_device(sums: keras.KerasTensor) -> keras.KerasTensor:
    return sums


def dice_bce(y_true: keras.KerasTensor, y_pred: keras.KerasTensor, total: Total = _on_one_device) -> keras.KerasTensor:
    """Soft Dice loss over the batch plus binary cross-entropy over its pixels.

    ``1 - (2 sum(y p) + s) / (sum(y) + sum(p) + s) - mean(y log p + (1 - y) log(1 - p))``, s = `SMOOTH`. Dice is taken
    over the whole batch, since a single slice with a few lesion pixels, or none, makes it jump. Our choice: the loss
    of Zhuo et al. 2022 is not published.

    Args:
        y_true: 0 or 1, ``(batch, height, width, 1)``.
        y_pred: probability, the same shape.
        total: where several devices share a batch. The mean of their losses is then that of the batch.

    Returns:
        Scalar.
    """
    y_true = ops.cast(y_true, y_pred.dtype)
    return _dice_loss(y_true, y_pred, total=total) + ops.mean(keras.losses.binary_crossentropy(y_true, y_pred))


def dice_topk(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
    """Soft Dice loss of each crop plus the mean binary cross-entropy of its hardest pixels.

    A false mark is so small a share of all pixels that their mean hardly tells; among the hardest it weighs fifty
    times as much. And a small lesion is so small a share of a batch with tumours that its Dice hardly tells; of its own
    crop it decides it. Wu et al. 2016 (arXiv:1605.06885) for the cross-entropy; Ma et al., Medical Image Analysis 2021
    (10.1016/j.media.2021.102035) for the sum with Dice.

    Not for a training from random weights, which gets stuck near one half everywhere (docs/design-notes.md).

    Args:
        y_true: 0 or 1, ``(batch, height, width, 1)``, a static shape.
        y_pred: probability, the same shape.

    Returns:
        ``(batch,)``.
    """
    count = max(1, round(HARDEST * math.prod(y_true.shape[1:])))
    y_true = ops.cast(y_true, y_pred.dtype)
    pixels = ops.reshape(keras.losses.binary_crossentropy(y_true, y_pred), (-1, math.prod(y_true.shape[1:])))
    hardest = ops.mean(ops.top_k(pixels, count, sorted=False)[0], axis=-1)
    return _dice_loss(y_true, y_pred, axis=(1, 2, 3)) + hardest


def with_cord(loss: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A loss of lesions plus one of the cord: soft Dice loss of each crop, and mean binary cross-entropy.

    Args:
        loss: of targets and probabilities of lesion.

    Returns:
        Loss of ``(batch, height, width, 2)``, lesion and cord. A target of -1 in the second channel says that a crop's
        cord is not known; it is then left out.
    """

    def both(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        drawn, cord = ops.cast(y_true[..., 1:], y_pred.dtype), y_pred[..., 1:]
        known = ops.cast(ops.amin(drawn, axis=(1, 2, 3)) >= 0, y_pred.dtype)
        drawn = ops.maximum(drawn, 0)
        pixels = ops.mean(keras.losses.binary_crossentropy(drawn, cord), axis=(1, 2))
        return loss(y_true[..., :1], y_pred[..., :1]) + known * (_dice_loss(drawn, cord, axis=(1, 2, 3)) + pixels)

    return both


def _dice_loss(
    y_true: keras.KerasTensor,
    y_pred: keras.KerasTensor,
    axis: tuple[int, ...] | None = None,
    total: Total = _on_one_device,
) -> keras.KerasTensor:
    common, ours, drawn = (ops.sum(part, axis=axis) for part in (y_true * y_pred, y_pred, y_true))
    common, both = ops.unstack(total(ops.stack([common, ours + drawn])))
    return 1 - (2 * common + SMOOTH) / (both + SMOOTH)
