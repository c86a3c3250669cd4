"""Code shared by the trainings of all networks, from the run folder to the last step."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from spinal_tf import __version__
from spinal_tf.checkpoints.manifest import Modality
from spinal_tf.checkpoints.weight_files import assign_weights, decode_weights
from spinal_tf.datasets.feed import Sampler
from spinal_tf.errors import StoppedError
from spinal_tf.keras_start import our_keras
from spinal_tf.networks.network_registry import network_spec
from spinal_tf.networks.network_spec import Loss
from spinal_tf.preprocess import MaskMode, Preprocessing
from spinal_tf.taxonomy import tree
from spinal_tf.threads import Progress
from spinal_tf.training.batches import batches, refuse_uneven
from spinal_tf.training.initial import set_initial_weights
from spinal_tf.training.loop import Training
from spinal_tf.training.plans import Initial
from spinal_tf.training.run_folder import RunFolder, held_run, open_run, write_json
from spinal_tf.training.schedule import Schedule
from spinal_tf.training.setting import Report, Setting, Stop
from spinal_tf.training.step import Trainer
from spinal_tf.training.training_choices import TrainingOptions
from spinal_tf.training.validation import Validate

MODULES = ("tensorflow", "keras", "numpy", "scipy", "cv2", "nibabel")
"""Modules whose versions a run records; their distributions can have other names."""

ON_ALL_CASES = "on_all_cases"
"""Key in the record of the best weights: they were evaluated on all validation cases."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One network to train, with its data prepared.

    Attributes:
        name: ``segmenter``, ``anatomy``, or the name of a task.
        network: name in `spinal_tf.networks.network_registry`.
        arguments: arguments of the network's builder.
        build: function that builds the network.
        loss: loss to minimize.
        plan: everything that determines the samples and the initial weights, JSON-serializable.
        cohort: record of the cohort.
        preprocessing: preprocessing of the input.
        mask_mode: how the mask enters a tile; None for all but classifiers.
        modalities: modalities used in training.
        sampler: source of the training samples.
        steps_per_epoch: number of steps that count as one epoch.
        validate: evaluates the network during training.
        judge: evaluates the best weights at the end, on all validation cases.
        judge_training: evaluates a network on training cases, at most as many as ``validate`` uses.
        initial: initial weights.
    """

    name: str
    network: str
    arguments: Mapping[str, Any]
    build: Callable[[], keras.Model]
    loss: Loss
    plan: Mapping[str, Any]
    cohort: Mapping[str, Any]
    preprocessing: Preprocessing
    mask_mode: MaskMode | None
    modalities: tuple[Modality, ...]
    sampler: Sampler
    steps_per_epoch: int
    validate: Validate
    judge: Validate
    judge_training: Validate
    initial: Initial

    def record(self, options: TrainingOptions, setting: Setting) -> dict[str, Any]:
        """Return the run's full configuration, versions and devices."""
        return {
            "name": self.name,
            "classes": tree().task(self.name).to_dict() if self.name in tree().task_names else None,
            "network": self.network,
            "arguments": dict(self.arguments),
            "preprocessing": self.preprocessing.to_dict(),
            "mask_mode": self.mask_mode,
            "modalities": list(self.modalities),
            "plan": {**self.plan, "initial": str(self.initial)},
            "options": options.to_dict(),
            "steps_per_epoch": self.steps_per_epoch,
            "cohort": dict(self.cohort),
            "versions": {
                "spinal-tf": __version__,
                "python": platform.python_version(),
                **_versions(),
            },
            "devices": [device.name for device in tf.config.list_logical_devices()],
            "sharing": {"devices": setting.devices.num_replicas_in_sync, "processes": setting.workers.count},
            "begun": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }


def _versions() -> dict[str, str]:
    installed = packages_distributions()
    return {module: version(installed[module][0]) for module in MODULES if module in installed}


@our_keras()
def run_job(job: Job, options: TrainingOptions, out: Path, setting: Setting, *, resume: bool) -> RunFolder:
    """Train a network in its run folder. With several processes, only the chief reads and writes the folder.

    Args:
        job: the network and its data.
        options: training options.
        out: the run folder.
        setting: reporting, stopping and devices.
        resume: continue the run in the folder, if there is one.

    Raises:
        TrainingError: the folder holds a different run, the loss is not finite, or another process has ended.
        StoppedError: a stop was requested; the state is saved.
        OutputError: the folder holds a run and ``resume`` is not set, another process trains there, or it cannot be
            written to.
        WeightsError: the initial weights cannot be used.
        DeviceError: the devices cannot share a batch evenly.
    """
    refuse_uneven(setting.devices, options.batch)
    workers, run = setting.workers, RunFolder(path=out)
    alone = held_run(out) if workers.is_chief else nullcontext()
    with workers.together(), alone, setting.listen() as stop:
        if workers.is_chief:
            run = open_run(out, job.record(options, setting), resume=resume)
        trainer = Trainer(job.build, job.loss, options, setting.devices)
        if workers.is_chief and not run.state.exists():
            set_initial_weights(trainer.model, job.initial, network_spec(job.network))
        training = Training(
            trainer,
            Schedule(options=options, steps_per_epoch=job.steps_per_epoch),
            run,
            feed=partial(batches, trainer.strategy, job.sampler, options.batch),
            validate=job.validate,
            report=setting.report,
            stop=stop,
        )
        training.finish()
        if workers.is_chief and options.validation_cases is not None:
            _judge_best(run, trainer, job.judge, setting.report, stop)
    return run


def _judge_best(
    run: RunFolder, trainer: Trainer, judge: Validate, report: Callable[[Report], None], stop: Stop
) -> None:
    """Compute measures and operating points of the best weights on all validation cases; few give poor estimates.

    This runs only once: a finished run that is started again skips it.
    """
    if run.read_best().get(ON_ALL_CASES):
        return

    def predict(batch: np.ndarray) -> np.ndarray:
        if stop():
            raise StoppedError(
                f"{run.path}: stopped after the last step, before the best weights were judged on all validation "
                "cases; repeat the command with --resume to continue"
            )
        return trainer.predict(batch)

    best = load_best(run, trainer.model)
    validation = judge(predict, progress=tell_cases(report, best["step"]))
    write_json(run.best, {**best, **validation.to_dict(), ON_ALL_CASES: True})


def tell_cases(report: Callable[[Report], None], step: int) -> Progress:
    """Return a function that reports the cases of a validation after the last step, of the weights of a step."""
    return lambda done, total: report(Report(step=step, share=1.0, loss=math.nan, cases=(done, total)))


def load_best(run: RunFolder, model: keras.Model) -> dict[str, Any]:
    """Load the best weights of a run into its network.

    Returns:
        The record of the best weights.

    Raises:
        TrainingError: the run has no validation yet.
        WeightsError: the weights do not fit the network.
    """
    best, stored = run.read_best_weights()
    source = str(run.path / best["file"])
    assign_weights(model, decode_weights(stored, source=source), source=source)
    return best
