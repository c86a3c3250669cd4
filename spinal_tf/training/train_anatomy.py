"""Train the anatomy network."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import spinal_tf.keras_started  # noqa: F401 - before Keras and TensorFlow

from spinal_tf.cohort.case import Case, Cohort, Split
from spinal_tf.cohort.cells import ANATOMY_COLUMN, ANATOMY_STRUCTURES_COLUMN, structures_in
from spinal_tf.cohort.table import Fault
from spinal_tf.datasets.anatomy_samples import AnatomyCase, AnatomySampler, anatomy_case, anatomy_entry
from spinal_tf.errors import TrainingError
from spinal_tf.networks.anatomy_loss import anatomy_loss
from spinal_tf.networks.network_registry import ANATOMISTS
from spinal_tf.training.anatomy_validation import validate_anatomy
from spinal_tf.training.data import SPLITS, TrainingCohort, only_named
from spinal_tf.training.job import Job, run_job
from spinal_tf.training.network_choice import chosen_network
from spinal_tf.training.plans import AnatomyPlan
from spinal_tf.training.run_folder import RunFolder
from spinal_tf.training.setting import PLAIN, Setting
from spinal_tf.training.step import configure_tensorflow, over_replicas
from spinal_tf.training.training_choices import TrainingOptions
from spinal_tf.training.validation import some_cases

NAME = "anatomy"


def train_anatomy(
    cohort: TrainingCohort,
    out: Path,
    plan: AnatomyPlan,
    options: TrainingOptions,
    setting: Setting = PLAIN,
    *,
    resume: bool = False,
) -> RunFolder:
    """Train the anatomy network on a cohort; see `run_job` for further exceptions.

    Args:
        cohort: cohort from `open_cohort`.
        out: the run folder.
        plan: network and samples.
        options: training options.
        setting: reporting, stopping and devices.
        resume: continue the run in the folder, if there is one.

    Raises:
        TrainingError: a split has no labeled case, or a case cannot be used.
    """
    configure_tensorflow(options)
    job = setting.workers.chief_first(partial(anatomy_job, cohort, plan, options))
    return run_job(job, options, out, setting, resume=resume)


def anatomy_job(
    cohort: TrainingCohort, plan: AnatomyPlan, options: TrainingOptions, only: Collection[str] | None = None
) -> Job:
    """Prepare the training of an anatomy network on the cases that have a label map, healthy or not.

    Args:
        cohort: cohort from `open_cohort`.
        plan: network and samples.
        options: training options.
        only: names of the training cases that are used; None for all.

    Raises:
        TrainingError: a split has no labeled case, a case cannot be used, or the network does not accept the arguments,
            the input or the crop size.
    """
    spec = chosen_network(plan.network, ANATOMISTS, plan.all_arguments, plan.preprocessing, plan.crops.size)
    used = _labeled(cohort.cohort)
    train, validation = (_prepared(cohort, split, plan, used[split]) for split in SPLITS)
    train = only_named(train, only)
    return Job(
        name=NAME,
        network=plan.network,
        arguments=plan.all_arguments,
        build=partial(spec.build, **plan.all_arguments),
        loss=partial(anatomy_loss, total=over_replicas),
        plan={f"crop_{name}": value for name, value in asdict(plan.crops).items()} | {"crop_size": [*plan.crops.size]},
        cohort=cohort.record(used, only),
        preprocessing=plan.preprocessing,
        mask_mode=None,
        modalities=("t2w",),
        sampler=AnatomySampler(cases=train, plan=plan.crops, seed=options.seed),
        steps_per_epoch=max(1, sum(len(case.planes) for case in train) // options.batch),
        validate=partial(validate_anatomy, cases=some_cases(validation, options.validation_cases)),
        judge=partial(validate_anatomy, cases=validation),
        judge_training=partial(validate_anatomy, cases=some_cases(train, options.validation_cases)),
        initial=plan.initial,
    )


def _labeled(cohort: Cohort) -> dict[Split, list[Case]]:
    """Return the cases of each split that have a label map.

    Raises:
        TrainingError: a split has none, or a case's list of structures is invalid or lacks its map.
    """
    for case in cohort.cases:
        _refuse_structures(case, cohort.source.name)
    used = {split: [case for case in cohort.of_split(split) if case.extra.get(ANATOMY_COLUMN)] for split in SPLITS}
    for split, cases in used.items():
        if not cases:
            raise TrainingError(
                f"{cohort.source.name}: the split {split.value} has no case with a label map in the column "
                f"{ANATOMY_COLUMN}; name some (docs/training.md)"
            )
    return used


def _refuse_structures(case: Case, table: str) -> None:
    listed, problem = case.extra.get(ANATOMY_STRUCTURES_COLUMN, ""), ""
    try:
        structures_in(listed)
    except ValueError as error:
        problem = str(error)
    if listed and not case.extra.get(ANATOMY_COLUMN):
        problem = f"lists structures, but the column {ANATOMY_COLUMN} names no label map; name it"
    if problem:
        raise TrainingError(f"{table}: {Fault(row=case.row, column=ANATOMY_STRUCTURES_COLUMN, problem=problem)}")


def _prepared(cohort: TrainingCohort, split: Split, plan: AnatomyPlan, cases: list[Case]) -> list[AnatomyCase]:
    """Prepare the cases of a split.

    Raises:
        TrainingError: a case cannot be used, or the network would see no label.
    """
    recipe: dict[str, Any] = {
        "preprocessing": plan.preprocessing.to_dict(),
        "structures": [case.extra.get(ANATOMY_STRUCTURES_COLUMN, "") for case in cases],
    }
    stored = cohort.prepared(
        f"{NAME}-{split.value}",
        cases,
        partial(anatomy_entry, preprocessing=plan.preprocessing),
        with_t1c=False,
        masks=(ANATOMY_COLUMN,),
        recipe=recipe,
    )
    prepared = [anatomy_case(entry) for entry in stored]
    if not any(case.spine_voxels.size for case in prepared):
        raise TrainingError(
            f"{cohort.cohort.source.name}: no label of the split {split.value} is left at the pixel size of the "
            "network; draw larger ones, or choose a smaller --spacing-mm"
        )
    return prepared
