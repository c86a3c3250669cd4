"""Training samples of the anatomy network: crops of sagittal planes with the labels of every structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from spinal_tf.cohort.cells import ANATOMY_STRUCTURES_COLUMN, structures_in
from spinal_tf.datasets.augment import warp, warp_labels
from spinal_tf.datasets.augment_anatomy import BRIGHTEST, cut_view, random_appearance, random_pose, random_zscore
from spinal_tf.datasets.cache import Entry
from spinal_tf.datasets.case_source import Examination
from spinal_tf.datasets.crop_samples import some_voxels
from spinal_tf.datasets.sample_plans import AnatomyCropPlan
from spinal_tf.images.anatomy_map import SHOWN, what_labels_say
from spinal_tf.preprocess import Placement, Preprocessing, in_slabs, neighbour_index, place, seen_together, to_input
from spinal_tf.scaling import normalise
from spinal_tf.structures import STRUCTURES, Structure
from spinal_tf.taxonomy import Diagnosis, tree

Array = np.ndarray

OUTSIDE = 254
"""Label of pixels beyond the scan; they are black and belong to no structure."""

DARK, BRIGHT = 0.5, 99.5
"""Percentiles of a scan's intensity that become 0 and 1 before augmentation."""

OFFSET = (0.31, 0.27)
"""Largest offset of a crop's center from a labeled voxel, in rows and columns of the crop."""

THIN_MM, FARTHEST_MM = 2.5, 6.0
"""Distance between slices below which half of the crops show other neighbors, and the farthest of these."""


@dataclass(frozen=True, kw_only=True)
class AnatomyCase:
    """Sagittal planes of one case, prepared for the anatomy network.

    Attributes:
        name: name of the case in the cohort.
        diagnosis: diagnosis; None for a healthy person.
        is_simulated: whether the case is simulated.
        slice_mm: distance from one slice to the next.
        voxel_ml: volume in mL of one pixel of the prepared planes, one slice thick.
        planes: float16 (slice, row, column), as the network sees them in use.
        labels: uint8, the same shape, labels of `spinal_tf.images.anatomy_map`; `OUTSIDE` beyond the scan.
        structures: structures that the map labels.
        neighbours: int64 (slice, channel), see `spinal_tf.preprocess.neighbour_index`.
        spine_voxels: int32 (n, 3), indices of labeled voxels.
        dark: intensity in the planes that is black.
        bright: intensity in the planes that is white.
    """

    name: str
    diagnosis: Diagnosis | None
    is_simulated: bool
    slice_mm: float
    voxel_ml: float
    planes: Array
    labels: Array
    structures: tuple[Structure, ...]
    neighbours: Array
    spine_voxels: Array
    dark: float
    bright: float

    def seen(self, slices: Array) -> Array:
        """Return planes with their neighbors as network input: float16 (n, row, column, channel)."""
        return seen_together(self.planes, self.neighbours[slices])

    def targets(self, labels: Array) -> Array:
        """Return whether each pixel belongs to each structure: int8 (..., structure), 1 yes, 0 no, -1 unknown.

        Args:
            labels: some of the case's labels, uint8 of any shape; pixels beyond the scan belong to no structure.
        """
        table = what_labels_say(self.structures)
        table[OUTSIDE] = 0
        targets: Array = table[labels]
        return targets


def anatomy_entry(examination: Examination, preprocessing: Preprocessing) -> Entry:
    """Prepare the cache entry of a case: planes, labels, and labeled voxels.

    Args:
        examination: the case, with its anatomy.
        preprocessing: preprocessing of the network.

    Raises:
        ValueError: the case has no anatomy, or the cell of its structures holds other words.
        VolumeError: the image is constant, or its spacing is invalid.
    """
    if examination.anatomy is None:
        raise ValueError(f"{examination.case.name} has no anatomy")
    t2, case = examination.t2, examination.case
    slice_mm, *plane_mm = t2.spacing_mm
    data = in_slabs(t2.data, slice_mm, preprocessing.slab_mm)
    placement = place(data.shape[1:], (plane_mm[0], plane_mm[1]), preprocessing, source=t2.source)
    planes = to_input(normalise(data, intensity=preprocessing.intensity, source=t2.source), placement)
    labels = _placed(examination.anatomy, placement)
    within = planes[(slice(None, None, 2), *placement.window)]
    dark, bright = np.percentile(within, (DARK, BRIGHT))
    row_mm, column_mm = placement.spacing_mm
    return Entry(
        facts={
            "name": case.name,
            "diagnosis": case.diagnosis and case.diagnosis.value,
            "is_simulated": case.is_simulated,
            "slice_mm": slice_mm,
            "voxel_ml": slice_mm * row_mm * column_mm / 1000,
            "structures": [one.value for one in structures_in(case.extra.get(ANATOMY_STRUCTURES_COLUMN, ""))],
            "neighbours": neighbour_index(len(planes), slice_mm, preprocessing.neighbour_mm).tolist(),
            "dark": float(dark),
            "bright": float(bright),
        },
        arrays={
            "planes": planes.astype(np.float16),
            "labels": labels,
            "spines": some_voxels(np.argwhere(np.isin(labels, tuple(SHOWN)))),
        },
    )


