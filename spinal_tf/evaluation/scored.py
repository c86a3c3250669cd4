"""The cases that a task is judged on, as arrays, and the operating point that they are called at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from spinal_tf.cohort.case import Split
from spinal_tf.evaluation.predictions import CaseSet, Prediction, Predictions, applicable
from spinal_tf.evaluation.statistics.bootstrap import Resampling
from spinal_tf.evaluation.statistics.operating_point import calls_at_others_youden, youden
from spinal_tf.evaluation.triage import POOR_DICE
from spinal_tf.taxonomy import Task

Source = Callable[[Prediction], Mapping[str, float]]
"""Where a case's probabilities are taken from."""

FEWEST_TO_CHOOSE = 2
"""Patients of each class that an operating point needs to be chosen on."""


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """How predictions are judged.

    Attributes:
        points: operating points that are given, by name of the task.
        point: given for all other tasks.
        chosen_on: the split on which an operating point that is not given is chosen, by Youden's index.
        subgroups: columns to divide the cases by, besides age and sex.
        resampling: of the bootstrap.
        poor_dice: a mask with a lower Dice is poor.
    """

    points: Mapping[str, float] = field(default_factory=dict)
    point: float | None = None
    chosen_on: Split = Split.VALIDATION
    subgroups: tuple[str, ...] = ()
    resampling: Resampling = Resampling()
    poor_dice: float = POOR_DICE

    def given(self, task: Task) -> float | None:
        """The operating point of a task; None where it is to be chosen."""
        return self.points.get(task.name, self.point)


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """A cut-off; a probability at or above it is positive.

    Attributes:
        value: 0 to 1.
        chosen_on: the split that it was chosen on; None where it was given.
    """

    value: float
    chosen_on: Split | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """The n cases of a set that a task applies to and that have a probability, in order of their names.

    Attributes:
        task: which.
        case_set: which.
        cases: n.
        labels: bool, (n,), whether a case is of the positive class.
        scores: float, (n,), probability of the positive class.
        calls: bool, (n,), whether it is called positive.
        patients: str, (n,).
        left_out: cases that the task applies to, without a probability.
        cross_fitted: whether the calls are at cut-offs chosen on other patients of the same split.
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
        """Some of the cases; bool, (n,)."""
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
    """The probabilities that every case has."""
    return case.probabilities


def with_t1c(case: Prediction) -> Mapping[str, float]:
    """The probabilities of models that also saw the contrast-enhanced scan."""
    return case.with_t1c


def can_score(predictions: Predictions, task: Task, options: EvaluationOptions, source: Source = without_t1c) -> bool:
    """Whether the operating point is given, or there are enough patients of both classes to choose it on."""
    if options.given(task) is not None:
        return True
    cases = [case for case in applicable(predictions.of_split(options.chosen_on), task) if task.name in source(case)]
    patients = [{case.patient for case in cases if case.diagnosis in part} for part in (task.negative, task.positive)]
    return min(map(len, patients)) >= FEWEST_TO_CHOOSE


def score_task(
    predictions: Predictions, task: Task, options: EvaluationOptions, source: Source = without_t1c
) -> ScoredTask:
    """Call every case of a task.

    Where the operating point is chosen on the very split that is judged, each case is called at one that was chosen on
    other patients, see `calls_at_others_youden`.

    Args:
        predictions: all cases.
        task: one for which `can_score` holds.
        options: tell the operating point.
        source: of the probabilities.
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
    """The cases of a split, not yet called."""
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
