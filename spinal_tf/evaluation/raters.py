"""Raters: their agreement, the cases that are difficult for them, and their comparison with the models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from spinal_tf.evaluation.contrasts import Contrast, paired
from spinal_tf.evaluation.evaluation_options import Resampling
from spinal_tf.evaluation.predictions import CaseSet, Prediction, Predictions
from spinal_tf.evaluation.scored import Scored
from spinal_tf.evaluation.statistics.bootstrap import Answers
from spinal_tf.evaluation.statistics.intervals import Interval, percentile
from spinal_tf.evaluation.statistics.kappa import kappa, kappa_replicates
from spinal_tf.taxonomy import Diagnosis, tree


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Agreement of raters on the diagnoses.

    Attributes:
        raters: names of the raters: two for Cohen's kappa, more for Fleiss'.
        case_set: set of the cases.
        cases: number of cases that all of them rated.
        agreed: number of cases to which all of them gave the same diagnosis.
        kappa: kappa; NaN if all ratings are the same.
        bootstrap: interval of kappa, by bootstrap over patients, stratified by diagnosis.
    """

    raters: tuple[str, ...]
    case_set: CaseSet
    cases: int
    agreed: int
    kappa: float
    bootstrap: Interval

    @property
    def statistic(self) -> str:
        """Name of the kappa."""
        return "Cohen" if len(self.raters) == 2 else "Fleiss"


@dataclass(frozen=True, kw_only=True)
class DifficultCases:
    """Numbers of difficult test cases, by the two sources.

    Attributes:
        stated: cases that the table marks as difficult.
        disagreed: cases on which raters gave different diagnoses.
        both: cases with both.
        derived: cases without a mark in the table that count as difficult because raters disagreed.
    """

    stated: int
    disagreed: int
    both: int
    derived: int


def difficult_cases(predictions: Predictions) -> DifficultCases:
    """Count the difficult cases of the test set."""
    cases = predictions.of_set(CaseSet.TEST)
    return DifficultCases(
        stated=sum(case.stated_difficult is True for case in cases),
        disagreed=sum(case.raters_disagree is True for case in cases),
        both=sum(case.stated_difficult is True and case.raters_disagree is True for case in cases),
        derived=sum(case.stated_difficult is None and case.raters_disagree is True for case in cases),
    )


def agreements(predictions: Predictions, resampling: Resampling) -> list[Agreement]:
    """Compute the agreement of all raters, then of each pair, on cases with a diagnosis in validation and test."""
    raters = predictions.raters
    together = [raters] if len(raters) > 2 else []
    return [
        found
        for case_set in (CaseSet.VALIDATION, CaseSet.TEST)
        for group in (*together, *combinations(raters, 2))
        if (found := _agreement(predictions.of_set(case_set), group, case_set, resampling))
    ]


def _agreement(
    cases: Sequence[Prediction], raters: tuple[str, ...], case_set: CaseSet, resampling: Resampling
) -> Agreement | None:
    rated = sorted(
        (case for case in cases if case.diagnosis and all(case.raters[rater] for rater in raters)),
        key=lambda case: case.name,
    )
    if not rated:
        return None
    order: list[Diagnosis | None] = list(tree().diagnoses)
    ratings = np.array([[order.index(case.raters[rater]) for case in rated] for rater in raters])
    strata = np.array([order.index(case.diagnosis) for case in rated])
    patients = np.array([case.patient for case in rated])
    return Agreement(
        raters=raters,
        case_set=case_set,
        cases=len(rated),
        agreed=int((ratings == ratings[0]).all(axis=0).sum()),
        kappa=float(kappa(ratings, np.ones((1, len(rated))))[0]),
        bootstrap=percentile(kappa_replicates(ratings, strata, patients, resampling)),
    )


def against_raters(scored: Scored, raters: Sequence[str], resampling: Resampling) -> list[Contrast]:
    """Compare the model with each rater on the cases of a task that the rater rated.

    A rater chooses among all diagnoses. The model only chooses between two classes, since it is evaluated only on cases
    to which the task applies. A rater's diagnosis outside of the task counts as wrong, so the comparison favors the
    model.
    """
    contrasts = []
    for rater in raters:
        given = [case.raters[rater] for case in scored.cases]
        rated = scored.where(np.array([diagnosis is not None for diagnosis in given], bool))
        if not rated.cases:
            continue
        answers = [diagnosis for diagnosis in given if diagnosis]
        right = np.array(
            [
                answer in (scored.task.positive if label else scored.task.negative)
                for answer, label in zip(answers, rated.labels, strict=True)
            ]
        )
        calls = np.where(right, rated.labels, ~rated.labels)
        outside = sum(not scored.task.applies_to(answer) for answer in answers)
        contrasts.append(
            paired(rated, ("model", rater), Answers(calls=calls), resampling, kind="rater", outside=outside)
        )
    return contrasts
