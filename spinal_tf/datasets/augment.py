"""Random changes of training samples: geometry alike for image and mask, intensity for the image alone."""

from __future__ import annotations

import cv2
import numpy as np

Array = np.ndarray

ROTATION_DEG = 40.0
"""Scans of a curved spine, or cut around one, show the cord as oblique as this."""
SCALE = (0.8, 1.25)
GAIN = (0.5, 1.7)
"""One bright vessel, or fat beside a coil, sets the maximum by which a volume is scaled."""


def random_affine(
    rng: np.random.Generator, centre: tuple[float, float], size: tuple[int, int], *, zoom: float = 1.0
) -> Array:
    """Matrix (2, 3) for OpenCV from a plane to a crop: rotation, scale and flips about a point of the plane.

    Args:
        rng: source of all randomness.
        centre: row and column of the plane that come to the middle of the crop.
        size: rows and columns of the crop.
        zoom: pixels of the crop for one of the plane, before the random scale.
    """
    angle = np.deg2rad(rng.uniform(-ROTATION_DEG, ROTATION_DEG))
    scale = zoom * np.exp(rng.uniform(*np.log(SCALE)))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn * rng.choice([-1, 1], (2, 1))
    point = np.array([centre[1], centre[0]])
    middle = (np.array([size[1], size[0]]) - 1) / 2
    return np.hstack([turn, (middle - turn @ point)[:, None]])


def warp(image: Array, matrix: Array, size: tuple[int, int], *, label: bool = False) -> Array:
    """Apply a matrix of `random_affine`; labels stay 0 or 1, outside is the image's minimum or 0.

    Returns:
        float32 of ``size`` rows and columns.
    """
    border = 0.0 if label else float(image.min())
    out: Array = cv2.warpAffine(
        image.astype(np.float32), matrix, size[::-1], borderMode=cv2.BORDER_CONSTANT, borderValue=border
    )
    return (out >= 0.5).astype(np.float32) if label else out


def random_lesion_level(rng: np.random.Generator, image: Array, mask: Array) -> Array:
    """Make a lesion brighter, up to beyond fluid, with a chance of one half; texture stays.

    Real lesions are brighter than any table of typical levels. Never darker: what cannot be seen teaches a network to
    mark healthy cord.

    Args:
        rng: source of all randomness.
        image: float32, of two axes, or with several slices as a third.
        mask: float32, 0 or 1, the same shape; without lesion the image stays.
    """
    if not mask.any() or rng.random() < 0.5:
        return image
    headroom = float(np.percentile(image, 99.5)) - float(image[mask > 0].mean())
    change = rng.uniform(0.0, 1.1) * max(headroom, 0.0)
    return image + change * _smoothed(mask, 0.7)


def random_intensity(rng: np.random.Generator, image: Array) -> Array:
    """Contrast, brightness, coil shading, gamma, blur, lower resolution and noise, each with its own chance.

    Args:
        rng: source of all randomness.
        image: float32, about 0 to 1, of two axes, or with several slices as a third.
    """
    low, high = float(image.min()), float(image.max())
    if high > low and rng.random() < 0.7:
        image = low + (high - low) * ((image - low) / (high - low)) ** np.exp(rng.normal(0, 0.25))
    if rng.random() < 0.7:
        image = image * np.exp(rng.uniform(*np.log(GAIN))) + rng.uniform(-0.03, 0.03)
    if rng.random() < 0.5:
        image = image * _shading(rng, image.shape)
    if rng.random() < 0.2:
        image = _smoothed(image, rng.uniform(0.4, 1.2))
    if rng.random() < 0.2:
        rows, columns = image.shape[:2]
        factor = rng.uniform(0.5, 0.95)
        small = cv2.resize(image, (round(columns * factor), round(rows * factor)))
        image = cv2.resize(small, (columns, rows)).reshape(image.shape)
    if rng.random() < 0.3:
        image = image + rng.normal(0, rng.uniform(0.005, 0.04), image.shape)
    return image.astype(np.float32)


def _smoothed(image: Array, sd: float) -> Array:
    """Blurred in the plane; OpenCV drops a third axis of length one."""
    blurred: Array = cv2.GaussianBlur(image, (0, 0), sd)
    return blurred.reshape(image.shape)


def _shading(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A factor that changes steadily across the plane, as the sensitivity of a surface coil does; alike in slices."""
    rows, columns = (np.linspace(-1, 1, length) for length in shape[:2])
    slope = rng.normal(0, 0.35, 2)
    factor: Array = np.exp(slope[0] * rows[:, None] + slope[1] * columns).astype(np.float32)
    return factor.reshape(*shape[:2], *[1] * (len(shape) - 2))
