"""Training samples of the segmenter: crops of sagittal planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from spinal_tf.cohort.case import diagnosis_word
from spinal_tf.datasets.augment import random_affine, random_intensity, random_lesion_level, warp
from spinal_tf.datasets.augment_groups import augment_by_groups
from spinal_tf.datasets.cache import Entry
from spinal_tf.datasets.case_source import Examination
from spinal_tf.datasets.sample_plans import CropPlan
from spinal_tf.datasets.views import View, tight_view
from spinal_tf.preprocess import (
    Placement,
    Preprocessing,
    in_slabs,
    neighbour_index,
    place,
    seen_together,
    to_input,
)
from spinal_tf.scaling import normalise
from spinal_tf.taxonomy import Diagnosis, tree

Array = np.ndarray

BESIDE_MM = 6.0
"""Distance in mm from the cord, through-plane, at which slices still show the canal and partial-volume cord."""

MOST_VOXELS = 20_000
"""Maximum number of spine voxels, and of error voxels, stored per case."""


@dataclass(frozen=True, kw_only=True)
class SegmenterCase:
    """Sagittal planes of one case, prepared for the segmenter.

    Attributes:
        name: name of the case in the cohort.
        diagnosis: diagnosis; None for a healthy person.
        voxel_ml: volume in mL of one pixel of the prepared planes, one slice thick.
        planes: float16 (slice, row, column).
        mask: bool, the same shape.
        cord: bool, the same shape; None if unknown or not requested.
        neighbours: int64 (slice, channel), see `spinal_tf.preprocess.neighbour_index`.
        lesion_voxels: int32 (n, 3), indices of the lesion mask's voxels.
        spine_voxels: int32 (n, 3), indices of spine voxels, with or without lesion; empty if unknown.
        error_voxels: int32 (n, 3), indices of voxels where a segmenter's mask is wrong; empty if unknown or not
            requested.
    """

    name: str
    diagnosis: Diagnosis | None
    voxel_ml: float
    planes: Array
    mask: Array
    cord: Array | None
    neighbours: Array
    lesion_voxels: Array
    spine_voxels: Array
    error_voxels: Array

    def seen(self, slices: Array) -> Array:
        """Return planes with their neighbors as network input: float16 (n, row, column, channel)."""
        return seen_together(self.planes, self.neighbours[slices])


def segmenter_entry(
    examination: Examination,
    preprocessing: Preprocessing,
    tight_share: float = 0.0,
    *,
    with_cord: bool = False,
    with_errors: bool = False,
) -> Entry:
    """Prepare the cache entry of a case: planes, mask, and voxels of lesions and spine.

    Without a cord mask, the spine is assumed to be a vertical line through the lesions.

    Args:
        examination: the case.
        preprocessing: preprocessing of the segmenter.
        tight_share: share of cases that are first cropped to a smaller field of view, which changes their intensity
            scaling; the case's name determines which cases and how.
        with_cord: also store the cord mask.
        with_errors: also store the voxels where the segmenter's mask differs from the ground truth.

    Raises:
        VolumeError: the image is constant, or its spacing is invalid.
    """
    t2, case = examination.t2, examination.case
    slice_mm, *plane_mm = t2.spacing_mm
    view = tight_view(examination, tight_share)
    data = in_slabs(t2.data[view], slice_mm, preprocessing.slab_mm)
    placement = place(data.shape[1:], (plane_mm[0], plane_mm[1]), preprocessing, source=t2.source)
    planes = to_input(normalise(data, intensity=preprocessing.intensity, source=t2.source), placement)
    mask = to_input(examination.mask[view], placement, label=True)
    if examination.cord is None:
        cord, spine = np.zeros_like(mask), _upright_spine(mask)
    else:
        cord = to_input(examination.cord[view], placement, label=True)
        spine = _around_cord(cord, round(BESIDE_MM / slice_mm))
    row_mm, column_mm = placement.spacing_mm
    return Entry(
        facts={
            "name": case.name,
            "diagnosis": case.diagnosis and case.diagnosis.value,
            "cord_known": with_cord and examination.cord is not None,
            "voxel_ml": slice_mm * row_mm * column_mm / 1000,
            "neighbours": neighbour_index(len(planes), slice_mm, preprocessing.neighbour_mm).tolist(),
        },
        arrays={
            "planes": planes.astype(np.float16),
            "masks": mask.view(np.uint8),
            "lesions": np.argwhere(mask).astype(np.int32),
            "spines": some_voxels(spine),
            **({"cords": cord.view(np.uint8)} if with_cord else {}),
            **({"errors": some_voxels(_errors(examination, view, placement, mask))} if with_errors else {}),
        },
    )


def some_voxels(voxels: Array) -> Array:
    """Thin out indices evenly to at most `MOST_VOXELS`: int32 (n, 3)."""
    return voxels[:: 1 + len(voxels) // MOST_VOXELS].astype(np.int32)


def _errors(examination: Examination, view: View, placement: Placement, mask: Array) -> Array:
    """Return indices (n, 3) where the segmenter's mask, if any, differs from the ground truth."""
    if examination.model_mask is None:
        return np.zeros((0, 3), int)
    return np.argwhere(to_input(examination.model_mask[view], placement, label=True) != mask)


def _upright_spine(mask: Array) -> Array:
    """Return indices (n, 3) of the lesions' mean column, in every row of every slice."""
    columns = np.flatnonzero(mask.any(axis=(0, 1)))
    if not columns.size:
        return np.zeros((0, 3), int)
    upright = np.zeros(mask.shape, bool)
    upright[:, :, int(columns.mean())] = True
    return np.argwhere(upright)


def _around_cord(cord: Array, slices: int) -> Array:
    """Return indices (n, 3) of the cord's voxels and of those up to ``slices`` slices beside them."""
    return np.argwhere(ndimage.binary_dilation(cord, np.ones((2 * slices + 1, 1, 1))))


