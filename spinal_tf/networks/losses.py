"""Losses, written in keras.ops to run on any Keras backend."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

SMOOTH = 1.0
"""Pixels added to numerator and denominator of Dice, so that a correct empty prediction has zero loss."""

HARDEST = 0.02
"""Share of a crop's pixels used by `dice_topk`; false positives cover less than this, so all of them count."""

Total = Callable[[keras.KerasTensor], keras.KerasTensor]
"""Function from sums over one device's share of a batch to sums over the whole batch; differentiable."""


def on_one_device(sums: keras.KerasTensor) -> keras.KerasTensor:
    """Return the sums themselves."""
    return sums


def dice_bce(y_true: keras.KerasTensor, y_pred: keras.KerasTensor, total: Total = on_one_device) -> keras.KerasTensor:
    """Compute the soft Dice loss over the batch plus the binary cross-entropy over its pixels.

    ``1 - (2 sum(y p) + s) / (sum(y) + sum(p) + s) - mean(y log p + (1 - y) log(1 - p))``, s = `SMOOTH`. Dice is
    computed over the whole batch, since it is unstable on single slices with few or no lesion pixels. This loss is our
    choice; the loss of Zhuo et al. 2022 is not published.

    Args:
        y_true: 0 or 1, ``(batch, height, width, 1)``.
        y_pred: probability, the same shape.
        total: sums over devices, if several share a batch; the mean of their losses is then the loss of the batch.

    Returns:
        Scalar.
    """
    y_true = ops.cast(y_true, y_pred.dtype)
    return _dice_loss(y_true, y_pred, total=total) + ops.mean(keras.losses.binary_crossentropy(y_true, y_pred))


def dice_topk(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
    """Compute the soft Dice loss of each crop plus the mean binary cross-entropy of its hardest pixels.

    A false positive hardly changes the mean over all pixels; among the hardest pixels it weighs 50 times as much. A
    small lesion hardly changes the Dice of a batch with tumors, but it determines the Dice of its own crop. The
    cross-entropy follows Wu et al. 2016 (arXiv:1605.06885); the sum with Dice follows Ma et al., Medical Image Analysis
    2021 (10.1016/j.media.2021.102035).

    Do not train from random weights with it: probabilities get stuck near 0.5 everywhere (docs/design-notes.md).

    Args:
        y_true: 0 or 1, ``(batch, height, width, 1)``; height and width are static.
        y_pred: probability, the same shape.

    Returns:
        Loss of each crop, ``(batch,)``.
    """
    count = max(1, round(HARDEST * math.prod(y_true.shape[1:])))
    y_true = ops.cast(y_true, y_pred.dtype)
    pixels = ops.reshape(keras.losses.binary_crossentropy(y_true, y_pred), (-1, math.prod(y_true.shape[1:])))
    hardest = ops.mean(ops.top_k(pixels, count, sorted=False)[0], axis=-1)
    return _dice_loss(y_true, y_pred, axis=(1, 2, 3)) + hardest


def with_cord(loss: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Add a cord term to a lesion loss: soft Dice loss of each crop plus mean binary cross-entropy.

    Args:
        loss: loss of lesion targets and lesion probabilities.

    Returns:
        Loss of ``(batch, height, width, 2)``, lesion and cord. A target of -1 in the second channel means that the
        crop's cord is unknown; its cord term is then zero.
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
    total: Total = on_one_device,
) -> keras.KerasTensor:
    common, ours, drawn = (ops.sum(part, axis=axis) for part in (y_true * y_pred, y_pred, y_true))
    common, both = ops.unstack(total(ops.stack([common, ours + drawn])))
    return 1 - (2 * common + SMOOTH) / (both + SMOOTH)
