"""What the trainings of segmenter and classifiers have in common, from the run folder to the last step."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from spinal_tf import __version__
from spinal_tf.checkpoints import Modality, Network
from spinal_tf.datasets.feed import Sampler, feed
from spinal_tf.preprocess import Preprocessing
from spinal_tf.slices import MaskMode
from spinal_tf.training.initial import Initial, set_initial_weights
from spinal_tf.training.loop import Report, Training
from spinal_tf.training.options import TrainingOptions
from spinal_tf.training.run_folder import RunFolder, open_run, write_json
from spinal_tf.training.schedule import Schedule
from spinal_tf.training.step import Loss, Trainer
from spinal_tf.training.validation import Validate
from spinal_tf.weight_files import assign_weights, decode_weights

MODULES = ("tensorflow", "keras", "numpy", "scipy", "cv2", "nibabel")
"""Whose versions a run records; they go by several names where they are installed."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One network to be trained, with its data ready.

    Attributes:
        name: ``segmenter`` or a task's.
        network: which builder.
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
        initial: where the weights begin.
    """

    name: str
    network: Network
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
    initial: Initial

    def record(self, options: TrainingOptions) -> dict[str, Any]:
        """Everything that a run is asked for, and what it runs on."""
        return {
            "name": self.name,
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
            "begun": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }


def _versions() -> dict[str, str]:
    installed = packages_distributions()
    return {module: version(installed[module][0]) for module in MODULES if module in installed}


def run_job(
    job: Job, options: TrainingOptions, out: Path, *, resume: bool, report: Callable[[Report], None]
) -> RunFolder:
    """Train a network in its run folder.

    Args:
        job: the network and its data.
        options: of the training.
        out: the run folder.
        resume: go on with the run that the folder holds, if it holds one.
        report: told of the progress.

    Raises:
        TrainingError: the run there is another one, or the loss is no number any more.
        OutputError: the folder holds a run and ``resume`` is not set, or it cannot be written to.
        WeightsError: the initial weights cannot be used.
    """
    run = open_run(out, job.record(options), resume=resume)
    trainer = Trainer(job.build, job.loss, options)
    if not run.state.exists():
        set_initial_weights(trainer.model, job.initial)
    training = Training(
        trainer,
        Schedule(options=options, steps_per_epoch=job.steps_per_epoch),
        run,
        feed=partial(_batches, job.sampler, options.batch),
        validate=job.validate,
        report=report,
    )
    training.finish()
    if options.validation_cases is not None:
        _judge_best(run, trainer, job.judge)
    return run


def _judge_best(run: RunFolder, trainer: Trainer, judge: Validate) -> None:
    """Measures and operating point of the best weights from all validation cases; few cases make a poor one."""
    best = run.read_best()
    path = run.path / best["file"]
    assign_weights(trainer.model, decode_weights(path.read_bytes(), source=str(path)), source=str(path))
    validation = judge(trainer.predict)
    found = {"operating_point": validation.operating_point, "measures": validation.measures}
    write_json(run.best, {**best, **found, "score": list(validation.score), "cases": list(validation.cases)})


def _batches(sampler: Sampler, batch: int, first_step: int, steps: int) -> Any:  # noqa: ANN401 - TensorFlow is untyped
    return iter(feed(sampler, indices=range(batch), first_step=first_step, steps=steps))
