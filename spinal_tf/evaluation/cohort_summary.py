"""Description of a cohort like Table 1 of Zhuo et al. 2022, split by split, with the paper's numbers if available."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from spinal_tf.anatomy.found_spine import FoundSpine
from spinal_tf.cohort.case import Case, Cohort, Level, Sex, Split
from spinal_tf.cohort.images import ReadVolume, plain_problem
from spinal_tf.cohort.read_cohort import require_no_faults
from spinal_tf.cohort.table import Fault
from spinal_tf.errors import VolumeError
from spinal_tf.evaluation.described import Described, MeanSD, MedianIQR, Proportion, mean_sd, median_iqr, proportion
from spinal_tf.evaluation.group_tests import (
    Comparison,
    compare_means,
    compare_proportions,
    compare_ranks,
    proportions_p,
)
from spinal_tf.evaluation.lesion_place import PLACE_COLUMNS, lesion_place
from spinal_tf.evaluation.paper.paper_table1 import ROWS, PaperRow, described_as, paper_row
from spinal_tf.images.lesion_mask import read_lesion_mask
from spinal_tf.images.volume import Volume, read_volume
from spinal_tf.lesions import label_lesions
from spinal_tf.taxonomy import Diagnosis, tree
from spinal_tf.threads import Progress, map_threads

FEWEST_COMPARED = 5
"""Smallest group that is compared with the paper's."""

RESAMPLES = 2000
SEED = 2022

Search = Callable[[Volume], FoundSpine]
"""Function that looks for the spine on a T2w scan; raises VolumeError."""

Value = float | bool | None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Case with measurements of its mask.

    Attributes:
        case: the case; its level and extent may come from the image.
        lesion_count: number of lesions (26-neighborhood).
        volume_ml: their total volume.
        filled: columns of `PLACE_COLUMNS` that come from the image.
    """

    case: Case
    lesion_count: int
    volume_ml: float
    filled: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SummaryRow:
    """One row of the table for one split.

    Attributes:
        key: key of ``paper_table1.ROWS``.
        groups: numbers of each diagnosis; None if nothing is known.
        comparison: comparison between the groups.
        paper: the paper's row; None if the tree of diagnoses is not the paper's.
        apart: p value of the difference between each group and the paper's. NaN if our value is unknown or has too
            few cases; empty without a row of the paper.
    """

    key: str
    groups: Mapping[Diagnosis, Described | None]
    comparison: Comparison
    paper: PaperRow | None
    apart: Mapping[Diagnosis, float]


@dataclass(frozen=True, kw_only=True)
class SplitSummary:
    """Summary of one split.

    Attributes:
        split: split that is described.
        cases: number of cases with lesion, by diagnosis; all rows count cases, not patients.
        patients: number of patients with such a case.
        healthy: number of cases without lesion, which the table leaves out.
        filled: number of cases whose value comes from the image, by column of `PLACE_COLUMNS`.
        rows: rows in the paper's order.
    """

    split: Split
    cases: Mapping[Diagnosis, int]
    patients: int
    healthy: int
    filled: Mapping[str, int]
    rows: tuple[SummaryRow, ...]


@dataclass(frozen=True, kw_only=True)
class CohortSummary:
    """Summaries of a cohort's splits; a split without cases is left out."""

    source: Path
    splits: tuple[SplitSummary, ...]


def summarise(
    cohort: Cohort,
    *,
    read: ReadVolume = read_volume,
    search: Search | None = None,
    progress: Progress | None = None,
) -> CohortSummary:
    """Measure the masks of a cohort and describe it.

    Args:
        cohort: cohort to describe; its healthy cases are only counted.
        read: function that reads a T2w scan.
        search: function that finds the spine, to fill level and extent where the table says nothing; None leaves them
            unknown, as `lesion_place` does.
        progress: receives every measured case.

    Raises:
        CohortError: an image cannot be read; the message names the first.
    """
    ill = [case for case in cohort.cases if case.diagnosis]
    measure = partial(_measure, folder=cohort.source.parent, read=read, search=search)
    outcomes = map_threads(measure, ill, progress=progress)
    require_no_faults(cohort.source, [outcome for outcome in outcomes if isinstance(outcome, Fault)])
    measured = [outcome for outcome in outcomes if isinstance(outcome, Measured)]
    splits = [_split_summary(split, cohort, measured) for split in Split if cohort.of_split(split)]
    return CohortSummary(source=cohort.source, splits=tuple(splits))


def _measure(case: Case, folder: Path, read: ReadVolume, search: Search | None) -> Measured | Fault:
    column, path = "t2", case.t2
    try:
        volume = read(path)
        column, path = "mask", case.mask or case.t2
        mask = read_lesion_mask(path, like=volume, values=case.mask_values).mask
        column, path = "t2", case.t2
        found = _seen(case, volume, mask, search) if search else {}
    except VolumeError as error:
        shown = path.relative_to(folder) if path.is_relative_to(folder) else path
        return Fault(row=case.row, column=column, problem=plain_problem(error, path, str(shown)))
    volume_ml = float(mask.sum()) * volume.voxel_volume_ml
    return Measured(
        case=replace(case, **found), lesion_count=label_lesions(mask)[1], volume_ml=volume_ml, filled=tuple(found)
    )


