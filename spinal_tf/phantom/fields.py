"""Smooth random fields and soft edges, from which the simulated anatomy is built."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

Array = np.ndarray
EDGE_MM = 0.8
"""Width of the transition from one tissue to the next."""


def inside(distance_mm: Array, edge_mm: float = EDGE_MM) -> Array:
    """Return the fraction of tissue at a signed distance from its border in mm, positive inside; float32, 0 to 1."""
    fraction: Array = np.clip(0.5 + distance_mm / edge_mm, 0, 1, dtype=np.float32)
    return fraction


def rounded(first_mm: Array, second_mm: Array, radius_mm: float) -> Array:
    """Return the signed distance inside the intersection of two shapes, with rounded corners; at most `radius_mm`."""
    first, second = np.maximum(radius_mm - first_mm, 0), np.maximum(radius_mm - second_mm, 0)
    distance: Array = radius_mm - np.sqrt(first * first + second * second)
    return distance


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], cells: tuple[float, ...]) -> Array:
    """Draw Gaussian noise of unit variance with a grain of ``cells`` voxels along each axis, float32.

    It is made of cubic B-splines with random knots: their bell shape leaves no trace of the knots' grid.
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
    """Evaluate a cubic B-spline whose knots are ``step`` voxels apart.

    It is summed voxel by voxel: the last bit of a matrix product depends on the linear algebra library's threads.
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
    """Draw a smooth random curve from ``knots`` normal deviates of the given amplitude, float64 ``(length,)``."""
    positions = np.linspace(0, length - 1, knots)
    raw = np.interp(np.arange(length), positions, rng.normal(0, amplitude, knots))
    curve: Array = ndimage.gaussian_filter1d(raw, length / knots / 2, mode="nearest")
    return curve
