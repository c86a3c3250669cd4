"""Lesions: the connected components of a mask, and their measurements.

All lengths are in mm in patient space and count whole voxels, including borders: a lesion of one voxel is as long as
that voxel. Definitions that published work leaves open are our own and are stated at each function.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import cast

import cv2
import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist

from spinal_tf.images.volume import Volume, file_slice_numbers

COURSE_REACH_MM = 5.0
"""Distance above and below a row over which the lesion's direction is fitted."""

MAXIMUM_TILT_DEG = 60.0
"""Maximum angle between a lesion's course and the row axis: no cord is flatter, but a small flat lesion may seem so."""

SHELL_MM = 3.0
"""Thickness of the surrounding tissue for a lesion's contrast."""

LENGTH_TOLERANCE_MM = 1e-3
"""Tolerance when a distance is compared with `SHELL_MM`: headers store geometry in single precision."""

VOXEL_COUNT_TOLERANCE = 1e-6
"""Tolerance, in voxels, when a minimum volume is converted into a minimum number of voxels."""

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """Measurements of one lesion.

    Attributes:
        number: number from 1, by descending volume; also its value in the array of `label_lesions`.
        volume_ml: number of voxels times voxel volume.
        length_mm: cranio-caudal length along the lesion's course in the sagittal plane, see `course_steps_mm`.
        width_mm: antero-posterior width perpendicular to that course, maximum over all rows of all slices.
        diameter_mm: maximum distance between two points of the lesion in 3D (maximum Feret diameter).
        centroid_mm: mean of its voxel centers, patient RAS.
        slices: slices that it touches, in the file's own numbering, ascending.
        contrast: mean inside minus mean of the surrounding `SHELL_MM` on the same slices, divided by the standard
            deviation there. The shell excludes lesions, but includes everything else, such as cerebrospinal fluid. None
            if the shell is empty or constant.
        touches_border: whether it reaches the first or last slice, row or column of the field of view.
        levels: share of its voxels at each vertebral level, by name from top to bottom; None if unknown.
    """

    number: int
    volume_ml: float
    length_mm: float
    width_mm: float
    diameter_mm: float
    centroid_mm: tuple[float, float, float]
    slices: tuple[int, ...]
    contrast: float | None
    touches_border: bool
    levels: Mapping[str, float] | None = None


def bounding_box(mask: np.ndarray) -> Box | None:
    """Return the smallest box that contains a mask, bool (slice, row, column); None if the mask is empty."""
    sides = []
    for others in ((1, 2), (0, 2), (0, 1)):
        hit = np.flatnonzero(mask.any(axis=others))
        if len(hit) == 0:
            return None
        sides.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return sides[0], sides[1], sides[2]


def label_lesions(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the 3D components of a mask; voxels that share a corner are connected (26-neighborhood).

    Args:
        mask: bool, (slice, row, column).

    Returns:
        int32 array of the same shape, 0 outside, else the lesion's number from 1 by descending number of voxels (ties
        in array order); and the number of lesions.
    """
    labels = np.zeros(mask.shape, np.int32)
    box = bounding_box(mask)
    if box is None:
        return labels, 0
    found, count = ndimage.label(mask[box], structure=np.ones((3, 3, 3), bool))
    numbers = np.zeros(count + 1, np.int32)
    numbers[1 + np.argsort(-_sizes(found, count)[1:], kind="stable")] = np.arange(1, count + 1)
    for plane, out in zip(found, labels[box], strict=True):
        out[...] = numbers[plane]
    return labels, int(count)


def _sizes(labels: np.ndarray, count: int) -> np.ndarray:
    """Count the voxels of each label from 0, plane by plane, since counting converts its input to 64-bit integers."""
    return cast(np.ndarray, sum(np.bincount(plane.ravel(), minlength=count + 1) for plane in labels))


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Components of all voxels at or above a threshold; lesions are chosen from them.

    Attributes:
        labels: int32, (slice, row, column), see `label_lesions`.
        voxels: number of voxels of each label from 0, the background.
        peaks: highest probability in each label from 1; 0 for the background.
    """

    labels: np.ndarray
    voxels: np.ndarray
    peaks: np.ndarray

    def chosen(self, *, minimum_peak: float, minimum_volume_ml: float, voxel_volume_ml: float) -> np.ndarray:
        """Return which labels from 0 are lesions, bool; see `find_lesions`."""
        chosen = self.voxels >= minimum_volume_ml / voxel_volume_ml - VOXEL_COUNT_TOLERANCE
        chosen &= self.peaks >= minimum_peak
        chosen[0] = False
        return cast(np.ndarray, chosen)


