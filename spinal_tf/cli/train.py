"""``spinal-tf train``: trains networks on a cohort."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from spinal_tf.cli.field_options import with_options
from spinal_tf.cli.quiet import quiet_stderr
from spinal_tf.cli.training_options import (
    ANATOMY,
    ANATOMY_TRAINING,
    CLASSIFIER,
    CURVE,
    SEGMENTER,
    SLURM,
    TASK,
    TRAINING,
)

if TYPE_CHECKING:
    from spinal_tf.cli.training_session import TrainingSession


@click.group()
def train() -> None:
    """Train the networks from a cohort."""


@train.command()
@with_options(*TRAINING, *SLURM, *SEGMENTER)
def segmenter(table: Path, out: Path, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Train a network to segment lesions, on crops of all sagittal slices.

    RUN keeps the weights with the best mean Dice in validation, and a record of all settings.
    """
    _session(table, out, given).segmenter()


@train.command()
@with_options(*TASK, *TRAINING, *SLURM, *CLASSIFIER)
def classifier(table: Path, out: Path, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Train a network for one task, on tiles of the lesion-bearing slices.

    Defaults follow the authors' code where it defines them. RUN keeps the best weights in validation, and a record of
    all settings.
    """
    _session(table, out, given).classifier()


@train.command()
@with_options(*ANATOMY_TRAINING, *SLURM, *ANATOMY)
def anatomy(table: Path, out: Path, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Train a network to outline cord, canal, vertebral bodies, discs and sacrum, and to mark C2.

    It learns from the cases with a label map in the column anatomy, healthy or not, on crops of all sagittal slices.
    RUN keeps the weights with the best mean Dice in validation, and a record of all settings.
    """
    _session(table, out, given).anatomy()


@train.group("learning-curve")
def learning_curve() -> None:
    """Train on parts of the training cases, to see what more cases would bring."""


@learning_curve.command("segmenter")
@with_options(*TRAINING, *CURVE, *SEGMENTER)
def segmenter_curve(table: Path, out: Path, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Draw the Dice of training and validation cases against the fraction of the training patients.

    Writes learning-curve.csv, learning-curve.png and a folder for each training to RUN. Each fraction takes the same
    share of each diagnosis, and a larger one contains the smaller ones. --resume skips finished trainings and accepts
    more fractions and repeats.
    """
    _session(table, out, given).segmenter_curve()


@learning_curve.command("classifier")
@with_options(*TASK, *TRAINING, *CURVE, *CLASSIFIER)
def classifier_curve(table: Path, out: Path, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Draw the AUC of training and validation cases against the fraction of the training patients.

    The AUC is that of the authors' code. Everything else is as in `learning-curve segmenter`.
    """
    _session(table, out, given).classifier_curve()


def _session(table: Path, out: Path, given: dict[str, Any]) -> TrainingSession:
    from spinal_tf.engine import refuse_missing_gpu
    from spinal_tf.keras_start import start_keras

    refuse_missing_gpu(given["device"])
    with quiet_stderr():
        start_keras()
        from spinal_tf.cli.training_session import TrainingSession
        from spinal_tf.networks.network_registry import network_spec

        spec = network_spec(given["network"])
    source = click.get_current_context().get_parameter_source
    ends = {"epochs": None} if given["steps"] or given["minutes"] else {}
    for name, value in {**ends, **spec.defaults}.items():
        if source(name) is ParameterSource.DEFAULT:
            given[name] = value
    side = "crop" if "crop" in given else "size"
    sides = given[side] if isinstance(given[side], tuple) else (given[side], given[side])
    if fault := spec.fault_of_sides(sides):
        raise click.BadParameter(fault, param_hint=f"--{side}")
    return TrainingSession(table, out, given)
