"""``spinal-tf export``: exports networks for TensorFlow Serving, LiteRT or ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spinal_tf.cli.field_options import with_options
from spinal_tf.cli.quiet import quiet_stderr
from spinal_tf.cli.tree_choice import ONE_TASK

if TYPE_CHECKING:
    from spinal_tf.api.exporting import ExportedModel

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


@click.group()
def export() -> None:
    """Export the networks, with preprocessing, for TensorFlow Serving."""


@export.command()
@with_options(OUT, WEIGHTS, VERSION, PRECISION, FORMAT)
def segmenter(models: Path, weights_folder: Path | None, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Export the segmenter: raw slices in, lesion probability on their grid out."""
    _export(models, "segmenter", weights_folder, **given)


@export.command()
@click.option("--task", type=ONE_TASK, help="Task to export. Default: all.")
@with_options(OUT, WEIGHTS, VERSION, PRECISION, FORMAT)
def classifier(models: Path, weights_folder: Path | None, task: str | None, **given: Any) -> None:  # noqa: ANN401
    """Export the classifiers: raw slices and a mask in, probability of each slice and of the case out."""
    _export(models, task or "classifiers", weights_folder, **given)


@export.command()
@with_options(OUT, WEIGHTS, VERSION, PRECISION)
def pipeline(models: Path, weights_folder: Path | None, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Export all networks as one model: raw slices in; mask, probabilities, posterior and Grad-CAM out."""
    _export(models, "pipeline", weights_folder, **given)


def _export(models: Path, network: str, weights_folder: Path | None, **given: Any) -> None:  # noqa: ANN401
    from spinal_tf.api.exporting import ExportOptions, export_models

    exported = export_models(models, network, weights_folder, ExportOptions(**given))
    with quiet_stderr():
        for model in exported:
            click.echo("\n".join(_lines(model)))


def _lines(model: ExportedModel) -> list[str]:
    size = f"{model.folder}: {model.size_bytes / 1e6:.1f} MB"
    if model.form != "savedmodel":
        return [
            f"{size}, {model.form}, {model.precision}, the bare network alone",
            f"  differs from TensorFlow on a made-up input: {model.difference}",
        ]
    return [
        f"{size}, {model.precision}",
        f"  signatures {', '.join(model.signatures)}",
        f"  differs from the command line on a made-up volume: {model.difference}",
        *(f"  wrote {file}" for file in model.files),
    ]
