"""Summary of the scores of many masks, by disease or any other group."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TypeVar

import numpy as np

from spinal_tf.evaluation.lesionwise import ALL_SIZES, SIZES, Detection, LesionwiseScore, Rule, Size, pooled
from spinal_tf.evaluation.mask_intervals import MaskIntervals
from spinal_tf.evaluation.overlap import SegmentationScore

Group = TypeVar("Group", bound=Hashable)
Measure = Callable[[SegmentationScore], float]


def _lesionwise(part: str, rule: Rule) -> Measure:
    part_of = attrgetter(part)
    return lambda score: float(part_of(score.lesions.detection(rule)))


MEASURES: Mapping[str, Measure] = {
    **{
        name: attrgetter(name)
        for name in (
            "dice",
            "iou",
            "nsd_1mm",
            "nsd_2mm",
            "hd95_mm",
            "reference_volume_ml",
            "volume_ml",
            "volume_error_ml",
            "volume_error_relative",
        )
    },
    **{
        f"lesion_{part}_{rule.value}": _lesionwise(part, rule)
        for rule in Rule
        for part in ("recall", "precision", "f1")
    },
}
"""Every measure of a score, by the name of its column in a file."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """One measure over the cases of a group.

    Cases with an undefined measure (NaN) only count in ``undefined``. An infinite value counts as a value: it is sorted
    to the end, and makes the mean infinite. Median, quartiles and mean are NaN if no value is defined.

    Attributes:
        median: median.
        first: first quartile, at rank (n + 1) / 4 of the ordered values, with linear interpolation as everywhere here.
        third: third quartile, at rank 3 (n + 1) / 4.
        mean: arithmetic mean.
        defined: number of values.
        infinite: number of infinite values.
        undefined: number of cases left out.
    """

    median: float
    first: float
    third: float
    mean: float
    defined: int
    infinite: int
    undefined: int


@dataclass(frozen=True, kw_only=True)
class GroupSummary:
    """Summary of the cases of a group.

    Attributes:
        cases: number of cases.
        without_reference: number of cases with an empty reference; None, like the next two, if a volume is unknown.
        missed: number of cases with an empty prediction, but not an empty reference.
        falsely_marked: number of cases with an empty reference, but not an empty prediction.
        spreads: spread by name of the measure, see `MEASURES`; measures that are unknown for all cases may be missing.
        detection: lesions of all cases counted together, by rule and size, `ALL_SIZES` first; empty if the lesions are
            unknown.
        intervals: intervals of the means and of the pooled lesion counts; empty if patients are unknown.
    """

    cases: int
    without_reference: int | None
    missed: int | None
    falsely_marked: int | None
    spreads: Mapping[str, Spread]
    detection: Mapping[Rule, Mapping[Size, Detection]]
    intervals: MaskIntervals = MaskIntervals()

    def false_per_case(self, rule: Rule, size: Size = ALL_SIZES) -> float:
        """Return the number of false lesions of a size per case; NaN without cases."""
        return self.detection[rule][size].false / self.cases if self.cases else math.nan


def summarise(scores: Mapping[Group, Sequence[SegmentationScore]]) -> dict[Group, GroupSummary]:
    """Describe the scores of each group, in the order given."""
    return {
        group: describe(
            [{name: measure(score) for name, measure in MEASURES.items()} for score in members],
            [score.lesions for score in members],
        )
        for group, members in scores.items()
    }


def describe(
    values: Sequence[Mapping[str, float]],
    lesions: Sequence[LesionwiseScore] | None,
    names: Iterable[str] = tuple(MEASURES),
) -> GroupSummary:
    """Describe the cases of one group.

    Args:
        values: values of each case by name of the measure; missing ones count as undefined.
        lesions: lesions of each case; None if they are unknown.
        names: names of the measures.
    """
    volumes_ml = [(case.get("reference_volume_ml", math.nan), case.get("volume_ml", math.nan)) for case in values]
    known = not any(math.isnan(sum(pair)) for pair in volumes_ml)
    return GroupSummary(
        cases=len(values),
        without_reference=sum(not reference for reference, _ in volumes_ml) if known else None,
        missed=sum(reference > 0 and not marked for reference, marked in volumes_ml) if known else None,
        falsely_marked=sum(marked > 0 and not reference for reference, marked in volumes_ml) if known else None,
        spreads={name: spread([case.get(name, math.nan) for case in values]) for name in names},
        detection={}
        if lesions is None
        else {rule: {size: pooled(lesions, rule, size) for size in (ALL_SIZES, *SIZES)} for rule in Rule},
    )


def spread(values: Sequence[float]) -> Spread:
    """Describe values; some may be NaN or infinite."""
    array = np.asarray(values, float)
    known = np.sort(array[~np.isnan(array)])
    first, median, third = (_quantile(known, share) for share in (0.25, 0.5, 0.75))
    return Spread(
        median=median,
        first=first,
        third=third,
        mean=float(known.mean()) if len(known) else math.nan,
        defined=len(known),
        infinite=int(np.isinf(known).sum()),
        undefined=len(array) - len(known),
    )


def _quantile(ordered: np.ndarray, share: float) -> float:
    """Return a quantile like NumPy's method "weibull", which however gives NaN beside infinite values."""
    if len(ordered) == 0:
        return math.nan
    place = min(max((len(ordered) + 1) * share - 1, 0), len(ordered) - 1)
    below, part = int(place), place % 1
    if not part or math.isinf(ordered[below]):
        return float(ordered[below])
    return float(ordered[below] + part * (ordered[below + 1] - ordered[below]))
