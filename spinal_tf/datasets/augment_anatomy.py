"""Random augmentation for the anatomy network, whose scans may have any contrast and field of view.

Images are about 0 to 1 before, and z-scored after. A network trained on random contrasts also segments scans of unseen
ones (Billot et al., Medical Image Analysis 2023, 10.1016/j.media.2023.102789). All ranges are our choice.
"""

from __future__ import annotations

import cv2
import numpy as np

from spinal_tf.datasets.augment import onto_crop, smoothed

Array = np.ndarray

ROTATION_SD_DEG = 10.0
SCALE = (0.82, 1.2)
STRETCH = (0.92, 1.08)
"""Range of the ratio of a crop's two scales, which changes the anatomy's proportions."""

BRIGHTEST = 1.6
"""Level, relative to the bright end of the scan, at which single bright structures are clipped."""

CUT_SHARE, MOST_CUT = 0.25, 0.4
"""Share of crops with a border of the field of view, and the largest part of a crop beyond it."""

GAMMA_SD = 0.3
FIELD = (0.1, 0.6)
"""Range of the SD of the logarithm of a smooth bias field."""

FIELD_CELLS = (2, 5)
"""Range of the cells of that field along each axis, the end excluded."""

BLUR_PX = (0.3, 1.1)
MOST_NOISE = 0.08
MOST_GLARE, GLARE_PX = 4.0, (15.0, 60.0)
"""Largest additional brightness near a coil in front or behind, and range of the distance over which it decays."""

LEVEL_SD = 0.25
"""SD of the shift of z-scores and of the logarithm of their scale: those of a crop are not those of its scan."""


def random_pose(rng: np.random.Generator, centre: tuple[float, float], size: tuple[int, int]) -> Array:
    """Draw an OpenCV matrix (2, 3) from a plane to a crop: rotation, scale and stretch about a point of the plane.

    Args:
        rng: random number generator.
        centre: row and column of the plane that map to the middle of the crop.
        size: rows and columns of the crop.
    """
    scale = rng.uniform(*SCALE)
    angle = np.deg2rad(rng.normal(0, ROTATION_SD_DEG))
    stretch = rng.uniform(*STRETCH)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = scale * np.array([[cosine * stretch, -sine], [sine * stretch, cosine]])
    return onto_crop(turn, centre, size)


def cut_view(rng: np.random.Generator, image: Array, labels: Array, *, outside: int) -> None:
    """Blacken a strip at one side in some crops, in place, as a border of the field of view would.

    Args:
        rng: random number generator.
        image: float32 (row, column, slice).
        labels: uint8 (row, column).
        outside: label of the strip.
    """
    if rng.random() >= CUT_SHARE:
        return
    axis, at_start = int(rng.integers(2)), rng.random() < 0.5
    length = labels.shape[axis]
    width = round(rng.uniform(0, MOST_CUT) * length)
    strip = slice(0, width) if at_start else slice(length - width, length)
    where = (strip,) if axis == 0 else (slice(None), strip)
    image[where], labels[where] = 0, outside


def random_appearance(rng: np.random.Generator, image: Array) -> Array:
    """Change contrast, shading, resolution and noise, each with its own probability.

    Args:
        rng: random number generator.
        image: float32 (row, column, slice), not negative, at most `BRIGHTEST`.
    """
    rows, columns = image.shape[:2]
    if rng.random() < 0.8:
        image = image ** np.exp(rng.normal(0, GAMMA_SD))
    if rng.random() < 0.8:
        image = image * np.exp(_bias_field(rng, rows, columns))[..., None]
    if rng.random() < 0.3:
        image = smoothed(image, rng.uniform(*BLUR_PX))
    if rng.random() < 0.5:
        image = image + rng.normal(0, rng.uniform(0, MOST_NOISE), image.shape)
    if rng.random() < 0.15:
        image = image * _glare(rng, rows, columns)[..., None]
    return image


def random_zscore(rng: np.random.Generator, image: Array) -> Array:
    """Z-score a crop, then shift and scale it a little: float32, the same shape."""
    scored = (image - image.mean()) / (image.std() + 1e-3)
    changed: Array = scored * np.exp(rng.normal(0, LEVEL_SD)) + rng.normal(0, LEVEL_SD)
    return changed.astype(np.float32)


def _bias_field(rng: np.random.Generator, rows: int, columns: int) -> Array:
    sd = rng.uniform(*FIELD)
    cells = rng.normal(0, sd, rng.integers(*FIELD_CELLS, 2)).astype(np.float32)
    field: Array = cv2.resize(cells, (columns, rows), interpolation=cv2.INTER_CUBIC)
    return field


def _glare(rng: np.random.Generator, rows: int, columns: int) -> Array:
    row, column = rng.uniform(0, rows), float(rng.choice([0, columns]))
    away = np.hypot(np.arange(rows)[:, None] - row, np.arange(columns) - column)
    factor: Array = 1 + rng.uniform(0, MOST_GLARE) * np.exp(-away / rng.uniform(*GLARE_PX))
    return factor
