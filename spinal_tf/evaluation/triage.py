"""Whether the cases that ask for a look at their mask are those whose mask is poor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spinal_tf.cohort.case import HEALTHY
from spinal_tf.evaluation.described import Proportion, proportion
from spinal_tf.evaluation.paper.paper_masks import paper_corrected
from spinal_tf.evaluation.predictions import CaseSet, Prediction, Predictions
from spinal_tf.taxonomy import Diagnosis, tree

POOR_DICE = 0.7
"""Dice below which a mask is poor. Above it an overlap is good after Zou et al., Acad Radiol 2004;11:178, who name
Zijdenbos et al., IEEE Trans Med Imaging 1994;13:716. That a poor one needs correction is our reading."""


@dataclass(frozen=True, kw_only=True)
class TriageGroup:
    """The flags of one group in one set; a proportion is None where there is nothing to divide by.

    Attributes:
        case_set: which.
        name: of a class of several diagnoses, a diagnosis, or healthy.
        flagged: of the cases known to be flagged or not, those flagged: the burden.
        poor: of the cases whose Dice is known too, those with a poor mask; as in all below. None for healthy cases,
            whose Dice says nothing of how wrong a mask is.
        sensitivity: of the poor masks, those flagged.
        specificity: of the other masks, those not flagged.
        ppv: of the flagged masks, those poor.
        paper_corrected: share of masks that the paper's readers corrected; None with another tree than the paper's.
    """

    case_set: CaseSet
    name: str
    flagged: Proportion
    poor: Proportion | None
    sensitivity: Proportion | None
    specificity: Proportion | None
    ppv: Proportion | None
    paper_corrected: Proportion | None


def triage_groups(predictions: Predictions, poor_dice: float) -> Iterator[TriageGroup]:
    """Judge the flags of every set and group that has any.

    Args:
        predictions: with flags, and with the Dice of the masks that were flagged or not.
        poor_dice: a mask with a lower one is poor.
    """
    for case_set in CaseSet:
        known = [case for case in predictions.of_set(case_set) if case.flagged is not None]
        for name, diagnoses in _groups().items():
            members = [case for case in known if case.diagnosis in diagnoses]
            if members:
                yield _group(case_set, name, members, poor_dice)


def _groups() -> dict[str, frozenset[Diagnosis | None]]:
    """Diagnoses of each group, by its name."""
    return {
        **{name: frozenset(members) for name, members in tree().groups.items()},
        **{diagnosis.value: frozenset({diagnosis}) for diagnosis in tree().diagnoses},
        HEALTHY: frozenset({None}),
    }


def _group(case_set: CaseSet, name: str, members: Sequence[Prediction], poor_dice: float) -> TriageGroup:
    dice = {case.name: case.overlap.get("dice", math.nan) for case in members if case.diagnosis}
    flagged = {case.name: bool(case.flagged) for case in members}
    poor = {case: value < poor_dice for case, value in dice.items() if not math.isnan(value)}
    return TriageGroup(
        case_set=case_set,
        name=name,
        flagged=Proportion(count=sum(flagged.values()), total=len(flagged)),
        poor=proportion(poor.values()),
        sensitivity=proportion(flagged[case] for case in poor if poor[case]),
        specificity=proportion(not flagged[case] for case in poor if not poor[case]),
        ppv=proportion(poor[case] for case in poor if flagged[case]),
        paper_corrected=paper_corrected(case_set).get(name),
    )