def segmenter_case(entry: Entry) -> SegmenterCase:
    """Restore a case from an entry of `segmenter_entry`."""
    facts, arrays = entry.facts, entry.arrays
    return SegmenterCase(
        name=facts["name"],
        diagnosis=facts["diagnosis"] and tree().diagnosis(facts["diagnosis"]),
        voxel_ml=facts["voxel_ml"],
        planes=arrays["planes"],
        mask=arrays["masks"].view(bool),
        cord=arrays["cords"].view(bool) if facts["cord_known"] else None,
        neighbours=np.array(facts["neighbours"]),
        lesion_voxels=arrays["lesions"],
        spine_voxels=arrays["spines"],
        error_voxels=arrays.get("errors", np.zeros((0, 3), np.int32)),
    )


@dataclass(frozen=True, kw_only=True)
class CropSampler:
    """Crops as a pure function of seed, step and index: draws a disease (or healthy), then one of its cases.

    Attributes:
        cases: cases to draw from, at least one.
        seed: seed of the whole training.
        with_cord: add the cord as a second channel of the mask, -1 if unknown.
    """

    cases: Sequence[SegmenterCase]
    plan: CropPlan
    seed: int
    with_cord: bool = False
    _groups: list[list[SegmenterCase]] = field(init=False)
    _shares: Array = field(init=False)

    def __post_init__(self) -> None:
        """Sort the cases by disease."""
        kinds = [*tree().diagnoses, None]
        groups = [[case for case in self.cases if case.diagnosis == kind] for kind in kinds]
        groups = [group for group in groups if group]
        weights = np.array([self.plan.sampling_weights.get(diagnosis_word(group[0].diagnosis), 1) for group in groups])
        object.__setattr__(self, "_groups", groups)
        object.__setattr__(self, "_shares", weights / weights.sum())

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of an image and of its mask."""
        return (*self.plan.size, self.cases[0].neighbours.shape[1]), (*self.plan.size, 1 + self.with_cord)

    def __call__(self, step: int, index: int) -> tuple[Array, Array]:
        """Draw one crop.

        Args:
            step: step of the training, from 0.
            index: index in the batch, from 0.

        Returns:
            Image, float32 ``(rows, columns, channels)``, and mask, float32 ``(rows, columns, 1)``, or 2 with the cord.
        """
        rng = np.random.default_rng([self.seed, step, index])
        group = self._groups[rng.choice(len(self._groups), p=self._shares)]
        case = group[rng.integers(len(group))]
        plane, row, column = _crop_centre(rng, case, self.plan)
        seen = case.neighbours[plane]
        return _augmented(rng, case, seen, (row, column), self.plan, with_cord=self.with_cord)


def _augmented(
    rng: np.random.Generator,
    case: SegmenterCase,
    seen: Array,
    centre: tuple[float, float],
    plan: CropPlan,
    *,
    with_cord: bool,
) -> tuple[Array, Array]:
    """Crop and augment the slices of one input, and the masks of the middle slice; left and right may be swapped."""
    broad, middle = plan.augmentation == "broad", len(seen) // 2
    matrix = random_affine(rng, centre, plan.size) if broad else _upright(centre, plan.size)
    if broad and len(seen) > 1 and rng.random() < 0.5:
        seen = seen[::-1]
    crop = np.stack([warp(case.planes[index], matrix, plan.size) for index in seen], axis=-1)
    labels = np.stack([warp(case.mask[index], matrix, plan.size, label=True) for index in seen], axis=-1)
    masks = [labels[..., middle]]
    if with_cord:
        masks.append(_warped_cord(case, seen[middle], matrix, plan.size))
    if broad:
        crop = random_intensity(rng, random_lesion_level(rng, crop, labels))
    elif plan.augmentation == "authors":
        images, masks = augment_by_groups(rng, list(np.moveaxis(crop, -1, 0)), *masks)
        crop = np.stack(images, axis=-1)
    return crop, np.stack(masks, axis=-1)


def _warped_cord(case: SegmenterCase, plane: int, matrix: Array, size: tuple[int, int]) -> Array:
    if case.cord is None:
        return np.full(size, -1, np.float32)
    return warp(case.cord[plane], matrix, size, label=True)


def _upright(centre: tuple[float, float], size: tuple[int, int]) -> Array:
    """Return a matrix that only translates: a pixel of the plane moves to the middle of the crop."""
    row, column = (length // 2 - round(place) for length, place in zip(size, centre, strict=True))
    return np.array([[1.0, 0, column], [0, 1.0, row]])


def _voxels_drawn(chance: float, case: SegmenterCase, plan: CropPlan) -> Array:
    """Return indices (n, 3) at which the crop can be centered; empty if it can be anywhere."""
    end = 0.0
    for share, voxels in (
        (plan.error_share, case.error_voxels),
        (plan.lesion_share, case.lesion_voxels),
        (plan.spine_share, case.spine_voxels),
    ):
        end += share
        if chance < end and voxels.size:
            return voxels
    return np.zeros((0, 3), np.int32)


def _crop_centre(rng: np.random.Generator, case: SegmenterCase, plan: CropPlan) -> tuple[int, float, float]:
    """Draw slice, row and column of a crop's center."""
    voxels = _voxels_drawn(rng.random(), case, plan)
    if not voxels.size:
        slices, rows, columns = case.planes.shape
        return int(rng.integers(slices)), float(rng.integers(rows)), float(rng.integers(columns))
    plane, row, column = voxels[rng.integers(len(voxels))]
    rows, columns = plan.size
    return int(plane), row + rng.normal(0, plan.jitter * rows), column + rng.normal(0, plan.jitter * columns)
