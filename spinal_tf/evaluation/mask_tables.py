"""Measures of masks against their references, by set and disease, as in Table E3 of Zhuo et al. 2022 and more."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from spinal_tf.evaluation.evaluation_options import Resampling
from spinal_tf.evaluation.lesionwise import LesionwiseScore
from spinal_tf.evaluation.mask_intervals import mask_intervals
from spinal_tf.evaluation.overlap_summary import MEASURES, GroupSummary, describe
from spinal_tf.evaluation.predictions import CaseSet, Prediction, Predictions
from spinal_tf.taxonomy import Diagnosis, tree

Lesions = Mapping[str, LesionwiseScore]
"""Lesions of both masks of each case, by the case's name; a missing case has no lesions."""

NO_LESIONS = LesionwiseScore(reference=(), predicted=())


@dataclass(frozen=True, kw_only=True)
class MaskGroup:
    """Masks of one disease in one set.

    Attributes:
        case_set: set of the cases.
        diagnosis: diagnosis of the cases; None for healthy cases, whose reference is empty.
        summary: summary of the cases with any measure (at least one): the measures of the table, and intervals.
        left_out: number of cases without any measure.
    """

    case_set: CaseSet
    diagnosis: Diagnosis | None
    summary: GroupSummary
    left_out: int


def mask_groups(predictions: Predictions, lesions: Lesions | None, resampling: Resampling) -> Iterator[MaskGroup]:
    """Describe the masks of every set and disease that has any, with healthy cases last.

    Args:
        predictions: predictions with measures of their masks, see `overlap_summary.MEASURES`.
        lesions: lesions of their masks; None if they are unknown.
        resampling: options of the bootstrap.
    """
    names = [name for name in MEASURES if any(name in case.overlap for case in predictions.cases)]
    for case_set in CaseSet:
        cases = predictions.of_set(case_set)
        for diagnosis in (*tree().diagnoses, None):
            members = [case for case in cases if case.diagnosis == diagnosis]
            judged = sorted((case for case in members if case.overlap), key=lambda case: case.name)
            if judged:
                yield MaskGroup(
                    case_set=case_set,
                    diagnosis=diagnosis,
                    summary=_summary(judged, names, lesions, resampling),
                    left_out=len(members) - len(judged),
                )


def _summary(
    cases: Sequence[Prediction], names: Sequence[str], lesions: Lesions | None, resampling: Resampling
) -> GroupSummary:
    of_cases = None if lesions is None else [lesions.get(case.name, NO_LESIONS) for case in cases]
    values = {name: [case.overlap.get(name, math.nan) for case in cases] for name in names}
    intervals = mask_intervals(values, of_cases, [case.patient for case in cases], resampling)
    return replace(describe([case.overlap for case in cases], of_cases, names), intervals=intervals)
