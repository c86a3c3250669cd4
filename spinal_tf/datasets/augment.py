"""Random augmentation of training samples: geometry for image and mask together, intensity for the image only."""

from __future__ import annotations

import cv2
import numpy as np

Array = np.ndarray

ROTATION_DEG = 40.0
"""Maximum rotation in degrees; the cord is as oblique as this in scans of a curved spine, or cropped around one."""
SCALE = (0.8, 1.25)
GAIN = (0.5, 1.7)
"""Range of the intensity factor; one bright vessel, or fat near a coil, sets the maximum that a volume is scaled by."""


def random_affine(
    rng: np.random.Generator, centre: tuple[float, float], size: tuple[int, int], *, zoom: float = 1.0
) -> Array:
    """Draw an OpenCV matrix (2, 3) from a plane to a crop: rotation, scale and flips about a point of the plane.

    Args:
        rng: random number generator.
        centre: row and column of the plane that map to the middle of the crop.
        size: rows and columns of the crop.
        zoom: crop pixels per plane pixel, before the random scale.
    """
    angle = np.deg2rad(rng.uniform(-ROTATION_DEG, ROTATION_DEG))
    scale = zoom * np.exp(rng.uniform(*np.log(SCALE)))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn * rng.choice([-1, 1], (2, 1))
    return onto_crop(turn, centre, size)


def onto_crop(turn: Array, centre: tuple[float, float], size: tuple[int, int]) -> Array:
    """Return the OpenCV matrix (2, 3) that turns a plane by (2, 2) and moves a point of it to the middle of a crop."""
    point = np.array([centre[1], centre[0]])
    middle = (np.array([size[1], size[0]]) - 1) / 2
    return np.hstack([turn, (middle - turn @ point)[:, None]])


def warp(image: Array, matrix: Array, size: tuple[int, int], *, label: bool = False) -> Array:
    """Apply a matrix from `random_affine`; labels stay 0 or 1. Outside pixels get the image's minimum, or 0 for labels.

    Returns:
        float32 of ``size`` rows and columns.
    """
    border = 0.0 if label else float(image.min())
    out: Array = cv2.warpAffine(
        image.astype(np.float32), matrix, size[::-1], borderMode=cv2.BORDER_CONSTANT, borderValue=border
    )
    return (out >= 0.5).astype(np.float32) if label else out


def random_lesion_level(rng: np.random.Generator, image: Array, mask: Array) -> Array:
    """Brighten a lesion, at most to slightly above fluid, with probability 0.5; its texture is kept.

    Real lesions can be brighter than tables of typical levels. Lesions are never darkened: invisible lesions teach a
    network to mark healthy cord.

    Args:
        rng: random number generator.
        image: float32 (row, column), or (row, column, slice).
        mask: float32, 0 or 1, the same shape; without a lesion the image is unchanged.
    """
    if not mask.any() or rng.random() < 0.5:
        return image
    headroom = float(np.percentile(image, 99.5)) - float(image[mask > 0].mean())
    change = rng.uniform(0.0, 1.1) * max(headroom, 0.0)
    return image + change * smoothed(mask, 0.7)


def random_intensity(rng: np.random.Generator, image: Array) -> Array:
    """Change contrast, brightness, coil shading, gamma, blur, resolution and noise, each with its own probability.

    Args:
        rng: random number generator.
        image: float32 (row, column), or (row, column, slice), about 0 to 1.
    """
    low, high = float(image.min()), float(image.max())
    if high > low and rng.random() < 0.7:
        image = low + (high - low) * ((image - low) / (high - low)) ** np.exp(rng.normal(0, 0.25))
    if rng.random() < 0.7:
        image = image * np.exp(rng.uniform(*np.log(GAIN))) + rng.uniform(-0.03, 0.03)
    if rng.random() < 0.5:
        image = image * _shading(rng, image.shape)
    if rng.random() < 0.2:
        image = smoothed(image, rng.uniform(0.4, 1.2))
    if rng.random() < 0.2:
        rows, columns = image.shape[:2]
        factor = rng.uniform(0.5, 0.95)
        small = cv2.resize(image, (round(columns * factor), round(rows * factor)))
        image = cv2.resize(small, (columns, rows)).reshape(image.shape)
    if rng.random() < 0.3:
        image = image + rng.normal(0, rng.uniform(0.005, 0.04), image.shape)
    return image.astype(np.float32)


def warp_labels(labels: Array, matrix: Array, size: tuple[int, int], *, outside: int) -> Array:
    """Apply a matrix to a label map: each pixel gets the nearest label, or ``outside`` beyond the map.

    Args:
        labels: uint8 (row, column).
        matrix: OpenCV matrix (2, 3) from the map to the crop.
        size: rows and columns of the crop.
        outside: label of pixels beyond the map.
    """
    warped: Array = cv2.warpAffine(
        labels, matrix, size[::-1], flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=outside
    )
    return warped


def smoothed(image: Array, sd: float) -> Array:
    """Blur in-plane and restore the shape, since OpenCV drops a third axis of length one."""
    blurred: Array = cv2.GaussianBlur(image, (0, 0), sd)
    return blurred.reshape(image.shape)


def _shading(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return a factor that varies smoothly across the plane, like a surface coil's sensitivity; equal in all slices."""
    rows, columns = (np.linspace(-1, 1, length) for length in shape[:2])
    slope = rng.normal(0, 0.35, 2)
    factor: Array = np.exp(slope[0] * rows[:, None] + slope[1] * columns).astype(np.float32)
    return factor.reshape(*shape[:2], *[1] * (len(shape) - 2))
