"""Cases on which a task is evaluated, as arrays, and the operating point for their calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spinal_tf.cohort.case import Split
from spinal_tf.evaluation.evaluation_options import EvaluationOptions
from spinal_tf.evaluation.predictions import CaseSet, Prediction, Predictions, applicable
from spinal_tf.evaluation.statistics.operating_point import calls_at_others_youden, youden
from spinal_tf.taxonomy import Task

Source = Callable[[Prediction], Mapping[str, float]]
"""Function that returns the probabilities of a case, by name of the task."""

FEWEST_TO_CHOOSE = 2
"""Fewest patients of each class from which an operating point can be chosen."""


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """A cut-off; a probability at or above it is positive.

    Attributes:
        value: cut-off from 0 to 1.
        chosen_on: split on which it was chosen; None if it was given.
    """

    value: float
    chosen_on: Split | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """The n cases of a set with a probability for an applicable task, sorted by name.

    Attributes:
        task: classification task.
        case_set: set of the cases.
        cases: the n cases.
        labels: bool, (n,), whether a case is of the positive class.
        scores: float, (n,), probability of the positive class.
        calls: bool, (n,), whether a case is called positive.
        patients: str, (n,).
        left_out: number of cases to which the task applies, but without a probability.
        cross_fitted: whether the calls use cut-offs chosen on other patients of the same split.
    """

    task: Task
    case_set: CaseSet
    cases: tuple[Prediction, ...]
    labels: np.ndarray
    scores: np.ndarray
    calls: np.ndarray
    patients: np.ndarray
    left_out: int
    cross_fitted: bool

    def where(self, chosen: np.ndarray) -> Scored:
        """Return the cases chosen by a mask: bool, (n,)."""
        return replace(
            self,
            cases=tuple(case for case, keep in zip(self.cases, chosen, strict=True) if keep),
            labels=self.labels[chosen],
            scores=self.scores[chosen],
            calls=self.calls[chosen],
            patients=self.patients[chosen],
        )

    @property
    def several_per_patient(self) -> bool:
        """Whether a patient has more than one case."""
        return len(np.unique(self.patients)) < len(self.cases)


@dataclass(frozen=True, kw_only=True)
class ScoredTask:
    """A task with its operating point and the cases of every set."""

    task: Task
    point: OperatingPoint
    sets: Mapping[CaseSet, Scored]


def without_t1c(case: Prediction) -> Mapping[str, float]:
    """Return the main probabilities of a case."""
    return case.probabilities


def with_t1c(case: Prediction) -> Mapping[str, float]:
    """Return the probabilities of models that also saw the contrast-enhanced scan."""
    return case.with_t1c


def can_score(predictions: Predictions, task: Task, options: EvaluationOptions, source: Source = without_t1c) -> bool:
    """Return whether the operating point is given or can be chosen from enough patients of both classes."""
    if options.given(task) is not None:
        return True
    cases = [case for case in applicable(predictions.of_split(options.chosen_on), task) if task.name in source(case)]
    patients = [{case.patient for case in cases if case.diagnosis in part} for part in (task.negative, task.positive)]
    return min(map(len, patients)) >= FEWEST_TO_CHOOSE


def score_task(
    predictions: Predictions, task: Task, options: EvaluationOptions, source: Source = without_t1c
) -> ScoredTask:
    """Call every case of a task.

    If the operating point is chosen on the evaluated split itself, each case is called at a cut-off chosen on other
    patients, see `calls_at_others_youden`.

    Args:
        predictions: all cases.
        task: task for which `can_score` is True.
        options: options with the given operating points, or the split on which they are chosen.
        source: function that returns the probabilities of a case.
    """
    arrays = {split: _arrays(predictions.of_split(split), task, source) for split in Split}
    point = _point(arrays[options.chosen_on], task, options)
    sets = {}
    for case_set in CaseSet:
        split = case_set.drawn_from
        scored = _called(arrays[split], case_set, point, seed=options.resampling.seed)
        if case_set is CaseSet.DIFFICULT:
            chosen = np.array([case.difficult for case in scored.cases], bool)
            scored = replace(scored.where(chosen), left_out=_left_out(predictions.of_set(case_set), task, source))
        sets[case_set] = scored
    return ScoredTask(task=task, point=point, sets=sets)


def _arrays(cases: Sequence[Prediction], task: Task, source: Source) -> Scored:
    """Return the cases of a split, before they are called."""
    scored = sorted((case for case in applicable(cases, task) if task.name in source(case)), key=lambda one: one.name)
    scores = np.array([source(case)[task.name] for case in scored], float)
    return Scored(
        task=task,
        case_set=CaseSet.TEST,
        cases=tuple(scored),
        labels=np.array([case.diagnosis in task.positive for case in scored], bool),
        scores=scores,
        calls=np.zeros(len(scored), bool),
        patients=np.array([case.patient for case in scored], str),
        left_out=_left_out(cases, task, source),
        cross_fitted=False,
    )


def _left_out(cases: Sequence[Prediction], task: Task, source: Source) -> int:
    return sum(task.name not in source(case) for case in applicable(cases, task))


def _point(chosen_on: Scored, task: Task, options: EvaluationOptions) -> OperatingPoint:
    given = options.given(task)
    if given is not None:
        return OperatingPoint(value=given, chosen_on=None)
    return OperatingPoint(value=youden(chosen_on.labels, chosen_on.scores), chosen_on=options.chosen_on)


def _called(arrays: Scored, case_set: CaseSet, point: OperatingPoint, *, seed: int) -> Scored:
    own = point.chosen_on is case_set.drawn_from
    calls = arrays.scores >= point.value
    if own:
        calls = calls_at_others_youden(arrays.labels, arrays.scores, arrays.patients, seed=seed)
    return replace(arrays, case_set=case_set, calls=calls, cross_fitted=own)
