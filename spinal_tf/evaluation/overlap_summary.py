"""Scores of many masks in a few numbers, by disease or any other group."""

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
"""Every number of a score, by the name of its column in a file."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """One measure over the cases of a group.

    Cases for which the measure is not defined (NaN) are left out of all numbers but ``undefined``. An infinite value is
    a value: it takes its place at the end of the order, and makes the mean infinite.

    Attributes:
        median: NaN, as the others, where no case is left.
        first: quartile, at (n + 1) / 4 of the ordered values, between neighbours in proportion, as everywhere here.
        third: quartile, at 3 (n + 1) / 4.
        mean: arithmetic.
        defined: number of values.
        infinite: how many of them are infinite.
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
    """The cases of a group.

    Attributes:
        cases: all of them.
        without_reference: their reference is empty; None, as the next two, where a volume is not known.
        missed: their reference is not empty, but their prediction is.
        falsely_marked: their reference is empty, but their prediction is not.
        spreads: by name of the measure, see `MEASURES`; those that are not known of any case may be missing.
        detection: lesions of all cases counted together, by rule and size, `ALL_SIZES` first; empty where the lesions
            are not known.
        intervals: of the means and of the lesions counted together; empty where patients are not known.
    """

    cases: int
    without_reference: int | None
    missed: int | None
    falsely_marked: int | None
    spreads: Mapping[str, Spread]
    detection: Mapping[Rule, Mapping[Size, Detection]]
    intervals: MaskIntervals = MaskIntervals()

    def false_per_case(self, rule: Rule, size: Size = ALL_SIZES) -> float:
        """False lesions of a size over the number of cases; NaN where there is none."""
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
        values: of each case by name of the measure; one that is missing counts as not defined.
        lesions: of each case; None where they are not known.
        names: of the measures.
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
    """Describe values, of which some may be NaN or infinite."""
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
    """NumPy's method "weibull", which makes NaN of a value beside an infinite one."""
    if len(ordered) == 0:
        return math.nan
    place = min(max((len(ordered) + 1) * share - 1, 0), len(ordered) - 1)
    below, part = int(place), place % 1
    if not part or math.isinf(ordered[below]):
        return float(ordered[below])
    return float(ordered[below] + part * (ordered[below + 1] - ordered[below]))
