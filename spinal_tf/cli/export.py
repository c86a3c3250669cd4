"""``spinal-tf export``: networks as TensorFlow Serving, LiteRT or ONNX Runtime take them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spinal_tf.cli.quiet import quiet_stderr
from spinal_tf.cli.tree_choice import ONE_TASK
from spinal_tf.taxonomy import tree

if TYPE_CHECKING:
    from spinal_tf.cli.export_session import ExportSession

Function = TypeVar("Function", bound=Callable[..., Any])

OUT, WEIGHTS, VERSION, PRECISION = (
    click.option(
        "--out",
        "models",
        required=True,
        type=click.Path(path_type=Path, file_okay=False),
        metavar="MODELS",
        help="Folder of all models, created if needed; the export goes to MODELS/NAME/VERSION.",
    ),
    click.option(
        "--weights",
        "weights_folder",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of weights. Default: $SPINAL_TF_WEIGHTS, then the bundled weights.",
    ),
    click.option("--version", type=click.IntRange(1), help="Version number. Default: the next free one."),
    click.option(
        "--precision",
        type=click.Choice(["float32", "bfloat16", "float16"]),
        default="float32",
        show_default=True,
        help="Precision of computation and stored weights; the last layers stay float32.",
    ),
)
FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["savedmodel", "litert", "onnx"]),
    default="savedmodel",
    show_default=True,
    help="File format; litert and onnx hold the bare network alone and need the extra of that name.",
)


def _options(*decorators: Callable[[Function], Function]) -> Callable[[Function], Function]:
    def decorate(function: Function) -> Function:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


@click.group()
def export() -> None:
    """Export the networks, with preprocessing, for TensorFlow Serving."""


@export.command()
@_options(OUT, WEIGHTS, VERSION, PRECISION, FORMAT)
def segmenter(models: Path, weights_folder: Path | None, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Export the segmenter: raw slices in, lesion probability on their grid out."""
    _session(models, weights_folder, ["segmenter"], **given).segmenter(**given)


@export.command()
@click.option("--task", type=ONE_TASK, help="Task to export. Default: all.")
@_options(OUT, WEIGHTS, VERSION, PRECISION, FORMAT)
def classifier(models: Path, weights_folder: Path | None, task: str | None, **given: Any) -> None:  # noqa: ANN401
    """Export the classifiers: raw slices and a mask in, probability of each slice and of the case out."""
    names = (task,) if task else tree().task_names
    _session(models, weights_folder, names, **given).classifiers(names, **given)


@export.command()
@_options(OUT, WEIGHTS, VERSION, PRECISION)
def pipeline(models: Path, weights_folder: Path | None, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Export all networks as one model: raw slices in; mask, probabilities, posterior and Grad-CAM out."""
    _session(models, weights_folder, ["pipeline"], **given).pipeline(**given)


def _session(
    models: Path,
    weights_folder: Path | None,
    names: Sequence[str],
    *,
    version: int | None,
    form: str = "savedmodel",
    **_: Any,  # noqa: ANN401 - options that nothing is refused for here
) -> ExportSession:
    from spinal_tf.checkpoints.manifest import find_weights, read_manifest
    from spinal_tf.serving.versions import require_free

    weights = weights_folder or find_weights()
    # Both fail now rather than after TensorFlow's long import.
    read_manifest(weights)
    for name in names:
        require_free(models, name if form == "savedmodel" else f"{name}-{form}", version)
    with quiet_stderr():
        from spinal_tf.cli.export_session import ExportSession
    return ExportSession(weights, models)
