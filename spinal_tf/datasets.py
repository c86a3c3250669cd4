"""Training samples drawn from cases in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spinal_tf.augment import random_affine, random_intensity, random_lesion_level, warp
from spinal_tf.preprocess import Preprocessing, normalise, place, to_input
from spinal_tf.slices import MASK, T1C, T2W, make_tiles
from spinal_tf.taxonomy import Diagnosis, Task
from spinal_tf.volume import Volume

Array = np.ndarray

LESION_SHARE = 0.35
"""Share of the segmenter's crops that are centred near a lesion."""

SPINE_SHARE = 0.45
"""Share centred at any height of the spine on any slice, cord or not; the rest lies anywhere in the field of view."""

JITTER_PIXELS = 40.0
"""SD by which a crop's centre is moved off a lesion."""

T1C_SHARE = 0.4
"""Share of tiles that keep their T1c channel; the others teach the classifiers to do without."""


@dataclass(frozen=True, kw_only=True)
class SegmenterCase:
    """Planes of one case as the segmenter sees them.

    Attributes:
        planes: float16 (slice, row, column).
        mask: bool, the same shape.
        lesion_voxels: int32 (n, 3), indices of the mask's voxels.
    """

    diagnosis: Diagnosis
    planes: Array
    mask: Array
    lesion_voxels: Array


def segmenter_case(
    t2: Array, mask: Array, spacing_mm: tuple[float, float, float], diagnosis: Diagnosis, preprocessing: Preprocessing
) -> SegmenterCase:
    """Prepare a case; T2w and mask are (slice, row, column), spacing of the same axes."""
    placement = place(t2.shape[1:], spacing_mm[1:], preprocessing)
    planes = to_input(normalise(t2, intensity=preprocessing.intensity, source="case"), placement)
    label = to_input(mask, placement, label=True)
    return SegmenterCase(
        diagnosis=diagnosis,
        planes=planes.astype(np.float16),
        mask=label,
        lesion_voxels=np.argwhere(label).astype(np.int32),
    )


def segmenter_batches(
    cases: list[SegmenterCase], *, rng: np.random.Generator, batch: int, size: tuple[int, int]
) -> Iterator[tuple[Array, Array]]:
    """Endless batches of crops, in equal parts of the diseases that there are.

    Args:
        cases: at least one; may grow while batches are drawn.
        rng: source of all randomness.
        batch: crops in a batch.
        size: rows and columns of a crop.

    Yields:
        Images and masks, float32 ``(batch, rows, columns, 1)``.
    """
    while True:
        by_disease = [[case for case in cases if case.diagnosis is diagnosis] for diagnosis in Diagnosis]
        present = [group for group in by_disease if group]
        groups = [present[index] for index in rng.integers(len(present), size=batch)]
        crops = [_crop(rng, group[rng.integers(len(group))], size) for group in groups]
        images, masks = zip(*crops, strict=True)
        yield np.stack(images)[..., None], np.stack(masks)[..., None]


def _crop(rng: np.random.Generator, case: SegmenterCase, size: tuple[int, int]) -> tuple[Array, Array]:
    plane, row, column = _crop_centre(rng, case)
    matrix = random_affine(rng, (row, column), size)
    mask = warp(case.mask[plane], matrix, size, label=True)
    image = warp(case.planes[plane], matrix, size)
    return random_intensity(rng, random_lesion_level(rng, image, mask)), mask


def _crop_centre(rng: np.random.Generator, case: SegmenterCase) -> tuple[int, float, float]:
    """Slice, row and column; a lesion's column stands for that of the spine."""
    slices, rows, columns = case.planes.shape
    anywhere = (int(rng.integers(slices)), float(rng.integers(rows)), float(rng.integers(columns)))
    kind = rng.random()
    if not case.lesion_voxels.size or kind >= LESION_SHARE + SPINE_SHARE:
        return anywhere
    plane, row, column = case.lesion_voxels[rng.integers(len(case.lesion_voxels))]
    column += rng.normal(0, JITTER_PIXELS / 2)
    if kind < LESION_SHARE:
        return int(plane), float(row + rng.normal(0, JITTER_PIXELS)), float(column)
    return anywhere[0], anywhere[1], float(column)


@dataclass(frozen=True, kw_only=True)
class ClassifierCase:
    """Tiles of one case.

    Attributes:
        tiles: float16 ``(n, rows, columns, 3)``: T1c or zero, T2w, mask.
    """

    diagnosis: Diagnosis
    tiles: Array


def classifier_case(t2: Volume, mask: Array, t1c: Volume | None, diagnosis: Diagnosis) -> ClassifierCase | None:
    """The tiles of a case as the pipeline makes them, None where no slice gives one; the mask is bool like ``t2``."""
    tiles = make_tiles(t2, mask, preprocessing=Preprocessing(), t1c=t1c)
    if not tiles.slices:
        return None
    return ClassifierCase(diagnosis=diagnosis, tiles=tiles.images.astype(np.float16))


def classifier_batches(
    cases: list[ClassifierCase], task: Task, *, rng: np.random.Generator, batch: int, side: int
) -> Iterator[tuple[Array, Array]]:
    """Endless batches of tiles, half of each class (the authors' balance), cases drawn before tiles.

    Args:
        cases: of all diagnoses; those outside the task are left out.
        task: tells the classes.
        rng: source of all randomness.
        batch: tiles in a batch.
        side: rows and columns of a tile in the batch; less than the tiles' own makes early training cheap.

    Yields:
        Tiles float32 ``(batch, side, side, 3)`` and one-hot classes float32 ``(batch, 2)``.

    Raises:
        ValueError: a class of the task has no case.
    """
    classes = [[c for c in cases if task.applies_to(c.diagnosis) and task.label(c.diagnosis) == k] for k in (0, 1)]
    for name, members in zip(task.classes, classes, strict=True):
        if not members:
            raise ValueError(f"{task.name}: there is no case of the class {name}")
    while True:
        labels = np.arange(batch) % 2
        drawn = [classes[k][rng.integers(len(classes[k]))].tiles for k in labels]
        tiles = np.stack([_augmented_tile(rng, t[rng.integers(len(t))], side) for t in drawn])
        yield tiles, np.eye(2, dtype=np.float32)[labels]


def _augmented_tile(rng: np.random.Generator, tile: Array, side: int) -> Array:
    shift = rng.uniform(-0.08, 0.08, 2) * tile.shape[:2]
    centre = (np.asarray(tile.shape[:2]) - 1) / 2 + shift
    size = (side, side)
    matrix = random_affine(rng, (centre[0], centre[1]), size, zoom=side / tile.shape[0])
    t1c = np.zeros(size, np.float32)
    if tile[..., T1C].any() and rng.random() < T1C_SHARE:
        t1c = random_intensity(rng, warp(tile[..., T1C], matrix, size))
    t2 = random_intensity(rng, warp(tile[..., T2W], matrix, size))
    return np.stack([t1c, t2, warp(tile[..., MASK], matrix, size, label=True)], axis=-1)
