"""Smooth random fields and soft edges, the building blocks of the simulated anatomy."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

Array = np.ndarray
EDGE_MM = 0.8
"""Width over which one tissue gives way to the next."""


def inside(distance_mm: Array, edge_mm: float = EDGE_MM) -> Array:
    """Fraction of tissue at a signed distance from its border in mm, positive inside; float32, 0 to 1."""
    fraction: Array = np.clip(0.5 + distance_mm / edge_mm, 0, 1, dtype=np.float32)
    return fraction


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], cells: tuple[float, ...]) -> Array:
    """Gaussian noise of unit variance whose grain is ``cells`` voxels along each axis, float32."""
    counts = [max(2, int(np.ceil(n / cell)) + 1) for n, cell in zip(shape, cells, strict=True)]
    field: Array = rng.standard_normal(counts, dtype=np.float32)
    for axis, (length, count) in reversed(list(enumerate(zip(shape, counts, strict=True)))):
        field = _stretched(field, axis, length, count)
    field -= field.mean()
    field /= max(float(field.std()), 1e-6)
    return field


def _stretched(knots: Array, axis: int, length: int, count: int) -> Array:
    """Linear interpolation between ``count`` knots, first and last at the ends.

    Voxel by voxel: a matrix product's last bit depends on how many threads the linear algebra library takes.
    """
    position = np.linspace(0, count - 1, length)
    below = np.minimum(position.astype(int), count - 2)
    shape = [1] * knots.ndim
    shape[axis] = length
    share = (position - below).astype(np.float32).reshape(shape)
    start, end = np.take(knots, below, axis), np.take(knots, below + 1, axis)
    stretched: Array = start + share * (end - start)
    return stretched


def smooth_curve(rng: np.random.Generator, length: int, knots: int, amplitude: float) -> Array:
    """Random curve through ``knots`` normal deviates of the given amplitude, float64 ``(length,)``."""
    positions = np.linspace(0, length - 1, knots)
    raw = np.interp(np.arange(length), positions, rng.normal(0, amplitude, knots))
    curve: Array = ndimage.gaussian_filter1d(raw, length / knots / 2, mode="nearest")
    return curve
