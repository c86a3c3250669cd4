"""``spinal-tf export``: exports networks for TensorFlow Serving, LiteRT or ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spinal_tf.cli.field_options import field_options, filled, with_options
from spinal_tf.cli.options import FOLDER, PredictionChoices
from spinal_tf.cli.output_option import output_option
from spinal_tf.cli.quiet import quiet_stderr
from spinal_tf.cli.tree_choice import ONE_TASK
from spinal_tf.serving.export_options import ExportOptions

if TYPE_CHECKING:
    from spinal_tf.api.exporting import ExportedModel

OPTIONS = (
    click.option(
        "--out",
        "models",
        required=True,
        type=FOLDER,
        metavar="MODELS",
        help="Folder of all models, created if needed; the export goes to MODELS/NAME/VERSION.",
    ),
    *field_options(PredictionChoices, "weights_folder"),
    *field_options(ExportOptions, "version", "precision"),
)
FORMAT = field_options(ExportOptions, "form")


@click.group()
def export() -> None:
    """Export the networks, with preprocessing, for TensorFlow Serving."""


@export.command()
@with_options(*OPTIONS, *FORMAT)
def segmenter(models: Path, weights_folder: Path | None, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Export the segmenter: raw slices in, lesion probability on their grid out."""
    _export(models, "segmenter", weights_folder, **given)


@export.command()
@with_options(*OPTIONS, *FORMAT)
def anatomy(models: Path, weights_folder: Path | None, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Export the network that finds the spine: prepared slices in, probability of each structure out."""
    _export(models, "anatomy", weights_folder, **given)


@export.command()
@click.option("--task", type=ONE_TASK, help="Task to export. Default: all.")
@with_options(*OPTIONS, *FORMAT)
def classifier(models: Path, weights_folder: Path | None, task: str | None, **given: Any) -> None:  # noqa: ANN401
    """Export the classifiers: raw slices and a mask in, probability of each slice and of the case out."""
    _export(models, task or "classifiers", weights_folder, **given)


@export.command()
@with_options(*OPTIONS)
def pipeline(models: Path, weights_folder: Path | None, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Export segmenter and classifiers as one model: raw slices in; mask, probabilities and Grad-CAM out.

    The model looks for lesions on whole slices, not along the spinal canal as `segment` does.
    """
    _export(models, "pipeline", weights_folder, **given)


def _export(models: Path, network: str, weights_folder: Path | None, **given: Any) -> None:  # noqa: ANN401
    from spinal_tf.api.exporting import export_models

    exported = export_models(models, network, weights_folder, filled(ExportOptions, given))
    with output_option("--out"), quiet_stderr():
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
