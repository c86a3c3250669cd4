"""Which lesions of a reference were found, and which marked ones are none.

A lesion is a component of the mask (26-neighbourhood); none is too small to count. Published work counts in two ways,
and both are given, since they answer different questions, see `Rule`.
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
"""Least intersection over union of a pair, as in the PI-CAI study (Saha et al., Lancet Oncol 2024;25:879) and
nnDetection (Baumgartner et al., MICCAI 2021): in three dimensions, half a voxel more all around takes a small lesion
far below the usual 0.5."""

VOLUME_TOLERANCE = 1e-6
"""Relative slack at the limits of a size, since headers hold their geometry in single precision."""


class Rule(str, Enum):
    """When a lesion counts as found.

    ``ONE_TO_ONE``: lesions of both masks are paired, each with one other at most and only with an intersection over
    union of at least `MATCH_IOU`; of all pairings the one with most pairs, and among those with the largest sum, is
    taken. A lesion without a partner is missed, or false. Large lesions must be outlined, not only hit.

    ``ANY_OVERLAP``: a lesion is found where one voxel of it is marked, and a marked one is false where no voxel of it
    lies in a lesion, as in the lesion-wise rates of Carass et al., NeuroImage 2017;148:77. One mark can find several
    lesions.
    """

    ONE_TO_ONE = "one_to_one"
    ANY_OVERLAP = "any_overlap"


@dataclass(frozen=True, kw_only=True)
class Size:
    """A range of volumes in mL, the lower end included."""

    from_ml: float
    below_ml: float

    def holds(self, volume_ml: float) -> bool:
        """Whether a lesion of this volume belongs to it."""
        raised_ml = volume_ml * (1 + VOLUME_TOLERANCE)
        return self.from_ml <= raised_ml < self.below_ml

    def __str__(self) -> str:
        """As ``0.1-1 mL``."""
        if math.isinf(self.below_ml):
            return f"from {self.from_ml:g} mL" if self.from_ml else "all"
        return f"{self.from_ml:g}-{self.below_ml:g} mL" if self.from_ml else f"below {self.below_ml:g} mL"


ALL_SIZES = Size(from_ml=0, below_ml=math.inf)

SIZES = tuple(Size(from_ml=lower, below_ml=upper) for lower, upper in ((0, 0.1), (0.1, 1), (1, 10), (10, math.inf)))
"""Decades, our choice: the paper's mean total volumes are 1-3 mL in MS and NMOSD and 11-15 mL in tumours (Table 1), and
0.1 mL is some 50 voxels of a usual sagittal scan."""


@dataclass(frozen=True, kw_only=True)
class MatchedLesion:
    """A lesion of one mask, beside the other mask.

    Attributes:
        volume_ml: its own.
        overlap: share of its voxels that lie in the other mask, 0 to 1.
        partner_iou: intersection over union with its partner under ``ONE_TO_ONE``; 0 where it has none.
    """

    volume_ml: float
    overlap: float
    partner_iou: float

    def counts_under(self, rule: Rule) -> bool:
        """Whether it is found (in the reference), or true (in the prediction)."""
        return (self.partner_iou if rule is Rule.ONE_TO_ONE else self.overlap) > 0


@dataclass(frozen=True, kw_only=True)
class Detection:
    """How many lesions were found; counts of several cases can be added.

    Attributes:
        found: lesions of the reference that were found.
        missed: those that were not.
        true: lesions of the prediction that are in the reference; differs from ``found`` under ``ANY_OVERLAP``.
        false: those that are not.
    """

    found: int = 0
    missed: int = 0
    true: int = 0
    false: int = 0

    def __add__(self, other: Detection) -> Detection:
        """Pool the lesions of both."""
        return Detection(
            found=self.found + other.found,
            missed=self.missed + other.missed,
            true=self.true + other.true,
            false=self.false + other.false,
        )

    @property
    def recall(self) -> float:
        """Found of all lesions of the reference; NaN where it has none."""
        return self.found / (self.found + self.missed) if self.found + self.missed else math.nan

    @property
    def precision(self) -> float:
        """True of all lesions of the prediction; NaN where it has none."""
        return self.true / (self.true + self.false) if self.true + self.false else math.nan

    @property
    def f1(self) -> float:
        """Harmonic mean of recall and precision; 0 where only one mask has lesions or none is found, NaN for none."""
        if not self.found + self.missed + self.true + self.false:
            return math.nan
        if not (self.found and self.true):
            return 0.0
        return 2 * self.recall * self.precision / (self.recall + self.precision)


@dataclass(frozen=True, kw_only=True)
class LesionwiseScore:
    """The lesions of both masks of a case, each by descending volume."""

    reference: tuple[MatchedLesion, ...]
    predicted: tuple[MatchedLesion, ...]

    def detection(self, rule: Rule, size: Size = ALL_SIZES) -> Detection:
        """Count the lesions of a size: found and missed by their volume in the reference, true and false by theirs."""
        found = [lesion.counts_under(rule) for lesion in self.reference if size.holds(lesion.volume_ml)]
        true = [lesion.counts_under(rule) for lesion in self.predicted if size.holds(lesion.volume_ml)]
        return Detection(found=sum(found), missed=len(found) - sum(found), true=sum(true), false=len(true) - sum(true))


def pooled(scores: Iterable[LesionwiseScore], rule: Rule, size: Size = ALL_SIZES) -> Detection:
    """All lesions of several cases, counted together."""
    return sum((score.detection(rule, size) for score in scores), Detection())


def match_lesions(
    prediction: np.ndarray, reference: np.ndarray, *, voxel_volume_ml: float, match_iou: float = MATCH_IOU
) -> LesionwiseScore:
    """Find the lesions of two masks in each other.

    Args:
        prediction: bool, (slice, row, column).
        reference: the same.
        voxel_volume_ml: volume of one voxel.
        match_iou: least intersection over union of a pair, above 0.

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
    """Pairs of lesions that overlap, as indices from 0, and the number of voxels that they have in common."""
    width = int(prediction.max(initial=0)) + 1
    pairs, common = np.unique(reference[both].astype(np.int64) * width + prediction[both], return_counts=True)
    rows, columns = np.divmod(pairs, width)
    return rows - 1, columns - 1, common


def _pairing(rows: np.ndarray, columns: np.ndarray, iou: np.ndarray, match_iou: float) -> np.ndarray:
    """Which of the overlapping pairs are partners: bool, one for each.

    Only lesions that may have a partner enter the assignment, so that thousands of specks cost nothing.
    """
    paired = np.zeros(len(iou), bool)
    able = np.flatnonzero(iou >= match_iou)
    if len(able) == 0:
        return paired
    (row_ids, row), (column_ids, column) = (np.unique(ids[able], return_inverse=True) for ids in (rows, columns))
    weight = np.zeros((len(row_ids), len(column_ids)))
    # One more pair outweighs any sum of the others' IoU, which is at most the number of pairs.
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
    """The lesions of one mask; ``owner`` names the lesion of this mask in each overlapping pair."""
    overlap = np.bincount(owner, weights=common, minlength=len(voxels)) / voxels
    partner_iou = np.bincount(owner[paired], weights=iou[paired], minlength=len(voxels))
    columns = (voxels * voxel_volume_ml, overlap, partner_iou)
    return tuple(
        MatchedLesion(volume_ml=volume_ml, overlap=share, partner_iou=partner)
        for volume_ml, share, partner in zip(*(column.tolist() for column in columns), strict=True)
    )
