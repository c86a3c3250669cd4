"""Smooth random fields and soft edges, the building blocks of the simulated anatomy."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

Array = np.ndarray
EDGE_MM = 0.8
"""Width over which one tissue gives way to the next."""


def inside(distance_mm: Array, edge_mm: float = EDGE_MM) -> Array:
    """Fraction of tissue at a signed distance from its border in mm, positive inside; float32, 0 to 1."""
    return np.clip(0.5 + distance_mm / edge_mm, 0, 1, dtype=np.float32)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], cells: tuple[float, ...]) -> Array:
    """Gaussian noise of unit variance whose grain is ``cells`` voxels along each axis, float32."""
    coarse_shape = [max(2, int(np.ceil(n / cell)) + 1) for n, cell in zip(shape, cells, strict=True)]
    coarse = rng.standard_normal(coarse_shape).astype(np.float32)
    zoom = [n / m for n, m in zip(shape, coarse_shape, strict=True)]
    field = ndimage.zoom(coarse, zoom, order=1, mode="nearest", grid_mode=True)
    return (field - field.mean()) / max(float(field.std()), 1e-6)


def smooth_curve(rng: np.random.Generator, length: int, knots: int, amplitude: float) -> Array:
    """Random curve through ``knots`` normal deviates of the given amplitude, float64 ``(length,)``."""
    positions = np.linspace(0, length - 1, knots)
    raw = np.interp(np.arange(length), positions, rng.normal(0, amplitude, knots))
    return ndimage.gaussian_filter1d(raw, length / knots / 2, mode="nearest")
