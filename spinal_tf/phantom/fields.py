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


def rounded(first_mm: Array, second_mm: Array, radius_mm: float) -> Array:
    """Signed distance from the border of what two borders enclose, its corners rounded; `radius_mm` at most."""
    first, second = np.maximum(radius_mm - first_mm, 0), np.maximum(radius_mm - second_mm, 0)
    distance: Array = radius_mm - np.sqrt(first * first + second * second)
    return distance


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], cells: tuple[float, ...]) -> Array:
    """Gaussian noise of unit variance whose grain is ``cells`` voxels along each axis, float32.

    Cubic B-splines through random knots: their bell shape leaves no trace of the knots' grid.
    """
    steps = [max(cell, 1.0) for cell in cells]
    counts = [int(np.ceil(n / step)) + 4 for n, step in zip(shape, steps, strict=True)]
    field: Array = rng.standard_normal(counts, dtype=np.float32)
    for axis, (length, step) in reversed(list(enumerate(zip(shape, steps, strict=True)))):
        field = _splined(field, axis, length, step)
    field -= field.mean()
    field /= max(float(field.std()), 1e-6)
    return field


def _splined(knots: Array, axis: int, length: int, step: float) -> Array:
    """Cubic B-spline through knots that lie ``step`` voxels apart.

    Voxel by voxel: a matrix product's last bit depends on how many threads the linear algebra library takes.
    """
    position = np.arange(length) / step
    first = position.astype(int)
    t = (position - first).astype(np.float32)
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    shape = [1] * knots.ndim
    shape[axis] = length
    splined: Array = np.take(knots, first, axis)
    splined *= weights[0].reshape(shape)
    for offset, weight in enumerate(weights[1:], start=1):
        splined += np.take(knots, first + offset, axis) * weight.reshape(shape)
    return splined


def smooth_curve(rng: np.random.Generator, length: int, knots: int, amplitude: float) -> Array:
    """Random curve through ``knots`` normal deviates of the given amplitude, float64 ``(length,)``."""
    positions = np.linspace(0, length - 1, knots)
    raw = np.interp(np.arange(length), positions, rng.normal(0, amplitude, knots))
    curve: Array = ndimage.gaussian_filter1d(raw, length / knots / 2, mode="nearest")
    return curve
