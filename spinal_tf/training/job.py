"""What the trainings of segmenter and classifiers have in common, from the run folder to the last step."""

from __future__ import annotations

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
from spinal_tf.networks.network_registry import network_spec
from spinal_tf.networks.network_spec import Loss
from spinal_tf.preprocess import Preprocessing
from spinal_tf.slices import MaskMode
from spinal_tf.taxonomy import tree
from spinal_tf.training.batches import batches, refuse_uneven
from spinal_tf.training.initial import Initial, set_initial_weights
from spinal_tf.training.loop import Training
from spinal_tf.training.run_folder import RunFolder, held_run, open_run, write_json
from spinal_tf.training.schedule import Schedule
from spinal_tf.training.setting import Setting, Stop
from spinal_tf.training.step import Trainer
from spinal_tf.training.training_choices import TrainingOptions
from spinal_tf.training.validation import Validate

MODULES = ("tensorflow", "keras", "numpy", "scipy", "cv2", "nibabel")
"""Whose versions a run records; they go by several names where they are installed."""

ON_ALL_CASES = "on_all_cases"
"""Key by which the record of the best weights says that they were judged on all validation cases."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One network to be trained, with its data ready.

    Attributes:
        name: ``segmenter`` or a task's.
        network: name in `spinal_tf.networks.network_registry`.
        arguments: of the builder.
        build: the network.
        loss: to be minimised.
        plan: all that decides the samples and the start, as JSON can hold it.
        cohort: record of the cohort.
        preprocessing: of the input.
        mask_mode: of tiles; None for the segmenter.
        modalities: that are trained with.
        sampler: of the training samples.
        steps_per_epoch: by which epochs are counted.
        validate: judges the network on the way.
        judge: judges the best weights at the end, on all validation cases.
        judge_training: judges a network on cases that it learned from, as many as ``validate`` looks at.
        initial: where the weights begin.
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
        """Everything that a run is asked for, and what it runs on."""
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


def run_job(job: Job, options: TrainingOptions, out: Path, setting: Setting, *, resume: bool) -> RunFolder:
    """Train a network in its run folder, which of several processes the chief alone reads and writes.

    Args:
        job: the network and its data.
        options: of the training.
        out: the run folder.
        setting: what surrounds the training.
        resume: go on with the run that the folder holds, if it holds one.

    Raises:
        TrainingError: the run there is another one, the loss is no number any more, or another process has ended.
        StoppedError: the end was asked for; the state is saved.
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
            _judge_best(run, trainer, job.judge, stop)
    return run


def _judge_best(run: RunFolder, trainer: Trainer, judge: Validate, stop: Stop) -> None:
    """Measures and operating points of the best weights from all validation cases; few cases make a poor one.

    Once is enough: a finished run that is started again has nothing left to do.
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
    write_json(run.best, {**best, **judge(predict).to_dict(), ON_ALL_CASES: True})


def load_best(run: RunFolder, model: keras.Model) -> dict[str, Any]:
    """Put the best weights of a run into its network.

    Returns:
        Their record.

    Raises:
        TrainingError: there are none yet.
        WeightsError: they do not fit.
    """
    best, stored = run.read_best_weights()
    source = str(run.path / best["file"])
    assign_weights(model, decode_weights(stored, source=source), source=source)
    return best
