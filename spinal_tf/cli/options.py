"""Options and arguments that several commands share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from spinal_tf.cli.quiet import quiet_stderr
from spinal_tf.map_methods import MapMethod

if TYPE_CHECKING:
    from spinal_tf.loaded_weights import LoadedWeights
    from spinal_tf.pipeline import SegmentationOptions
    from spinal_tf.remote.server import Server

Function = TypeVar("Function", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]

BESIDE = "beside the case"
"""Value of a bare ``--with-mask``; its blanks make a clash with a file name unlikely."""


@dataclass(frozen=True, kw_only=True)
class PredictionChoices:
    """Values of the options for images, networks and masks; see their help."""

    overwrite: bool
    assume_orientation: bool
    allow_plane: bool
    weights_folder: Path | None
    device: str
    threshold: float | None
    minimum_peak: float | None
    minimum_volume_ml: float
    tta: bool
    server: Server | None = None
    method: MapMethod = MapMethod.GRADCAM

    @property
    def segmentation(self) -> SegmentationOptions:
        """Options of the segmentation."""
        from spinal_tf.pipeline import SegmentationOptions

        return SegmentationOptions(
            threshold=self.threshold,
            minimum_peak=self.minimum_peak,
            minimum_volume_ml=self.minimum_volume_ml,
            tta=self.tta,
        )


@dataclass(frozen=True, kw_only=True)
class Choices(PredictionChoices):
    """Values of the options of single cases below; see their help."""

    inputs: tuple[Path, ...]
    output: Path | None
    resume: bool
    save_probability: bool


def _device(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"cpu|gpu(:\d+)?", value):
        raise click.BadParameter("write cpu, gpu or gpu:N", ctx, parameter)
    return value


def finite(ctx: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Refuse NaN and infinity, which a range lets through."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter("must be a number", ctx, parameter)
    return value


def _folder() -> click.Path:
    return click.Path(path_type=Path, file_okay=False)


IMAGE_OPTIONS = (
    click.option("--assume-orientation", is_flag=True, help="Accept images without orientation."),
    click.option("--allow-plane", is_flag=True, help="Accept images that were not acquired sagittally."),
)

device_option = click.option(
    "--device",
    default="cpu",
    show_default=True,
    callback=_device,
    metavar="cpu|gpu|gpu:N",
    help="Device that runs the networks.",
)

NETWORK_OPTIONS = (
    click.option(
        "--weights",
        "weights_folder",
        type=_folder(),
        help="Folder of weights. Default: $SPINAL_TF_WEIGHTS, then the bundled weights.",
    ),
    device_option,
)

CASE_OPTIONS = (
    click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CASE..."),
    click.option(
        "-o", "--output", type=_folder(), help="Folder for the outputs, created if needed. Default: beside each case."
    ),
    click.option("--overwrite", is_flag=True, help="Overwrite existing outputs."),
    click.option("--resume", is_flag=True, help="Skip cases whose outputs exist."),
    *IMAGE_OPTIONS,
    *NETWORK_OPTIONS,
)

MASK_OPTIONS = (
    click.option(
        "--threshold",
        type=click.FloatRange(0, 1, min_open=True),
        callback=finite,
        help="Probability from which a voxel is lesion. Default: stored with the weights.",
    ),
    click.option(
        "--min-peak",
        "minimum_peak",
        type=click.FloatRange(0, 1),
        callback=finite,
        help="Remove lesions whose probability nowhere reaches this value. Default: stored with the weights.",
    ),
    click.option(
        "--min-volume",
        "minimum_volume_ml",
        type=click.FloatRange(0),
        callback=finite,
        default=0.02,
        show_default=True,
        help="Remove lesions below this volume in mL.",
    ),
    click.option("--tta", is_flag=True, help="Average over the four flips of every slice; takes four times as long."),
)

SEGMENTATION_OPTIONS = (
    *MASK_OPTIONS,
    click.option("--save-probability", is_flag=True, help="Also write the lesion probability of every voxel."),
)


def case_options(function: Function) -> Function:
    """Add inputs, the output folder, and options of images and networks."""
    return _decorated(function, CASE_OPTIONS)


def segmentation_options(function: Function) -> Function:
    """Add options of the segmentation."""
    return _decorated(function, SEGMENTATION_OPTIONS)


def prediction_options(function: Function) -> Function:
    """Add options for predicting the cases of a cohort."""
    return _decorated(function, (*IMAGE_OPTIONS, *NETWORK_OPTIONS, *MASK_OPTIONS))


def _decorated(function: Function, options: Sequence[Decorator]) -> Function:
    for decorate in reversed(options):
        function = decorate(function)
    return function


def open_weights(choices: PredictionChoices) -> LoadedWeights:
    """Open the chosen networks; TensorFlow's messages are suppressed while they are loaded.

    Raises:
        WeightsError: there are no weights.
        RequirementError: the server is addressed over gRPC, which is not installed.
        ServerError: a certificate file cannot be used.
    """
    from spinal_tf.loaded_weights import LoadedWeights

    return LoadedWeights(
        choices.weights_folder,
        device=choices.device,
        server=choices.server,
        method=choices.method,
        around=quiet_stderr,
    )


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
