"""From fine anatomy to an acquired scan: thick slices, blur, coil, noise, ringing, ghosts."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from spinal_tf.phantom.fields import Array, smooth_noise


def thick_slices(fine: Array, per_slice: int, gap: int) -> Array:
    """Average groups of fine slices, as a slice profile does; ``gap`` fine slices between groups are not seen."""
    step = per_slice + gap
    count = (fine.shape[0] + gap) // step
    starts = np.arange(count) * step
    return np.stack([fine[s : s + per_slice].mean(axis=0) for s in starts]).astype(np.float32)


def acquire(rng: np.random.Generator, image: Array, spacing_mm: tuple[float, float, float]) -> Array:
    """Degrade an image as scanners do; levels stay on their scale, the result is not negative."""
    blur = rng.uniform(0.25, 0.6) / np.asarray(spacing_mm[1:])
    image = ndimage.gaussian_filter(image, (0, *blur))
    image = image * _coil(rng, image.shape, spacing_mm)
    if rng.random() < 0.5:
        image = _ringing(rng, image)
    if rng.random() < 0.3:
        image = image + rng.uniform(0.01, 0.05) * np.roll(image, int(rng.integers(20, image.shape[1] // 2)), axis=1)
    sigma = rng.uniform(0.005, 0.045)
    real = image + sigma * rng.standard_normal(image.shape, dtype=np.float32)
    imaginary = sigma * rng.standard_normal(image.shape, dtype=np.float32)
    magnitude: Array = np.hypot(real, imaginary)
    return magnitude.astype(np.float32)


def _coil(rng: np.random.Generator, shape: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> Array:
    """Sensitivity of surface coils behind the patient, and a smooth field on top."""
    rows, columns = shape[1:]
    depth = np.arange(columns) * spacing_mm[2]
    decay = np.exp((depth - depth.mean()) / rng.choice([rng.uniform(50, 120), rng.uniform(120, 500)]))
    along = np.arange(rows) / rows - rng.uniform(0.3, 0.7)
    drop = 1 - rng.uniform(0, 1.2) * along**2
    field = 1 + 0.1 * smooth_noise(rng, (rows, columns), (rows / 3, columns / 3))
    sensitivity: Array = decay[None, :] * np.clip(drop, 0.3, 1)[:, None] * field
    return sensitivity.astype(np.float32)


def _ringing(rng: np.random.Generator, image: Array) -> Array:
    """Truncate k-space along one in-plane axis, which leaves Gibbs ringing beside sharp edges."""
    axis = int(rng.integers(1, 3))
    spectrum = np.fft.rfft(image, axis=axis)
    keep = int(spectrum.shape[axis] * rng.uniform(0.6, 0.9))
    window = np.arange(spectrum.shape[axis]) < keep
    spectrum *= window[:, None] if axis == 1 else window
    truncated: Array = np.fft.irfft(spectrum, n=image.shape[axis], axis=axis)
    return truncated.astype(np.float32)