def find_candidates(probability: np.ndarray, threshold: float) -> Candidates:
    """Find the components of all voxels at or above a threshold.

    Args:
        probability: lesion probability, float32 (slice, row, column).
        threshold: minimum probability of a lesion voxel.
    """
    labels, count = label_lesions(probability >= threshold)
    peaks = np.zeros(count + 1, probability.dtype)
    for plane, values in zip(labels, probability, strict=True):
        inside = plane > 0
        np.maximum.at(peaks, plane[inside], values[inside])
    return Candidates(labels=labels, voxels=_sizes(labels, count), peaks=peaks)


def find_lesions(
    probability: np.ndarray,
    *,
    threshold: float,
    minimum_peak: float,
    minimum_volume_ml: float,
    voxel_volume_ml: float,
) -> np.ndarray:
    """Decide which voxels are lesion.

    It uses two thresholds (hysteresis; Canny, IEEE TPAMI 1986;8:679-698): the lower one defines the border of a lesion,
    and components without a voxel at the higher one are removed, as are specks.

    Args:
        probability: lesion probability, float32 (slice, row, column).
        threshold: minimum probability of a lesion voxel.
        minimum_peak: probability that a lesion must reach in at least one voxel; no effect at or below the threshold.
        minimum_volume_ml: minimum volume of a lesion; lesions of exactly this volume stay.
        voxel_volume_ml: volume of one voxel.

    Returns:
        bool, same shape.
    """
    found = find_candidates(probability, threshold)
    chosen = found.chosen(
        minimum_peak=minimum_peak, minimum_volume_ml=minimum_volume_ml, voxel_volume_ml=voxel_volume_ml
    )
    return cast(np.ndarray, chosen[found.labels])


def measure_lesions(mask: np.ndarray, volume: Volume) -> tuple[Lesion, ...]:
    """Measure every lesion of a mask.

    Args:
        mask: bool, shape of ``volume.data``.
        volume: image that the mask belongs to.

    Returns:
        Lesions by descending volume; an empty tuple if the mask is empty.

    Raises:
        ValueError: mask and volume differ in shape.
    """
    if mask.shape != volume.data.shape:
        raise ValueError(f"{volume.source}: mask of shape {mask.shape} for a volume of shape {volume.data.shape}")
    labels, _ = label_lesions(mask)
    boxes = ndimage.find_objects(labels)
    return tuple(_measure(number, box, labels, volume) for number, box in enumerate(boxes, start=1))


def _measure(number: int, box: Box, labels: np.ndarray, volume: Volume) -> Lesion:
    lesion = labels[box] == number
    row_mm, column_mm = volume.affine[:3, 1], volume.affine[:3, 2]
    steps_mm = course_steps_mm(lesion.sum(axis=0), row_mm, column_mm)
    return Lesion(
        number=number,
        volume_ml=int(lesion.sum()) * volume.voxel_volume_ml,
        length_mm=float(np.linalg.norm(steps_mm, axis=1).sum()),
        width_mm=_width_mm(lesion, steps_mm, column_mm),
        diameter_mm=_diameter_mm(lesion, volume.affine),
        centroid_mm=_centroid_mm(lesion, box, volume.affine),
        slices=tuple(sorted(file_slice_numbers(volume, range(box[0].start, box[0].stop)))),
        contrast=_contrast(number, box, labels, volume),
        touches_border=any(side.start == 0 or side.stop == size for side, size in zip(box, labels.shape, strict=True)),
    )


