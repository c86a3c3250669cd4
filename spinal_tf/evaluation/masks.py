"""Masks of a cohort against their references, by set and disease: Table E3 of Zhuo et al. 2022, and beyond."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from spinal_tf.evaluation.lesionwise import LesionwiseScore
from spinal_tf.evaluation.overlap_summary import MEASURES, GroupSummary, describe
from spinal_tf.evaluation.predictions import CaseSet, Prediction, Predictions
from spinal_tf.taxonomy import Diagnosis

Lesions = Mapping[str, LesionwiseScore]
"""Lesions of both masks of each case, by the case's name; a case that is not there has none."""

NO_LESIONS = LesionwiseScore(reference=(), predicted=())


@dataclass(frozen=True, kw_only=True)
class MaskGroup:
    """The masks of one disease in one set.

    Attributes:
        case_set: which.
        diagnosis: which; None for healthy cases, whose reference is empty.
        summary: of the cases with any measure, at least one; with the measures that the table has.
        left_out: cases of the group without any measure.
    """

    case_set: CaseSet
    diagnosis: Diagnosis | None
    summary: GroupSummary
    left_out: int


def mask_groups(predictions: Predictions, lesions: Lesions | None) -> Iterator[MaskGroup]:
    """Describe the masks of every set and disease that has any, healthy cases last.

    Args:
        predictions: with measures of their masks, see `overlap_summary.MEASURES`.
        lesions: of their masks; None where they are not known.
    """
    names = [name for name in MEASURES if any(name in case.overlap for case in predictions.cases)]
    for case_set in CaseSet:
        cases = predictions.of_set(case_set)
        for diagnosis in (*Diagnosis, None):
            members = [case for case in cases if case.diagnosis is diagnosis]
            judged = [case for case in members if case.overlap]
            if judged:
                yield MaskGroup(
                    case_set=case_set,
                    diagnosis=diagnosis,
                    summary=describe([case.overlap for case in judged], _lesions_of(judged, lesions), names),
                    left_out=len(members) - len(judged),
                )


def _lesions_of(cases: Sequence[Prediction], lesions: Lesions | None) -> list[LesionwiseScore] | None:
    return None if lesions is None else [lesions.get(case.name, NO_LESIONS) for case in cases]
