"""Train the segmenter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import spinal_tf.keras_started  # noqa: F401 - before Keras and TensorFlow

import keras

from spinal_tf.cohort.case import Case, Split
from spinal_tf.cohort.cells import CORD_COLUMN, MODEL_MASK_COLUMN
from spinal_tf.datasets.crop_samples import CropSampler, SegmenterCase, segmenter_case, segmenter_entry
from spinal_tf.errors import TrainingError
from spinal_tf.networks.losses import dice_bce, dice_topk
from spinal_tf.networks.network_registry import SEGMENTERS
from spinal_tf.networks.network_spec import NetworkSpec
from spinal_tf.training.data import TrainingCohort, cases_by_split, only_named
from spinal_tf.training.job import Job, run_job
from spinal_tf.training.network_choice import chosen_network
from spinal_tf.training.plans import SegmenterPlan
from spinal_tf.training.run_folder import RunFolder
from spinal_tf.training.setting import PLAIN, Setting
from spinal_tf.training.step import configure_tensorflow, over_replicas
from spinal_tf.training.training_choices import TrainingOptions
from spinal_tf.training.validation import some_cases, validate_segmenter

NAME = "segmenter"

LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "dice_bce": partial(dice_bce, total=over_replicas),
    "dice_topk": dice_topk,
    "bce": keras.losses.binary_crossentropy,
}


def train_segmenter(
    cohort: TrainingCohort,
    out: Path,
    plan: SegmenterPlan,
    options: TrainingOptions,
    setting: Setting = PLAIN,
    *,
    resume: bool = False,
) -> RunFolder:
    """Train the segmenter on a cohort; see `run_job` for further exceptions.

    Args:
        cohort: cohort from `open_cohort`.
        out: the run folder.
        plan: network and samples.
        options: training options.
        setting: reporting, stopping and devices.
        resume: continue the run in the folder, if there is one.

    Raises:
        TrainingError: a split has no lesion, or a case cannot be used.
    """
    configure_tensorflow(options)
    job = setting.workers.chief_first(partial(segmenter_job, cohort, plan, options))
    return run_job(job, options, out, setting, resume=resume)


def segmenter_job(
    cohort: TrainingCohort, plan: SegmenterPlan, options: TrainingOptions, only: Collection[str] | None = None
) -> Job:
    """Prepare the training of a segmenter.

    Args:
        cohort: cohort from `open_cohort`.
        plan: network and samples.
        options: training options.
        only: names of the training cases that are used; None for all.

    Raises:
        TrainingError: a split has no lesion, a case cannot be used, or the network does not accept the arguments, the
            input or the crop size.
    """
    arguments = plan.all_arguments
    spec = chosen_network(plan.network, SEGMENTERS, arguments, plan.preprocessing, plan.crops.size)
    used = cases_by_split(cohort.cohort, healthy=True)
    _refuse_missing_masks(plan, only_named(used[Split.TRAIN], only), cohort.cohort.source)
    train, validation = (_prepared(cohort, split, plan, used) for split in used)
    train = only_named(train, only)
    return Job(
        name=NAME,
        network=plan.network,
        arguments=arguments,
        build=partial(_build, spec, arguments),
        loss=spec.training_loss(LOSSES[plan.loss], arguments),
        plan=_record(plan),
        cohort=cohort.record(used, only),
        preprocessing=plan.preprocessing,
        mask_mode=None,
        modalities=("t2w",),
        sampler=CropSampler(cases=train, plan=plan.crops, seed=options.seed, with_cord=plan.within_cord),
        steps_per_epoch=max(1, sum(len(case.planes) for case in train) // options.batch),
        validate=partial(validate_segmenter, cases=some_cases(validation, options.validation_cases)),
        judge=partial(validate_segmenter, cases=validation),
        judge_training=partial(validate_segmenter, cases=some_cases(train, options.validation_cases)),
        initial=plan.initial,
    )


def _build(spec: NetworkSpec, arguments: dict[str, Any]) -> keras.Model:
    return spec.for_training(spec.build(**arguments))


def _refuse_missing_masks(plan: SegmenterPlan, cases: Sequence[Case], table: Path) -> None:
    """Refuse a plan that needs masks if no training case has them.

    Raises:
        TrainingError: no training case has such a mask.
    """
    needs = {
        CORD_COLUMN: (plan.within_cord, "the cord, which --within-cord learns", "--within-cord"),
        MODEL_MASK_COLUMN: (
            plan.crops.error_share > 0,
            "a segmenter, whose errors --error-share shows",
            "--error-share",
        ),
    }
    for column, (needed, whose, option) in needs.items():
        if needed and not any(case.extra.get(column) for case in cases):
            raise TrainingError(
                f"{table}: no training case has a mask of {whose}; add a column {column} with such masks, or leave "
                f"{option} out"
            )


def _record(plan: SegmenterPlan) -> dict[str, Any]:
    crops = {f"crop_{name}": value for name, value in asdict(plan.crops).items()}
    return {
        **crops,
        "crop_size": list(plan.crops.size),
        "tight_share": plan.tight_share,
        "loss": plan.loss,
        "within_cord": plan.within_cord,
    }


def _prepared(cohort: TrainingCohort, split: Split, plan: SegmenterPlan, used: dict[Split, Any]) -> list[SegmenterCase]:
    tight_share = plan.tight_share if split is Split.TRAIN else 0.0
    with_errors = plan.crops.error_share > 0 and split is Split.TRAIN
    recipe: dict[str, Any] = {"tight_share": tight_share, "with_cord": plan.within_cord, "with_errors": with_errors}
    stored = cohort.prepared(
        f"{NAME}-{split.value}",
        used[split],
        partial(segmenter_entry, preprocessing=plan.preprocessing, **recipe),
        with_t1c=False,
        masks=(CORD_COLUMN, MODEL_MASK_COLUMN) if with_errors else (CORD_COLUMN,),
        recipe={"preprocessing": plan.preprocessing.to_dict(), **recipe},
    )
    return [segmenter_case(entry) for entry in stored]
