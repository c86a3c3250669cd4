"""``spinal-tf train``: networks from a cohort."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spinal_tf.cli.quiet import quiet_stderr
from spinal_tf.cli.training_options import CLASSIFIER, CURVE, SEGMENTER, SLURM, TASK, TRAINING, options

if TYPE_CHECKING:
    from spinal_tf.cli.training_session import TrainingSession


@click.group()
def train() -> None:
    """Train the networks from a cohort."""


@train.command()
@options(TRAINING, SLURM, SEGMENTER)
def segmenter(table: Path, out: Path, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Train MultiResUNet to segment lesions, on crops of all sagittal slices.

    RUN keeps the weights with the best mean Dice in validation, and a record of all settings.
    """
    _refuse_crop(given)
    _session(table, out, given).segmenter()


@train.command()
@options(TASK, TRAINING, SLURM, CLASSIFIER)
def classifier(table: Path, out: Path, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Train DenseNet121 for one task, on tiles of the lesion-bearing slices.

    Defaults follow the authors' code where it defines them. RUN keeps the best weights in validation, and a record of
    all settings.
    """
    _refuse_beginnings(given)
    _session(table, out, given).classifier()


@train.group("learning-curve")
def learning_curve() -> None:
    """Train on parts of the training cases, to see what more cases would bring."""


@learning_curve.command("segmenter")
@options(TRAINING, CURVE, SEGMENTER)
def segmenter_curve(table: Path, out: Path, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Draw the Dice of training and validation cases against the fraction of the training patients.

    Writes learning-curve.csv, learning-curve.png and a folder for each training to RUN. Each fraction takes the same
    share of each diagnosis, and a larger one contains the smaller ones. --resume skips finished trainings and accepts
    more fractions and repeats.
    """
    _refuse_crop(given)
    _session(table, out, given).segmenter_curve()


@learning_curve.command("classifier")
@options(TASK, TRAINING, CURVE, CLASSIFIER)
def classifier_curve(table: Path, out: Path, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Draw the AUC of training and validation cases against the fraction of the training patients.

    The AUC is that of the authors' code. Everything else is as in `learning-curve segmenter`.
    """
    _refuse_beginnings(given)
    _session(table, out, given).classifier_curve()


def _session(table: Path, out: Path, given: dict[str, Any]) -> TrainingSession:
    with quiet_stderr():
        from spinal_tf.cli.training_session import TrainingSession
    return TrainingSession(table, out, given)


def _refuse_crop(given: dict[str, Any]) -> None:
    _refuse_uneven(given["crop"], 16, "--crop")


def _refuse_beginnings(given: dict[str, Any]) -> None:
    _refuse_uneven(given["batch"], 2, "--batch")
    if given["imagenet"] and given["initial_weights"]:
        raise click.UsageError("--imagenet and --initial-weights exclude each other; give one of them")


def _refuse_uneven(value: int, multiple: int, option: str) -> None:
    if value % multiple:
        raise click.BadParameter(f"{value} is not a multiple of {multiple}", param_hint=option)
