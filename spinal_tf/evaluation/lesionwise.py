"""Lesion-wise detection: found, missed and false lesions.

A lesion is a component of the mask (26-neighborhood) of any size. Published work counts in two ways that answer
different questions; both are available, see `Rule`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from scipy.optimize import linear_sum_assignment

from spinal_tf.lesions import label_lesions

MATCH_IOU = 0.1
"""Smallest intersection over union of a pair, as in the PI-CAI study (Saha et al., Lancet Oncol 2024;25:879) and
nnDetection (Baumgartner et al., MICCAI 2021): in three dimensions, a margin of half a voxel takes a small lesion far
below the usual 0.5."""

VOLUME_TOLERANCE = 1e-6
"""Relative tolerance at the limits of a size, since headers store their geometry in single precision."""


class Rule(str, Enum):
    """Rule by which a lesion counts as found.

    ``ONE_TO_ONE``: lesions of both masks are paired, each with at most one other and only if their intersection over
    union is at least `MATCH_IOU`. The pairing with most pairs is used, and among those the one with the largest sum of
    intersections over union. A lesion without a partner is missed, or false. Large lesions must be outlined; a hit is
    not enough.

    ``ANY_OVERLAP``: a lesion is found if one of its voxels is marked. A marked lesion is false if none of its voxels
    lies in a lesion, as in the lesion-wise rates of Carass et al., NeuroImage 2017;148:77. One marked lesion can find
    several.
    """

    ONE_TO_ONE = "one_to_one"
    ANY_OVERLAP = "any_overlap"


@dataclass(frozen=True, kw_only=True)
class Size:
    """A range of volumes in mL, including the lower end and excluding the upper one."""

    from_ml: float
    below_ml: float

    def holds(self, volume_ml: float) -> bool:
        """Return whether a volume is in the range."""
        raised_ml = volume_ml * (1 + VOLUME_TOLERANCE)
        return self.from_ml <= raised_ml < self.below_ml

    def __str__(self) -> str:
        """Format as ``0.1-1 mL``."""
        if math.isinf(self.below_ml):
            return f"from {self.from_ml:g} mL" if self.from_ml else "all"
        return f"{self.from_ml:g}-{self.below_ml:g} mL" if self.from_ml else f"below {self.below_ml:g} mL"


ALL_SIZES = Size(from_ml=0, below_ml=math.inf)

SIZES = tuple(Size(from_ml=lower, below_ml=upper) for lower, upper in ((0, 0.1), (0.1, 1), (1, 10), (10, math.inf)))
"""Size ranges by decade, our choice: the paper's mean total volumes are 1-3 mL in MS and NMOSD and 11-15 mL in tumors
(Table 1), and 0.1 mL is about 50 voxels of a usual sagittal scan."""


@dataclass(frozen=True, kw_only=True)
class MatchedLesion:
    """A lesion of one mask, compared with the other mask.

    Attributes:
        volume_ml: volume of the lesion.
        overlap: share of its voxels that lie in the other mask, 0 to 1.
        partner_iou: intersection over union with its partner under ``ONE_TO_ONE``; 0 without a partner.
    """

    volume_ml: float
    overlap: float
    partner_iou: float

    def counts_under(self, rule: Rule) -> bool:
        """Return whether the lesion is found (in the reference) or true (in the prediction)."""
        return (self.partner_iou if rule is Rule.ONE_TO_ONE else self.overlap) > 0


@dataclass(frozen=True, kw_only=True)
class Detection:
    """Counts of lesions; counts of several cases can be added.

    Attributes:
        found: found lesions of the reference.
        missed: missed lesions of the reference.
        true: lesions of the prediction that are in the reference; can differ from ``found`` under ``ANY_OVERLAP``.
        false: lesions of the prediction that are not in the reference.
    """

    found: int = 0
    missed: int = 0
    true: int = 0
    false: int = 0

    def __add__(self, other: Detection) -> Detection:
        """Add the counts of both."""
        return Detection(
            found=self.found + other.found,
            missed=self.missed + other.missed,
            true=self.true + other.true,
            false=self.false + other.false,
        )

    @property
    def recall(self) -> float:
        """Share of the reference's lesions that were found; NaN if it has none."""
        return self.found / (self.found + self.missed) if self.found + self.missed else math.nan

    @property
    def precision(self) -> float:
        """Share of the prediction's lesions that are true; NaN if it has none."""
        return self.true / (self.true + self.false) if self.true + self.false else math.nan

    @property
    def f1(self) -> float:
        """Harmonic mean of recall and precision; 0 if ``found`` or ``true`` is 0, NaN if neither mask has lesions."""
        if not self.found + self.missed + self.true + self.false:
            return math.nan
        if not (self.found and self.true):
            return 0.0
        return 2 * self.recall * self.precision / (self.recall + self.precision)


