"""The augmentation of the authors' public code: four groups, each with a chance of one half, one member of it drawn.

Ranges are theirs. Not carried over: the blur that empties an image, eight-bit steps, and parameters that differ between
the two images of one tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import cv2
import numpy as np

Augmentation = Literal["authors", "broad", "none"]
"""``authors``: the groups here; ``broad``: those of `spinal_tf.datasets.augment`; ``none``: samples as they are."""

CONTRAST = (0.7, 1.9)
GAMMA = (0.5, 1.4)
BRIGHTNESS = (0.8, 1.9)
SHARPNESS = (1.0, 4.0)
ROTATION_DEG = (-90.0, 89.0)
FLIPS = (-1, 0, 1)
"""Both axes, top and bottom, left and right, as OpenCV numbers them."""
SHIFT = 50 / 256
"""Largest shift, as a share of a side: 50 pixels of 256."""
SMALLEST_CROP = 0.8
BLUR_SIDES = (1, 3, 5)
BLUR_SD = 3.0
RESOLUTION = (0.4, 2.0)

SMOOTH_KERNEL = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13
"""Pillow's smoothing filter, from which its sharpness goes away."""

Array = np.ndarray
ImageChange = Callable[[Array], Array]


def augment_by_groups(
    rng: np.random.Generator, images: Sequence[Array], *masks: Array
) -> tuple[list[Array], list[Array]]:
    """Change images of one slice alike, and its masks with them where the change is one of place.

    Args:
        rng: source of all randomness.
        images: float32, of two axes; a constant one, as an absent channel is, keeps its intensity.
        masks: float32, 0 or 1, the same shape; at least one.

    Returns:
        Images within their own range of intensity, and the masks, still 0 or 1.
    """
    images, moved = list(images), list(masks)
    for draw in (_intensity, _resolution):
        if rng.random() < 0.5:
            change = draw(rng)
            images = [_within_range(image, change) for image in images]
    for place in (_turn, _shift):
        if rng.random() < 0.5:
            matrix = place(rng, masks[0].shape)
            images = [_moved(image, matrix, cv2.INTER_LINEAR) for image in images]
            moved = [_moved(mask, matrix, cv2.INTER_NEAREST) for mask in moved]
    return images, moved


def _within_range(image: Array, change: ImageChange) -> Array:
    """Apply a change to an image scaled to 0-1, clip it there as an eight-bit image does, and scale back."""
    low, high = float(image.min()), float(image.max())
    if low == high:
        return image
    changed = np.clip(change((image - low) / (high - low)), 0, 1)
    return np.asarray(low + (high - low) * changed, np.float32)


def _intensity(rng: np.random.Generator) -> ImageChange:
    kind = rng.integers(4)
    if kind == 0:
        factor = rng.uniform(*CONTRAST)
        return lambda image: _blend(np.full_like(image, image.mean()), image, factor)
    if kind == 1:
        power = rng.uniform(*GAMMA)
        return lambda image: np.asarray(np.power(image, power))
    if kind == 2:
        brightness = rng.uniform(*BRIGHTNESS)
        return lambda image: np.asarray(image * brightness)
    sharpness = rng.uniform(*SHARPNESS)
    return lambda image: _blend(cv2.filter2D(image, -1, SMOOTH_KERNEL), image, sharpness)


def _blend(other: Array, image: Array, share: float) -> Array:
    """Between another image and this one, or beyond this one where the share is above 1."""
    return np.asarray(other + share * (image - other))


def _resolution(rng: np.random.Generator) -> ImageChange:
    """Blur, or resizing to another resolution and back."""
    if rng.random() < 0.5:
        side = int(rng.choice(BLUR_SIDES))
        blurs: tuple[ImageChange, ...] = (
            lambda image: cv2.GaussianBlur(image, (side, side), BLUR_SD),
            lambda image: cv2.medianBlur(image, side),
            lambda image: cv2.blur(image, (side, side)),
        )
        return blurs[rng.integers(len(blurs))]
    scale = rng.uniform(*RESOLUTION)

    def resize(image: Array) -> Array:
        rows, columns = image.shape
        small = cv2.resize(image, (max(1, int(columns * scale)), max(1, int(rows * scale))))
        return np.asarray(cv2.resize(small, (columns, rows)))

    return resize


def _turn(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Rotation about the middle, or a flip, as a (2, 3) matrix for OpenCV."""
    middle = (np.array(shape[::-1]) - 1) / 2
    if rng.random() < 0.5:
        return np.asarray(cv2.getRotationMatrix2D(middle.tolist(), rng.uniform(*ROTATION_DEG), 1))
    axis = int(rng.choice(FLIPS))
    signs = np.array([-1.0 if axis != 0 else 1.0, -1.0 if axis != 1 else 1.0])
    return np.hstack([np.diag(signs), (middle - signs * middle)[:, None]])


def _shift(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Shift, or a smaller part enlarged to the whole, as a (2, 3) matrix for OpenCV."""
    size = np.array(shape[::-1], np.float64)
    if rng.random() < 0.5:
        return np.hstack([np.eye(2), (rng.uniform(-SHIFT, SHIFT, 2) * size).round()[:, None]])
    share = rng.uniform(SMALLEST_CROP, 1)
    corner = rng.random(2) * (1 - share) * size
    return np.hstack([np.eye(2) / share, (-corner / share)[:, None]])


def _moved(image: Array, matrix: Array, interpolation: int) -> Array:
    """Outside is the image's minimum: black in an image, no lesion in a mask."""
    rows, columns = image.shape
    return np.asarray(
        cv2.warpAffine(
            image,
            matrix,
            (columns, rows),
            flags=interpolation,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=0.0 if interpolation == cv2.INTER_NEAREST else float(image.min()),
        )
    )
