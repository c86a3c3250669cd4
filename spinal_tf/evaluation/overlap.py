"""Agreement of a predicted mask with a reference mask, in three dimensions and in mm.

docs/evaluation.md gives the formula and source of every measure, and its value for empty masks. In short: a ratio
follows its formula and is NaN for 0 / 0; a distance is infinite if only one mask is empty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spinal_tf.evaluation.lesionwise import MATCH_IOU, LesionwiseScore, match_lesions
from spinal_tf.evaluation.surface import Spacing, hausdorff_mm, normalised_surface_distance, surface_distances
from spinal_tf.lesions import Box, bounding_box

NOWHERE: Box = (slice(0, 0), slice(0, 0), slice(0, 0))

MM3_PER_ML = 1000


@dataclass(frozen=True, kw_only=True)
class SegmentationScore:
    """Measures of a predicted mask against its reference.

    Attributes:
        dice: 2 |A and B| / (|A| + |B|).
        iou: |A and B| / |A or B|.
        nsd_1mm: normalized surface distance, the share of both surfaces within 1 mm of the other one.
        nsd_2mm: normalized surface distance at 2 mm.
        hd95_mm: larger directed 95th percentile of the distances between the surfaces.
        reference_volume_ml: volume of the reference.
        volume_ml: volume of the prediction.
        lesions: found, missed and false lesions.
    """

    dice: float
    iou: float
    nsd_1mm: float
    nsd_2mm: float
    hd95_mm: float
    reference_volume_ml: float
    volume_ml: float
    lesions: LesionwiseScore

    @property
    def volume_error_ml(self) -> float:
        """Predicted minus reference volume."""
        return self.volume_ml - self.reference_volume_ml

    @property
    def volume_error_relative(self) -> float:
        """Predicted minus reference volume, relative to the reference volume; NaN if that is 0."""
        return self.volume_error_ml / self.reference_volume_ml if self.reference_volume_ml else math.nan


def score_mask(
    prediction: np.ndarray, reference: np.ndarray, spacing_mm: Spacing, *, match_iou: float = MATCH_IOU
) -> SegmentationScore:
    """Compare two masks.

    Args:
        prediction: bool, (slice, row, column).
        reference: bool, same shape.
        spacing_mm: spacing of slices, rows and columns.
        match_iou: smallest intersection over union of two lesions that count as one, see `lesionwise.Rule`.

    Raises:
        ValueError: a mask is not bool or not three-dimensional, the shapes differ, a spacing is not positive, or
            ``match_iou`` is not above 0 and at most 1.
    """
    _check(prediction, reference, spacing_mm)
    box = _common_box(prediction, reference)
    a, b = prediction[box], reference[box]
    voxel_volume_ml = math.prod(spacing_mm) / MM3_PER_ML
    in_a, in_b, common = (int(np.count_nonzero(mask)) for mask in (a, b, a & b))
    surfaces = surface_distances(a, b, spacing_mm)
    return SegmentationScore(
        dice=_ratio(2 * common, in_a + in_b),
        iou=_ratio(common, in_a + in_b - common),
        nsd_1mm=normalised_surface_distance(*surfaces, tolerance_mm=1),
        nsd_2mm=normalised_surface_distance(*surfaces, tolerance_mm=2),
        hd95_mm=hausdorff_mm(*surfaces, percentile=95),
        reference_volume_ml=in_b * voxel_volume_ml,
        volume_ml=in_a * voxel_volume_ml,
        lesions=match_lesions(a, b, voxel_volume_ml=voxel_volume_ml, match_iou=match_iou),
    )


def _check(prediction: np.ndarray, reference: np.ndarray, spacing_mm: Spacing) -> None:
    for name, mask in (("prediction", prediction), ("reference", reference)):
        if mask.dtype != bool or mask.ndim != 3:
            raise ValueError(f"the {name} is {mask.dtype} with {mask.ndim} axes; a mask is bool with 3")
    if prediction.shape != reference.shape:
        raise ValueError(f"the prediction has shape {prediction.shape}, the reference {reference.shape}")
    if len(spacing_mm) != 3 or not all(math.isfinite(size) and size > 0 for size in spacing_mm):
        raise ValueError(f"the spacing is {spacing_mm}; three positive lengths in mm are needed")


def _common_box(prediction: np.ndarray, reference: np.ndarray) -> Box:
    """Return the box that holds both masks; voxels outside of it do not change any measure."""
    boxes = [box for box in map(bounding_box, (prediction, reference)) if box]
    if not boxes:
        return NOWHERE
    slices, rows, columns = (
        slice(min(side.start for side in sides), max(side.stop for side in sides)) for sides in zip(*boxes, strict=True)
    )
    return slices, rows, columns


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
