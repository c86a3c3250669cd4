"""Augmentation of the authors' public code: four groups, each applied with probability 0.5, one random member each.

The ranges are the authors'. Three details differ: no blur that empties an image, no 8-bit steps, and the same
parameters for both images of a tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

CONTRAST = (0.7, 1.9)
GAMMA = (0.5, 1.4)
BRIGHTNESS = (0.8, 1.9)
SHARPNESS = (1.0, 4.0)
ROTATION_DEG = (-90.0, 89.0)
FLIPS = (-1, 0, 1)
"""OpenCV's flip codes: both axes, vertical, horizontal."""
SHIFT = 50 / 256
"""Maximum shift relative to the side: 50 of 256 pixels."""
SMALLEST_CROP = 0.8
BLUR_SIDES = (1, 3, 5)
BLUR_SD = 3.0
RESOLUTION = (0.4, 2.0)

SMOOTH_KERNEL = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13
"""Pillow's smoothing filter, the reference image of its sharpness enhancement."""

Array = np.ndarray
ImageChange = Callable[[Array], Array]


def augment_by_groups(
    rng: np.random.Generator, images: Sequence[Array], *masks: Array
) -> tuple[list[Array], list[Array]]:
    """Apply the same change to all images of a slice, and to its masks if the change is geometric.

    Args:
        rng: random number generator.
        images: float32 (row, column); a constant image, such as an absent channel, keeps its intensity.
        masks: float32, 0 or 1, the same shape; at least one mask.

    Returns:
        Images, within their original intensity range, and masks, still 0 or 1.
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
    """Scale an image to 0-1, apply a change, clip to 0-1 as 8-bit images do, and scale back."""
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
    """Blend another image with this one; a share above 1 extrapolates beyond this image."""
    return np.asarray(other + share * (image - other))


def _resolution(rng: np.random.Generator) -> ImageChange:
    """Draw a blur, or a resize to another resolution and back."""
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
    """Draw a rotation about the middle, or a flip, as an OpenCV matrix (2, 3)."""
    middle = (np.array(shape[::-1]) - 1) / 2
    if rng.random() < 0.5:
        return np.asarray(cv2.getRotationMatrix2D(middle.tolist(), rng.uniform(*ROTATION_DEG), 1))
    axis = int(rng.choice(FLIPS))
    signs = np.array([-1.0 if axis != 0 else 1.0, -1.0 if axis != 1 else 1.0])
    return np.hstack([np.diag(signs), (middle - signs * middle)[:, None]])


def _shift(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw a shift, or a crop enlarged to the full size, as an OpenCV matrix (2, 3)."""
    size = np.array(shape[::-1], np.float64)
    if rng.random() < 0.5:
        return np.hstack([np.eye(2), (rng.uniform(-SHIFT, SHIFT, 2) * size).round()[:, None]])
    share = rng.uniform(SMALLEST_CROP, 1)
    corner = rng.random(2) * (1 - share) * size
    return np.hstack([np.eye(2) / share, (-corner / share)[:, None]])


def _moved(image: Array, matrix: Array, interpolation: int) -> Array:
    """Warp an image or mask; outside pixels get the image's minimum, or 0 in a mask."""
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
