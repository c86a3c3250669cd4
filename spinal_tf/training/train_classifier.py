"""Train the classifier of one task."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import spinal_tf.keras_started  # noqa: F401 - before Keras and TensorFlow

import keras

from spinal_tf.cohort.case import Case, Split
from spinal_tf.cohort.cells import MODEL_MASK_COLUMN
from spinal_tf.datasets.tile_samples import ClassifierCase, TileSampler, classifier_cases, classifier_entry
from spinal_tf.errors import TrainingError
from spinal_tf.networks.network_registry import CLASSIFIERS
from spinal_tf.networks.network_spec import NetworkSpec
from spinal_tf.taxonomy import Task
from spinal_tf.training.data import TrainingCohort, cases_by_split, only_named
from spinal_tf.training.job import Job, run_job
from spinal_tf.training.network_choice import chosen_network
from spinal_tf.training.plans import ClassifierPlan
from spinal_tf.training.run_folder import RunFolder
from spinal_tf.training.setting import PLAIN, Setting
from spinal_tf.training.step import configure_tensorflow
from spinal_tf.training.training_choices import TrainingOptions, fault_of_tiles
from spinal_tf.training.validation import some_cases, validate_classifier

CACHE = "classifier"
"""Name of the cache, shared by all tasks."""


def train_classifier(
    cohort: TrainingCohort,
    task: Task,
    out: Path,
    plan: ClassifierPlan,
    options: TrainingOptions,
    setting: Setting = PLAIN,
    *,
    resume: bool = False,
) -> RunFolder:
    """Train the classifier of a task; see `run_job` for further exceptions.

    Args:
        cohort: cohort from `open_cohort`.
        task: classification task.
        out: the run folder.
        plan: network and samples.
        options: training options; the batch is even.
        setting: reporting, stopping and devices.
        resume: continue the run in the folder, if there is one.

    Raises:
        TrainingError: a class has no case in a split, or a case cannot be used.
    """
    configure_tensorflow(options)
    job = setting.workers.chief_first(partial(classifier_job, cohort, task, plan, options))
    return run_job(job, options, out, setting, resume=resume)


def classifier_job(
    cohort: TrainingCohort,
    task: Task,
    plan: ClassifierPlan,
    options: TrainingOptions,
    only: Collection[str] | None = None,
) -> Job:
    """Prepare the training of a classifier.

    Args:
        cohort: cohort from `open_cohort`.
        task: classification task.
        plan: network and samples.
        options: training options; the batch is even.
        only: names of the training cases that are used; None for all.

    Raises:
        TrainingError: the batch is odd, a class has no case in a split, a case cannot be used, or the network does not
            accept the arguments or the input.
    """
    if fault := fault_of_tiles(options.batch):
        raise TrainingError(f"{fault}; choose an even number")
    arguments = plan.all_arguments
    spec = chosen_network(plan.network, CLASSIFIERS, arguments, plan.preprocessing)
    used = cases_by_split(cohort.cohort, healthy=False)
    prepared = {split: _prepared(cohort, split, plan, used[split]) for split in used}
    prepared[Split.TRAIN] = only_named(prepared[Split.TRAIN], only)
    train, validation = (_of_task(cases, task, split) for split, cases in prepared.items())
    sampler = TileSampler(cases=train, task=task, plan=plan.tiles, batch=options.batch, seed=options.seed)
    knows_t1c = plan.tiles.t1c_share > 0
    validate = partial(
        validate_classifier, task=task, with_t1c=plan.with_t1c, monitor=plan.monitor, knows_t1c=knows_t1c
    )
    return Job(
        name=task.name,
        network=plan.network,
        arguments=arguments,
        build=partial(_build, spec, plan),
        loss=spec.training_loss(keras.losses.categorical_crossentropy, arguments),
        plan=_record(plan),
        cohort=cohort.record({split: of_task(cases, task) for split, cases in used.items()}, only),
        preprocessing=plan.preprocessing,
        mask_mode=plan.mask_mode,
        modalities=("t2w", "t1c") if knows_t1c else ("t2w",),
        sampler=sampler,
        steps_per_epoch=sampler.steps_per_epoch,
        validate=partial(validate, cases=some_cases(validation, options.validation_cases)),
        judge=partial(validate, cases=validation),
        judge_training=partial(validate, cases=some_cases(train, options.validation_cases)),
        initial=plan.initial,
    )


def of_task(cases: Sequence[Case], task: Task) -> list[Case]:
    """Return the cases to which a task applies."""
    return [case for case in cases if case.diagnosis and task.applies_to(case.diagnosis)]


def _build(spec: NetworkSpec, plan: ClassifierPlan) -> keras.Model:
    model = spec.for_training(spec.build(**{**plan.all_arguments, "size": plan.preprocessing.size}))
    if plan.momentum is not None:
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = plan.momentum
    return model


def _record(plan: ClassifierPlan) -> dict[str, Any]:
    tiles = {f"tile_{name}": value for name, value in asdict(plan.tiles).items()}
    return {**tiles, "monitor": plan.monitor, "momentum": plan.momentum, "mask_mode": plan.mask_mode}


def _prepared(
    cohort: TrainingCohort, split: Split, plan: ClassifierPlan, cases: Sequence[Case]
) -> list[ClassifierCase]:
    stored = cohort.prepared(
        f"{CACHE}-{split.value}",
        cases,
        partial(classifier_entry, preprocessing=plan.preprocessing, mask_mode=plan.mask_mode),
        with_t1c=True,
        masks=(MODEL_MASK_COLUMN,),
        recipe={"preprocessing": plan.preprocessing.to_dict(), "mask_mode": plan.mask_mode},
    )
    return [case for entry in stored for case in classifier_cases(entry)]


def _of_task(cases: Sequence[ClassifierCase], task: Task, split: Split) -> list[ClassifierCase]:
    """Return the task's cases with at least one tile.

    Raises:
        TrainingError: a class has no such case.
    """
    chosen = [case for case in cases if task.applies_to(case.diagnosis) and len(case.tiles)]
    there = {task.label(case.diagnosis) for case in chosen}
    for label, name in enumerate(task.classes):
        if label not in there:
            raise TrainingError(
                f"{task.name}: the split {split.value} has no case of the class {name}; both classes are needed"
            )
    return chosen
