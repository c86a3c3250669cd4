"""Evaluation of predictions: performance, comparisons, subgroups, calibration and more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from spinal_tf.evaluation.activation_summary import Activation, activations
from spinal_tf.evaluation.calibrated import CalibrationPair, calibrations
from spinal_tf.evaluation.contrasts import Contrast, corrected
from spinal_tf.evaluation.doubts import warnings_of
from spinal_tf.evaluation.evaluation_options import EvaluationOptions, Resampling
from spinal_tf.evaluation.lesion_table import LesionTable
from spinal_tf.evaluation.map_check import MapCheck, map_warnings
from spinal_tf.evaluation.mask_tables import MaskGroup, mask_groups
from spinal_tf.evaluation.pairs import T2W, T2W_T1C, against
from spinal_tf.evaluation.performance import Performance, performance
from spinal_tf.evaluation.prediction_checks import Checked
from spinal_tf.evaluation.predictions import CaseSet, Predictions, applicable
from spinal_tf.evaluation.raters import Agreement, DifficultCases, against_raters, agreements, difficult_cases
from spinal_tf.evaluation.scored import Scored, ScoredTask, can_score, score_task, with_t1c
from spinal_tf.evaluation.subgroups import Subgroup, subgroups
from spinal_tf.evaluation.triage import TriageGroup, triage_groups
from spinal_tf.file_names import legible


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Results of an evaluation.

    Attributes:
        predictions: predictions that were evaluated.
        against: another model's predictions of the same cases, if any.
        lesions: table of the lesions of the masks, if any.
        options: options of the evaluation.
        tasks: tasks with probabilities and cases in the table, by name.
        performances: performance by set and name of the task; only for sets with cases.
        contrasts: comparisons with raters, another model and further scans, with corrected p values.
        subgroups: subgroups of the test set, or of validation if a task has no test cases.
        agreements: agreement of raters.
        difficult: counts of difficult test cases, by source.
        calibrations: calibration of every task and set.
        masks: measures of the masks of every set and disease, if the table has them.
        triage: quality of the flags of every set and group, if the table has flags.
        activations: zones of the Grad-CAM maps of every task and set, if the table has them.
        map_checks: checks whether those maps depend on the weights, for the requested tasks.
        warnings: plain sentences.
    """

    predictions: Predictions
    against: Predictions | None
    lesions: LesionTable | None
    options: EvaluationOptions
    tasks: Mapping[str, ScoredTask]
    performances: Mapping[CaseSet, Mapping[str, Performance]]
    contrasts: tuple[Contrast, ...]
    subgroups: tuple[Subgroup, ...]
    agreements: tuple[Agreement, ...]
    difficult: DifficultCases
    calibrations: tuple[CalibrationPair, ...]
    masks: tuple[MaskGroup, ...]
    triage: tuple[TriageGroup, ...]
    activations: tuple[Activation, ...]
    map_checks: tuple[MapCheck, ...]
    warnings: tuple[str, ...]

    @property
    def tables(self) -> tuple[tuple[str, str], ...]:
        """Name and SHA-256 of every table that was evaluated."""
        return tuple(
            (legible(one.source.name), one.sha256) for one in (self.predictions, self.against, self.lesions) if one
        )


def evaluate(checked: Checked, options: EvaluationOptions, *, map_checks: Sequence[MapCheck] = ()) -> Evaluation:
    """Evaluate predictions.

    Args:
        checked: result of `prediction_checks.check_predictions` with the same options.
        options: options of the evaluation.
        map_checks: checks of the Grad-CAM maps with networks and images.

    Raises:
        CohortError: a table has a fault; the message names the first.
    """
    checked.require_sound()
    predictions, resampling = checked.main.predictions, options.resampling
    tasks = _scored_tasks(predictions, options)
    performances = {
        case_set: {
            name: judged
            for name, task in tasks.items()
            if (judged := performance(task.sets[case_set], resampling)) is not None
        }
        for case_set in CaseSet
    }
    contrasts = [*_with_raters(tasks, predictions, resampling), *_with_others(tasks, checked, options)]
    groups = [group for task in tasks.values() for group in subgroups(_main_set(task), options.subgroups, resampling)]
    return Evaluation(
        predictions=predictions,
        against=checked.against.predictions if checked.against else None,
        lesions=checked.lesions,
        options=options,
        tasks=tasks,
        performances=performances,
        contrasts=corrected(contrasts),
        subgroups=_with_corrected(groups),
        agreements=tuple(agreements(predictions, resampling)),
        difficult=difficult_cases(predictions),
        calibrations=tuple(pair for task in tasks.values() for pair in calibrations(task, resampling)),
        masks=tuple(mask_groups(predictions, checked.lesions.by_case if checked.lesions else None, resampling)),
        triage=tuple(triage_groups(predictions, options.poor_dice)),
        activations=tuple(group for task in tasks.values() for group in activations(task)),
        map_checks=tuple(map_checks),
        warnings=(*warnings_of(checked, options, tasks), *map_warnings(map_checks)),
    )


def _scored_tasks(predictions: Predictions, options: EvaluationOptions) -> dict[str, ScoredTask]:
    judged = [case for case_set in CaseSet for case in predictions.of_set(case_set)]
    return {
        task.name: score_task(predictions, task, options)
        for task in predictions.tasks
        if any(task.name in case.probabilities for case in applicable(judged, task))
    }


def _main_set(task: ScoredTask) -> Scored:
    test = task.sets[CaseSet.TEST]
    return test if test.cases else task.sets[CaseSet.VALIDATION]


def _with_raters(
    tasks: Mapping[str, ScoredTask], predictions: Predictions, resampling: Resampling
) -> Iterator[Contrast]:
    for task in tasks.values():
        for scored in task.sets.values():
            yield from against_raters(scored, predictions.raters, resampling)


def _with_others(tasks: Mapping[str, ScoredTask], checked: Checked, options: EvaluationOptions) -> Iterator[Contrast]:
    main = checked.main.predictions
    for name, task in tasks.items():
        if can_score(main, task.task, options, with_t1c):
            more = score_task(main, task.task, options, with_t1c)
            yield from against(more, task, (T2W_T1C, T2W), options.resampling, kind="modality")
        if checked.against is None:
            continue
        other = _scored_tasks(checked.against.predictions, options).get(name)
        if other:
            names = (legible(main.source.name), legible(checked.against.predictions.source.name))
            yield from against(task, other, names, options.resampling, kind="model")


def _with_corrected(groups: Sequence[Subgroup]) -> tuple[Subgroup, ...]:
    contrasts = iter(corrected([group.contrast for group in groups if group.contrast]))
    return tuple(replace(group, contrast=next(contrasts)) if group.contrast else group for group in groups)
