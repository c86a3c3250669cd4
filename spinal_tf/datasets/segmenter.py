"""Training samples of the segmenter: crops of sagittal planes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spinal_tf.augment import random_affine, random_intensity, random_lesion_level, warp
from spinal_tf.augment_groups import Augmentation, augment_by_groups
from spinal_tf.datasets.cache import Entry, cache_key, open_cache
from spinal_tf.datasets.source import CohortCase, Examination, entries, file_facts
from spinal_tf.preprocess import Preprocessing, normalise, place, to_input
from spinal_tf.taxonomy import Diagnosis

Array = np.ndarray

CACHE_NAME = "segmenter"


@dataclass(frozen=True, kw_only=True)
class SegmenterCase:
    """Planes of one case as the segmenter sees them.

    Attributes:
        case: its name in the cohort.
        diagnosis: None for a healthy person.
        split: ``train`` or ``validation``.
        voxel_ml: volume of one pixel of the prepared planes, a slice thick.
        planes: float16 (slice, row, column).
        mask: bool, the same shape.
        lesion_voxels: int32 (n, 3), indices of the mask's voxels.
    """

    case: str
    diagnosis: Diagnosis | None
    split: str
    voxel_ml: float
    planes: Array
    mask: Array
    lesion_voxels: Array


def segmenter_cases(
    folder: Path,
    cases: Sequence[CohortCase],
    preprocessing: Preprocessing,
    *,
    cohort_hash: str,
    seen: Callable[[int], None],
) -> list[SegmenterCase]:
    """The prepared cases, from the cache or made now.

    Args:
        folder: of all caches.
        cases: to be prepared.
        preprocessing: the segmenter's.
        cohort_hash: of the whole cohort.
        seen: told the number of cases done, after each that is prepared.

    Raises:
        TrainingError: a case cannot be used.
        OutputError: the cache cannot be written.
    """
    key = cache_key(kind=CACHE_NAME, preprocessing=preprocessing.to_dict(), cohort=cohort_hash, files=file_facts(cases))

    def prepare(examination: Examination) -> Entry:
        return _entry(examination, preprocessing)

    stored = open_cache(folder / CACHE_NAME, key, lambda: entries(cases, prepare, with_t1c=False, seen=seen))
    return [_from_entry(entry) for entry in stored]


def _entry(examination: Examination, preprocessing: Preprocessing) -> Entry:
    t2, case = examination.t2, examination.case
    slice_mm, *plane_mm = t2.spacing_mm
    placement = place(t2.data.shape[1:], (plane_mm[0], plane_mm[1]), preprocessing, source=t2.source)
    planes = to_input(normalise(t2.data, intensity=preprocessing.intensity, source=t2.source), placement)
    mask = to_input(examination.mask, placement, label=True)
    row_mm, column_mm = placement.spacing_mm
    return Entry(
        facts={
            "case": case.case,
            "diagnosis": case.diagnosis and case.diagnosis.value,
            "split": case.split,
            "voxel_ml": slice_mm * row_mm * column_mm / 1000,
        },
        arrays={
            "planes": planes.astype(np.float16),
            "masks": mask.view(np.uint8),
            "lesions": np.argwhere(mask).astype(np.int32),
        },
    )


def _from_entry(entry: Entry) -> SegmenterCase:
    facts, arrays = entry.facts, entry.arrays
    return SegmenterCase(
        case=facts["case"],
        diagnosis=facts["diagnosis"] and Diagnosis(facts["diagnosis"]),
        split=facts["split"],
        voxel_ml=facts["voxel_ml"],
        planes=arrays["planes"],
        mask=arrays["masks"].view(bool),
        lesion_voxels=arrays["lesions"],
    )


@dataclass(frozen=True, kw_only=True)
class CropPlan:
    """How crops are drawn.

    Attributes:
        size: rows and columns of a crop, multiples of 16.
        lesion_share: share of the crops that are centred near a lesion, so on a lesion-bearing slice.
        spine_share: share centred at any height of the spine on any slice, most of them empty; the rest lies anywhere
            in the field of view.
        jitter_pixels: SD by which a crop's centre is moved off a lesion.
        augmentation: see `spinal_tf.augment`.
    """

    size: tuple[int, int] = (128, 128)
    lesion_share: float = 0.35
    spine_share: float = 0.45
    jitter_pixels: float = 40.0
    augmentation: Augmentation = "broad"


@dataclass(frozen=True, kw_only=True)
class CropSampler:
    """Crops as a pure function of seed, step and index, in equal parts of the diseases that there are.

    Attributes:
        cases: at least one.
        seed: of the whole training.
    """

    cases: Sequence[SegmenterCase]
    plan: CropPlan
    seed: int
    _groups: list[list[SegmenterCase]] = field(init=False)

    def __post_init__(self) -> None:
        """Sort the cases by disease."""
        kinds = [*Diagnosis, None]
        groups = [[case for case in self.cases if case.diagnosis is kind] for kind in kinds]
        object.__setattr__(self, "_groups", [group for group in groups if group])

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of an image and of its mask."""
        return (*self.plan.size, 1), (*self.plan.size, 1)

    def __call__(self, step: int, index: int) -> tuple[Array, Array]:
        """Draw one crop.

        Args:
            step: of the training, from 0.
            index: in the batch, from 0.

        Returns:
            Image and mask, float32 ``(rows, columns, 1)``.
        """
        rng = np.random.default_rng([self.seed, step, index])
        group = self._groups[rng.integers(len(self._groups))]
        case = group[rng.integers(len(group))]
        plane, row, column = _crop_centre(rng, case, self.plan)
        image, mask = _augmented(rng, case.planes[plane], case.mask[plane], (row, column), self.plan)
        return image[..., None], mask[..., None]


def _augmented(
    rng: np.random.Generator, plane: Array, mask: Array, centre: tuple[float, float], plan: CropPlan
) -> tuple[Array, Array]:
    broad = plan.augmentation == "broad"
    matrix = random_affine(rng, centre, plan.size) if broad else _upright(centre, plan.size)
    crop, label = warp(plane, matrix, plan.size), warp(mask, matrix, plan.size, label=True)
    if broad:
        return random_intensity(rng, random_lesion_level(rng, crop, label)), label
    if plan.augmentation == "authors":
        (crop,), label = augment_by_groups(rng, [crop], label)
    return crop, label


def _upright(centre: tuple[float, float], size: tuple[int, int]) -> Array:
    """Matrix that brings a pixel of the plane to the middle of the crop, and changes nothing else."""
    row, column = (length // 2 - round(place) for length, place in zip(size, centre, strict=True))
    return np.array([[1.0, 0, column], [0, 1.0, row]])


def _crop_centre(rng: np.random.Generator, case: SegmenterCase, plan: CropPlan) -> tuple[int, float, float]:
    """Slice, row and column; a lesion's column stands for that of the spine."""
    slices, rows, columns = case.planes.shape
    anywhere = (int(rng.integers(slices)), float(rng.integers(rows)), float(rng.integers(columns)))
    kind = rng.random()
    if not case.lesion_voxels.size or kind >= plan.lesion_share + plan.spine_share:
        return anywhere
    plane, row, column = case.lesion_voxels[rng.integers(len(case.lesion_voxels))]
    column += rng.normal(0, plan.jitter_pixels / 2)
    if kind < plan.lesion_share:
        return int(plane), float(row + rng.normal(0, plan.jitter_pixels)), float(column)
    return anywhere[0], anywhere[1], float(column)