@dataclass(frozen=True, kw_only=True)
class LesionwiseScore:
    """Lesions of both masks of a case, each by descending volume."""

    reference: tuple[MatchedLesion, ...]
    predicted: tuple[MatchedLesion, ...]

    def detection(self, rule: Rule, size: Size = ALL_SIZES) -> Detection:
        """Count the lesions of a size, each by its volume in its own mask."""
        found = [lesion.counts_under(rule) for lesion in self.reference if size.holds(lesion.volume_ml)]
        true = [lesion.counts_under(rule) for lesion in self.predicted if size.holds(lesion.volume_ml)]
        return Detection(found=sum(found), missed=len(found) - sum(found), true=sum(true), false=len(true) - sum(true))


def pooled(scores: Iterable[LesionwiseScore], rule: Rule, size: Size = ALL_SIZES) -> Detection:
    """Count the lesions of several cases together."""
    return sum((score.detection(rule, size) for score in scores), Detection())


def match_lesions(
    prediction: np.ndarray, reference: np.ndarray, *, voxel_volume_ml: float, match_iou: float = MATCH_IOU
) -> LesionwiseScore:
    """Match the lesions of two masks.

    Args:
        prediction: bool, (slice, row, column).
        reference: bool, same shape.
        voxel_volume_ml: volume of one voxel.
        match_iou: smallest intersection over union of a pair, above 0 and at most 1.

    Raises:
        ValueError: ``match_iou`` is not above 0 and at most 1.
    """
    if not 0 < match_iou <= 1:
        raise ValueError(f"match_iou is {match_iou}; it is above 0 and at most 1")
    voxels = []
    labels = []
    for mask in (reference, prediction):
        numbered, count = label_lesions(mask)
        labels.append(numbered)
        voxels.append(np.bincount(numbered[mask], minlength=count + 1)[1:])
    rows, columns, common = _intersections(*labels, both=reference & prediction)
    iou = common / (voxels[0][rows] + voxels[1][columns] - common)
    paired = _pairing(rows, columns, iou, match_iou)
    return LesionwiseScore(
        reference=_matched(voxels[0], rows, common, iou, paired, voxel_volume_ml),
        predicted=_matched(voxels[1], columns, common, iou, paired, voxel_volume_ml),
    )


def _intersections(
    reference: np.ndarray, prediction: np.ndarray, *, both: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs of overlapping lesions, as indices from 0, and the number of voxels that they share."""
    width = int(prediction.max(initial=0)) + 1
    pairs, common = np.unique(reference[both].astype(np.int64) * width + prediction[both], return_counts=True)
    rows, columns = np.divmod(pairs, width)
    return rows - 1, columns - 1, common


def _pairing(rows: np.ndarray, columns: np.ndarray, iou: np.ndarray, match_iou: float) -> np.ndarray:
    """Return which of the overlapping pairs are partners: bool, one for each pair.

    Only lesions that can have a partner enter the assignment, so that thousands of specks take no time.
    """
    paired = np.zeros(len(iou), bool)
    able = np.flatnonzero(iou >= match_iou)
    if len(able) == 0:
        return paired
    (row_ids, row), (column_ids, column) = (np.unique(ids[able], return_inverse=True) for ids in (rows, columns))
    weight = np.zeros((len(row_ids), len(column_ids)))
    # One more pair outweighs any sum of IoU, which is at most the number of pairs.
    weight[row, column] = min(weight.shape) + 1 + iou[able]
    partner = np.full(len(row_ids), -1)
    chosen_rows, chosen_columns = linear_sum_assignment(weight, maximize=True)
    partner[chosen_rows] = chosen_columns
    paired[able] = partner[row] == column
    return paired


def _matched(
    voxels: np.ndarray,
    owner: np.ndarray,
    common: np.ndarray,
    iou: np.ndarray,
    paired: np.ndarray,
    voxel_volume_ml: float,
) -> tuple[MatchedLesion, ...]:
    """Return the lesions of one mask; ``owner`` is the index of its lesion in each overlapping pair."""
    overlap = np.bincount(owner, weights=common, minlength=len(voxels)) / voxels
    partner_iou = np.bincount(owner[paired], weights=iou[paired], minlength=len(voxels))
    columns = (voxels * voxel_volume_ml, overlap, partner_iou)
    return tuple(
        MatchedLesion(volume_ml=volume_ml, overlap=share, partner_iou=partner)
        for volume_ml, share, partner in zip(*(column.tolist() for column in columns), strict=True)
    )
