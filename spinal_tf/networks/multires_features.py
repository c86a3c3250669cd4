"""MultiResUNet without its head (Ibtehaz and Rahman, Neural Networks 2020;121:74-87)."""

from __future__ import annotations

import keras
from keras import layers

ALPHA = 1.67
"""Width of a MultiRes block relative to the U-Net level that it replaces (reference implementation)."""

BRANCHES = (0.167, 0.333, 0.5)
"""Shares of a block's width for its chained 3x3, 5x5-like and 7x7-like convolutions; each is rounded down."""

RES_PATH_LENGTHS = (4, 3, 2, 1)
"""Residual units on the skip connection of each encoder level, from the top."""

MULTIPLE = 2 ** len(RES_PATH_LENGTHS)
"""Number of which both sides of the input must be multiples."""


def multires_features(inputs: keras.KerasTensor, *, width: int, momentum: float) -> keras.KerasTensor:
    """Apply everything but the head: four encoder levels, a bridge, four decoder levels.

    Args:
        inputs: ``(batch, height, width, channels)``, sides multiples of `MULTIPLE`.
        width: filters of the first level; each further level doubles it.
        momentum: momentum of the moving averages in every batch normalization.

    Returns:
        Features of every pixel, ``(batch, height, width, features)``.
    """
    x, skips = inputs, []
    for level, length in enumerate(RES_PATH_LENGTHS, start=1):
        filters = width * 2 ** (level - 1)
        x = _multires_block(x, filters, momentum, f"encoder{level}")
        skips.append(_res_path(x, filters, length, momentum, f"respath{level}"))
        x = layers.MaxPooling2D(2, name=f"encoder{level}_pool")(x)
    x = _multires_block(x, width * 16, momentum, "bridge")
    for level in range(len(skips), 0, -1):
        filters = width * 2 ** (level - 1)
        x = layers.Conv2DTranspose(filters, 2, strides=2, padding="same", name=f"decoder{level}_up")(x)
        x = layers.Concatenate(name=f"decoder{level}_skip")([x, skips[level - 1]])
        x = _multires_block(x, filters, momentum, f"decoder{level}")
    return x


def _multires_block(x: keras.KerasTensor, filters: int, momentum: float, name: str) -> keras.KerasTensor:
    widths = [int(ALPHA * filters * share) for share in BRANCHES]
    shortcut = conv_bn(x, sum(widths), 1, momentum, f"{name}_shortcut", activation=False)
    branches = []
    for index, branch_width in enumerate(widths, start=1):
        x = conv_bn(x, branch_width, 3, momentum, f"{name}_conv{index}")
        branches.append(x)
    x = layers.Concatenate(name=f"{name}_concat")(branches)
    x = layers.BatchNormalization(momentum=momentum, name=f"{name}_concat_bn")(x)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    x = layers.ReLU(name=f"{name}_relu")(x)
    return layers.BatchNormalization(momentum=momentum, name=f"{name}_bn")(x)


def _res_path(x: keras.KerasTensor, filters: int, length: int, momentum: float, name: str) -> keras.KerasTensor:
    for index in range(1, length + 1):
        unit = f"{name}_unit{index}"
        shortcut = conv_bn(x, filters, 1, momentum, f"{unit}_shortcut", activation=False)
        x = conv_bn(x, filters, 3, momentum, f"{unit}_conv")
        x = layers.Add(name=f"{unit}_add")([shortcut, x])
        x = layers.ReLU(name=f"{unit}_relu")(x)
        x = layers.BatchNormalization(momentum=momentum, name=f"{unit}_bn")(x)
    return x


def conv_bn(
    x: keras.KerasTensor, filters: int, size: int, momentum: float, name: str, activation: bool = True
) -> keras.KerasTensor:
    """Apply a convolution without bias, batch normalization without scale, and a ReLU unless ``activation`` is off."""
    x = layers.Conv2D(filters, size, padding="same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(momentum=momentum, scale=False, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if activation else x
