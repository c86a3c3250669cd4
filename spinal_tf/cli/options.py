"""Options and arguments that several commands share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from spinal_tf.cli.field_options import Decorator, field_options, filled, with_options
from spinal_tf.cli.quiet import quiet_stderr
from spinal_tf.map_methods import MapMethod
from spinal_tf.option_fields import option
from spinal_tf.prediction_options import ImageOptions, SegmentationOptions
from spinal_tf.remote.server import Server

if TYPE_CHECKING:
    from spinal_tf.loaded_weights import LoadedWeights

BESIDE = "beside the case"
"""Value of a bare ``--with-mask``; its blanks make a clash with a file name unlikely."""

FOLDER = click.Path(path_type=Path, file_okay=False)


def _device(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"cpu|gpu(:\d+)?", value):
        raise click.BadParameter("write cpu, gpu or gpu:N", ctx, parameter)
    return value


def _pattern(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.strip("/. "):
        raise click.BadParameter("must name files, such as '*T2w*'", ctx, parameter)
    return value


def _level_at(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, int] | None:
    if value is None:
        return None
    name, _, row = value.partition("=")
    if not re.fullmatch(r"[0-9]+", row):
        raise click.BadParameter("write a vertebra and its row, such as T10=120", ctx, parameter)
    return name.upper(), int(row)


@dataclass(frozen=True, kw_only=True)
class PredictionChoices(ImageOptions, SegmentationOptions):
    """Values of the options for images, networks and masks."""

    overwrite: bool = option(False, "Overwrite existing outputs.")
    weights_folder: Path | None = option(
        None,
        "Folder of weights. Default: $SPINAL_TF_WEIGHTS, then the bundled weights.",
        flag="--weights",
        type=FOLDER,
    )
    device: str = option("cpu", "Device that runs the networks.", metavar="cpu|gpu|gpu:N", callback=_device)
    server: Server | None = None
    method: MapMethod = MapMethod.GRADCAM

    @property
    def segmentation(self) -> SegmentationOptions:
        """Options of the segmentation."""
        return filled(SegmentationOptions, vars(self))


@dataclass(frozen=True, kw_only=True)
class Choices(PredictionChoices):
    """Values of the options of single cases."""

    inputs: tuple[Path, ...]
    output: Path | None = option(
        None,
        "Folder for the outputs, created if needed. Scans found below a folder keep their place below it. Default: "
        "beside each case.",
        flag="-o --output",
        type=FOLDER,
    )
    pattern: str | None = option(
        None,
        "Of the scans below a folder, take those whose path ends like this: 'sub-*/anat/*T2w*'.",
        callback=_pattern,
    )
    list_only: bool = option(False, "Only list the images, what they look like, and which are taken.", flag="--list")
    resume: bool = option(False, "Skip cases whose outputs exist.")
    save_probability: bool = option(False, "Also write the lesion probability of every voxel.")
    save_anatomy: bool = option(
        False, "Also write a label map of cord, canal, vertebral bodies, discs and sacrum; see docs/training.md."
    )


MASK = ("threshold", "minimum_peak", "minimum_volume_ml", "whole_slice", "tta")
IMAGES_AND_NETWORKS = ("assume_orientation", "allow_plane", "weights_folder", "device")

device_option = with_options(*field_options(Choices, "device"))
case_options = with_options(
    click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CASE..."),
    *field_options(Choices, "output", "pattern", "list_only", "overwrite", "resume", *IMAGES_AND_NETWORKS),
)
level_option = with_options(*field_options(Choices, "level_at", type=str, callback=_level_at))
segmentation_options = with_options(*field_options(Choices, *MASK, "save_probability", "save_anatomy"))
prediction_options = with_options(*field_options(Choices, *IMAGES_AND_NETWORKS, *MASK))


def open_weights(choices: PredictionChoices) -> LoadedWeights:
    """Open the chosen networks; TensorFlow's messages are suppressed while they are loaded.

    Raises:
        WeightsError: there are no weights.
        RequirementError: the server is addressed over gRPC, which is not installed.
        ServerError: a certificate file cannot be used.
        DeviceError: this machine has no such device.
    """
    from spinal_tf.loaded_weights import LoadedWeights

    weights = LoadedWeights(
        choices.weights_folder,
        device=choices.device,
        server=choices.server,
        method=choices.method,
        around=quiet_stderr,
    )
    weights.require_device()
    return weights


def refuse_options(of: Decorator, reason: str) -> None:
    """Refuse options that have no effect on the command.

    Args:
        of: decorator that adds these options to a command.
        reason: reason, as the end of a sentence that begins with the option.

    Raises:
        click.UsageError: one of them was given on the command line.
    """
    context = click.get_current_context()
    refused = {parameter.name for parameter in of(click.Command("none")).params}
    for parameter in context.command.params:
        given = context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
        if given and parameter.name in refused:
            raise click.UsageError(f"{parameter.opts[0]} {reason}")