def _seen(case: Case, volume: Volume, mask: np.ndarray, search: Search) -> dict[str, Any]:
    """Return the values of `PLACE_COLUMNS` that the table lacks and the image shows."""
    missing = [column for column in PLACE_COLUMNS if getattr(case, column) is None]
    if not missing:
        return {}
    found = lesion_place(mask, volume, search(volume))
    return {column: found[column] for column in missing if column in found}


def _split_summary(split: Split, cohort: Cohort, measured: Sequence[Measured]) -> SplitSummary:
    groups = {
        diagnosis: [one for one in measured if one.case.split is split and one.case.diagnosis == diagnosis]
        for diagnosis in tree().diagnoses
    }
    cases = cohort.of_split(split)
    return SplitSummary(
        split=split,
        cases={diagnosis: len(group) for diagnosis, group in groups.items()},
        patients=len({case.patient for case in cases if case.diagnosis}),
        healthy=sum(case.diagnosis is None for case in cases),
        filled={
            column: sum(column in one.filled for group in groups.values() for one in group) for column in PLACE_COLUMNS
        },
        rows=tuple(summary_row(key, groups, paper_row(split, key)) for key in ROWS),
    )


def summary_row(key: str, groups: Mapping[Diagnosis, Sequence[Measured]], paper: PaperRow | None) -> SummaryRow:
    """Compute one row of the table.

    Args:
        key: key of ``paper_table1.ROWS``.
        groups: measured cases of each diagnosis.
        paper: the paper's row, if any.
    """
    known = {
        diagnosis: [value for value in map(_VALUE_OF[key], group) if value is not None]
        for diagnosis, group in groups.items()
    }
    described, comparison = _described(known, described_as(key))
    printed = paper.groups if paper else {}
    apart = {
        diagnosis: _chance(described[diagnosis], theirs, known[diagnosis]) for diagnosis, theirs in printed.items()
    }
    return SummaryRow(key=key, groups=described, comparison=comparison, paper=paper, apart=apart)


def _described(
    known: Mapping[Diagnosis, Sequence[float]], kind: type[Described]
) -> tuple[dict[Diagnosis, Described | None], Comparison]:
    """Describe and compare the groups of a row as the paper does."""
    if kind is Proportion:
        proportions = {diagnosis: proportion(map(bool, values)) for diagnosis, values in known.items()}
        filled = {diagnosis: found for diagnosis, found in proportions.items() if found}
        return dict(proportions), compare_proportions(filled)
    arrays = {diagnosis: np.asarray(values, float) for diagnosis, values in known.items()}
    if kind is MeanSD:
        return {diagnosis: mean_sd(values) for diagnosis, values in known.items()}, compare_means(arrays)
    return {diagnosis: median_iqr(values) for diagnosis, values in known.items()}, compare_ranks(arrays)


def _chance(ours: Described | None, paper: Described, values: Sequence[float]) -> float:
    """Return the p value of a difference this large between samples of one population, see `SummaryRow.apart`."""
    if ours is None or ours.total < FEWEST_COMPARED:
        return math.nan
    if isinstance(ours, Proportion) and isinstance(paper, Proportion):
        alike = ours.count * paper.total == paper.count * ours.total
        return 1.0 if alike else proportions_p([ours, paper])[1]
    if isinstance(ours, MeanSD) and isinstance(paper, MeanSD):
        welch = stats.ttest_ind_from_stats(
            ours.mean, ours.sd, ours.total, paper.mean, paper.sd, paper.total, equal_var=False
        )
        return float(welch.pvalue)
    if isinstance(ours, MedianIQR) and isinstance(paper, MedianIQR):
        return _chance_of_medians(np.asarray(values, float), ours, paper)
    raise TypeError(f"{type(ours).__name__} and {type(paper).__name__} describe different things")


def _chance_of_medians(values: np.ndarray, ours: MedianIQR, paper: MedianIQR) -> float:
    """Bootstrap both medians from our values, since the paper's values are not public."""
    rng = np.random.default_rng(SEED)
    medians = [np.median(rng.choice(values, (RESAMPLES, total)), axis=1) for total in (ours.total, paper.total)]
    as_far = np.abs(medians[0] - medians[1]) >= abs(ours.median - paper.median)
    return float((as_far.sum() + 1) / (RESAMPLES + 1))


def _is_at(level: Level) -> Callable[[Measured], Value]:
    return lambda one: None if one.case.level is None else one.case.level is level


_VALUE_OF: Mapping[str, Callable[[Measured], Value]] = {
    "female": lambda one: None if one.case.sex is None else one.case.sex is Sex.FEMALE,
    "age_years": lambda one: one.case.age_years,
    **{level.value: _is_at(level) for level in Level},
    "lesion_count": lambda one: one.lesion_count,
    "extent_vertebrae": lambda one: one.case.extent_vertebrae,
    "volume_ml": lambda one: one.volume_ml,
    "enhancement": lambda one: one.case.enhancement,
}
