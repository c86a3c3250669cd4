"""Evaluation of flags: whether the cases flagged for review are those with a poor mask."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spinal_tf.cohort.case import HEALTHY
from spinal_tf.evaluation.described import Proportion, proportion
from spinal_tf.evaluation.paper.paper_masks import paper_corrected
from spinal_tf.evaluation.predictions import CaseSet, Prediction, Predictions
from spinal_tf.taxonomy import Diagnosis, tree


@dataclass(frozen=True, kw_only=True)
class TriageGroup:
    """Flags of one group in one set; a proportion with denominator 0 is None.

    Attributes:
        case_set: set of the cases.
        name: name of a class of several diagnoses, a diagnosis, or healthy.
        flagged: share of flagged cases among those with a known flag: the workload.
        poor: share of poor masks. This and the proportions below only use cases with a known Dice, too. None for
            healthy cases, whose Dice does not show how wrong a mask is.
        sensitivity: share of flagged masks among the poor ones.
        specificity: share of unflagged masks among the others.
        ppv: share of poor masks among the flagged ones.
        paper_corrected: share of masks that the paper's readers corrected; None if the paper gives no such share
            or the tree is not the paper's.
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
    """Evaluate the flags of every set and group that has any.

    Args:
        predictions: predictions with flags, and with the Dice of the masks.
        poor_dice: Dice below which a mask is poor.
    """
    for case_set in CaseSet:
        known = [case for case in predictions.of_set(case_set) if case.flagged is not None]
        for name, diagnoses in _groups().items():
            members = [case for case in known if case.diagnosis in diagnoses]
            if members:
                yield _group(case_set, name, members, poor_dice)


def _groups() -> dict[str, frozenset[Diagnosis | None]]:
    """Return the diagnoses of each group, by its name."""
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