def _placed(labels: Array, placement: Placement) -> Array:
    """Resample a label map to the network's input, padded with `OUTSIDE`."""
    placed = to_input(labels, placement, label=True)
    beyond = np.ones(placement.input_shape, bool)
    beyond[placement.window] = False
    placed[:, beyond] = OUTSIDE
    return placed


def anatomy_case(entry: Entry) -> AnatomyCase:
    """Restore a case from an entry of `anatomy_entry`."""
    facts, arrays = entry.facts, entry.arrays
    return AnatomyCase(
        name=facts["name"],
        diagnosis=facts["diagnosis"] and tree().diagnosis(facts["diagnosis"]),
        is_simulated=facts["is_simulated"],
        slice_mm=facts["slice_mm"],
        voxel_ml=facts["voxel_ml"],
        planes=arrays["planes"],
        labels=arrays["labels"],
        structures=tuple(map(Structure, facts["structures"])),
        neighbours=np.array(facts["neighbours"]),
        spine_voxels=arrays["spines"],
        dark=facts["dark"],
        bright=facts["bright"],
    )


@dataclass(frozen=True, kw_only=True)
class AnatomySampler:
    """Crops as a pure function of seed, step and index: draws real or simulated, then one of these cases.

    Attributes:
        cases: cases to draw from, at least one.
        plan: how crops are drawn.
        seed: seed of the whole training.
    """

    cases: Sequence[AnatomyCase]
    plan: AnatomyCropPlan
    seed: int
    _groups: list[list[AnatomyCase]] = field(init=False)

    def __post_init__(self) -> None:
        """Sort the cases into real and simulated ones."""
        groups = [[case for case in self.cases if case.is_simulated == kind] for kind in (False, True)]
        object.__setattr__(self, "_groups", groups)

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of an image and of its targets."""
        return (*self.plan.size, self.cases[0].neighbours.shape[1]), (*self.plan.size, len(STRUCTURES))

    def __call__(self, step: int, index: int) -> tuple[Array, Array]:
        """Draw one crop.

        Args:
            step: step of the training, from 0.
            index: index in the batch, from 0.

        Returns:
            Image, float32 ``(rows, columns, channels)``, and targets, float32 ``(rows, columns, structures)``: 1, 0, or
            -1 where a structure is unknown.
        """
        rng = np.random.default_rng([self.seed, step, index])
        real, simulated = self._groups
        group = real if simulated == [] or (real and rng.random() < self.plan.real_share) else simulated
        case = group[rng.integers(len(group))]
        plane, row, column = _crop_centre(rng, case, self.plan)
        matrix = random_pose(rng, (row, column), self.plan.size)
        seen = _slices_seen(rng, case, plane)
        crop = np.stack([warp(case.planes[one], matrix, self.plan.size) for one in seen], axis=-1)
        crop = np.clip((crop - case.dark) / (case.bright - case.dark + 1e-6), 0, BRIGHTEST)
        labels = warp_labels(case.labels[plane], matrix, self.plan.size, outside=OUTSIDE)
        cut_view(rng, crop, labels, outside=OUTSIDE)
        image = random_zscore(rng, random_appearance(rng, crop))
        return image, case.targets(labels).astype(np.float32)


def _crop_centre(rng: np.random.Generator, case: AnatomyCase, plan: AnatomyCropPlan) -> tuple[int, float, float]:
    """Draw slice, row and column of a crop's center."""
    if rng.random() >= plan.spine_share or not case.spine_voxels.size:
        slices, rows, columns = case.planes.shape
        return int(rng.integers(slices)), rng.uniform(0, rows), rng.uniform(0, columns)
    plane, row, column = case.spine_voxels[rng.integers(len(case.spine_voxels))]
    down, back = (share * side * rng.uniform(-1, 1) for share, side in zip(OFFSET, plan.size, strict=True))
    return int(plane), row + down, column + back


def _slices_seen(rng: np.random.Generator, case: AnatomyCase, plane: int) -> Array:
    """Return the slices of one input; thin slices also show other neighbors, as scans with thick slices do."""
    usual: Array = case.neighbours[plane]
    if len(usual) == 1 or case.slice_mm >= THIN_MM or rng.random() < 0.5:
        return usual
    step = int(rng.integers(1, max(2, int(FARTHEST_MM / case.slice_mm))))
    seen: Array = np.clip(plane + step * np.array([-1, 0, 1]), 0, len(case.planes) - 1)
    return seen
