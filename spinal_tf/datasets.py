"""Training samples drawn from cases in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from spinal_tf.augment import random_affine, random_intensity, random_lesion_level, warp
from spinal_tf.preprocess import Preprocessing, normalise, place, to_input
from spinal_tf.slices import MASK, T1C, T2W, make_tiles
from spinal_tf.taxonomy import Diagnosis, Task
from spinal_tf.volume import Volume

Array = np.ndarray

LESION_SHARE = 0.45
"""Share of the segmenter's crops of a case with lesions that are centred near one."""

SPINE_SHARE = 0.45
"""Share centred at the spine, on slices through the cord and beside it; the rest lies anywhere in the field of view."""

JITTER = 0.25
"""SD by which a crop's centre is moved off such a voxel, relative to the crop."""

BESIDE_MM = 6.0
"""How far to the side of the cord slices still show the canal, and parts of the cord blurred into it."""

MOST_SPINE_VOXELS = 20_000

T1C_SHARE = 0.4
"""Share of tiles that keep their T1c channel; the others teach the classifiers to do without."""


@dataclass(frozen=True, kw_only=True)
class SegmenterCase:
    """Planes of one case as the segmenter sees them.

    Attributes:
        planes: float16 (slice, row, column).
        mask: bool, the same shape.
        lesion_voxels: int32 (n, 3), indices of the mask's voxels.
        spine_voxels: int32 (n, 3), indices of voxels of the spine, lesion or not; none where it is unknown.
    """

    diagnosis: Diagnosis | None
    planes: Array
    mask: Array
    lesion_voxels: Array
    spine_voxels: Array


def segmenter_case(
    t2: Array,
    mask: Array,
    spacing_mm: tuple[float, float, float],
    diagnosis: Diagnosis | None,
    preprocessing: Preprocessing,
    *,
    cord: Array | None = None,
) -> SegmenterCase:
    """Prepare a case.

    Args:
        t2: float32 (slice, row, column).
        mask: bool, the same shape.
        spacing_mm: of the same axes.
        diagnosis: None for a healthy person.
        preprocessing: of the segmenter.
        cord: bool, the same shape; without it the spine is taken to stand as the lesions do.
    """
    placement = place(t2.shape[1:], spacing_mm[1:], preprocessing)
    planes = to_input(normalise(t2, intensity=preprocessing.intensity, source="case"), placement)
    label = to_input(mask, placement, label=True)
    if cord is None:
        spine = _upright_spine(label)
    else:
        spine = _around_cord(to_input(cord, placement, label=True), round(BESIDE_MM / spacing_mm[0]))
    return SegmenterCase(
        diagnosis=diagnosis,
        planes=planes.astype(np.float16),
        mask=label,
        lesion_voxels=np.argwhere(label).astype(np.int32),
        spine_voxels=spine[:: 1 + len(spine) // MOST_SPINE_VOXELS].astype(np.int32),
    )


def _upright_spine(mask: Array) -> Array:
    """Indices (n, 3) of every row of every slice, in the lesions' mean column."""
    columns = np.flatnonzero(mask.any(axis=(0, 1)))
    if not columns.size:
        return np.zeros((0, 3), int)
    upright = np.zeros(mask.shape, bool)
    upright[:, :, int(columns.mean())] = True
    return np.argwhere(upright)


def _around_cord(cord: Array, slices: int) -> Array:
    """Indices (n, 3) of the cord's voxels and of those up to so many slices beside them."""
    return np.argwhere(ndimage.binary_dilation(cord, np.ones((2 * slices + 1, 1, 1))))


def segmenter_batches(
    cases: list[SegmenterCase], *, rng: np.random.Generator, batch: int, size: tuple[int, int]
) -> Iterator[tuple[Array, Array]]:
    """Endless batches of crops, in equal parts of the diseases that there are and of healthy people.

    Args:
        cases: at least one; may grow while batches are drawn.
        rng: source of all randomness.
        batch: crops in a batch.
        size: rows and columns of a crop.

    Yields:
        Images and masks, float32 ``(batch, rows, columns, 1)``.
    """
    while True:
        by_disease = [[case for case in cases if case.diagnosis is diagnosis] for diagnosis in (*Diagnosis, None)]
        present = [group for group in by_disease if group]
        groups = [present[index] for index in rng.integers(len(present), size=batch)]
        crops = [_crop(rng, group[rng.integers(len(group))], size) for group in groups]
        images, masks = zip(*crops, strict=True)
        yield np.stack(images)[..., None], np.stack(masks)[..., None]


def _crop(rng: np.random.Generator, case: SegmenterCase, size: tuple[int, int]) -> tuple[Array, Array]:
    plane, row, column = _crop_centre(rng, case, size)
    matrix = random_affine(rng, (row, column), size)
    mask = warp(case.mask[plane], matrix, size, label=True)
    image = warp(case.planes[plane], matrix, size)
    return random_intensity(rng, random_lesion_level(rng, image, mask)), mask


def _crop_centre(rng: np.random.Generator, case: SegmenterCase, size: tuple[int, int]) -> tuple[int, float, float]:
    """Slice, row and column."""
    kind, voxels = rng.random(), np.zeros((0, 3))
    if case.lesion_voxels.size and kind < LESION_SHARE:
        voxels = case.lesion_voxels
    elif kind < LESION_SHARE + SPINE_SHARE:
        voxels = case.spine_voxels
    if not voxels.size:
        slices, rows, columns = case.planes.shape
        return int(rng.integers(slices)), float(rng.integers(rows)), float(rng.integers(columns))
    plane, row, column = voxels[rng.integers(len(voxels))]
    return int(plane), row + rng.normal(0, JITTER * size[0]), column + rng.normal(0, JITTER * size[1])


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