def course_steps_mm(counts: np.ndarray, row_mm: np.ndarray, column_mm: np.ndarray) -> np.ndarray:
    """Compute the step along a lesion's course for each of its rows.

    The lesion is projected onto one sagittal plane, since its course is not resolved across thick slices. At each row,
    a line column = a + b row is fitted by least squares to the voxels of the rows up to `COURSE_REACH_MM` away, which
    smooths the staircase of single voxels. The row's step is row_mm + b column_mm, with b limited to
    `MAXIMUM_TILT_DEG`. The lesion's length is the sum of the steps' lengths: n rows of a straight lesion measure
    exactly n steps, at any tilt.

    Args:
        counts: voxels of the lesion in each (row, column), summed over slices; no row is empty.
        row_mm: patient-space vector from one row to the next, shape (3,).
        column_mm: the same for columns.

    Returns:
        (rows, 3) in mm.
    """
    rows, columns = (np.arange(size, dtype=float) for size in counts.shape)
    row_size, column_size = np.linalg.norm(row_mm), np.linalg.norm(column_mm)
    reach = max(1, round(COURSE_REACH_MM / row_size))
    weights = counts.sum(axis=1)
    centres = counts @ columns / weights
    window = (np.abs(rows[:, np.newaxis] - rows) <= reach) * weights
    window = window / window.sum(axis=1, keepdims=True)
    covariance = window @ (rows * centres) - (window @ rows) * (window @ centres)
    variance = window @ rows**2 - (window @ rows) ** 2
    slopes = np.divide(covariance, variance, out=np.zeros_like(rows), where=len(rows) > 1)
    limit = math.tan(math.radians(MAXIMUM_TILT_DEG)) * row_size / column_size
    return cast(np.ndarray, row_mm + np.clip(slopes, -limit, limit)[:, np.newaxis] * column_mm)


def _width_mm(lesion: np.ndarray, steps_mm: np.ndarray, column_mm: np.ndarray) -> float:
    """Return the maximum extent of a row in one slice, perpendicular to the course (area swept over step length)."""
    first, last = _row_ends(lesion)
    columns = np.where(lesion.any(axis=2), last - first + 1, 0).max(axis=0)
    perpendicular_mm = np.linalg.norm(np.cross(column_mm, steps_mm), axis=1) / np.linalg.norm(steps_mm, axis=1)
    return float((columns * perpendicular_mm).max())


def _row_ends(lesion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and last lesion column of each (slice, row); meaningless if the row is empty."""
    return lesion.argmax(axis=2), lesion.shape[2] - 1 - lesion[:, :, ::-1].argmax(axis=2)


def _diameter_mm(lesion: np.ndarray, affine: np.ndarray) -> float:
    """Return the maximum distance between voxel corners; their hull is never flat, even for a single voxel."""
    first, last = _row_ends(lesion)
    slices, rows = np.nonzero(lesion.any(axis=2))
    ends = first[slices, rows] - 0.5, last[slices, rows] + 0.5
    corners = [
        np.stack([slices + slice_side, rows + row_side, end], axis=1)
        for slice_side, row_side, end in product((-0.5, 0.5), (-0.5, 0.5), ends)
    ]
    points = np.unique(np.concatenate(corners), axis=0)
    outer_mm = points[ConvexHull(points).vertices] @ affine[:3, :3].T
    return max(float(cdist(some, outer_mm).max()) for some in np.array_split(outer_mm, math.ceil(len(outer_mm) / 512)))


def _centroid_mm(lesion: np.ndarray, box: Box, affine: np.ndarray) -> tuple[float, float, float]:
    index = [
        side.start + float(np.average(np.arange(size), weights=lesion.sum(axis=others)))
        for side, size, others in zip(box, lesion.shape, ((1, 2), (0, 2), (0, 1)), strict=True)
    ]
    x, y, z = affine[:3, :3] @ index + affine[:3, 3]
    return float(x), float(y), float(z)


def _contrast(number: int, box: Box, labels: np.ndarray, volume: Volume) -> float | None:
    reach_mm = SHELL_MM + LENGTH_TOLERANCE_MM
    reach = tuple(int(reach_mm / size) for size in volume.spacing_mm[1:])
    wide = (box[0], _widened(box[1], reach[0]), _widened(box[2], reach[1]))
    offsets = (np.arange(-n, n + 1) * size for n, size in zip(reach, volume.spacing_mm[1:], strict=True))
    row_offset_mm, column_offset_mm = np.meshgrid(*offsets, indexing="ij")
    disc = (np.hypot(row_offset_mm, column_offset_mm) <= reach_mm).astype(np.uint8)
    inside, shell = [], []
    for plane, image in zip(labels[wide], volume.data[wide], strict=True):
        lesion = plane == number
        near = cv2.dilate(lesion.astype(np.uint8), disc) > 0
        inside.append(image[lesion])
        shell.append(image[near & (plane == 0)])
    surrounding = np.concatenate(shell).astype(np.float64)
    if surrounding.size == 0 or surrounding.min() == surrounding.max():
        return None
    return float((np.concatenate(inside).mean(dtype=np.float64) - surrounding.mean()) / surrounding.std())


def _widened(side: slice, reach: int) -> slice:
    return slice(max(0, side.start - reach), side.stop + reach)
