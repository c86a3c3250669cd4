"""The steps of an export: make, write, compare, tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import click

from spinal_tf.cli.quiet import quiet_stderr
from spinal_tf.serving.bare import BareFormat, export_bare, require_runtime
from spinal_tf.serving.export import (
    ServedModel,
    export_saved_model,
    serve_classifier,
    serve_pipeline,
    serve_segmenter,
)
from spinal_tf.serving.network import Precision
from spinal_tf.serving.parity import compare_with_command_line
from spinal_tf.serving.server_files import write_server_files
from spinal_tf.taxonomy import task_named

Format = Literal["savedmodel", "litert", "onnx"]


class ExportSession:
    """Exports from one folder of weights into one folder of models."""

    def __init__(self, weights: Path, models: Path) -> None:
        """Remember the folders; nothing is read yet."""
        self._weights, self._models = weights, models

    def segmenter(self, *, version: int | None, precision: Precision, form: Format) -> None:
        """Export the segmenter."""
        self._export(lambda kept: serve_segmenter(self._weights, kept), version, precision, form)

    def classifier(self, task: str, *, version: int | None, precision: Precision, form: Format) -> None:
        """Export the classifier of one task."""
        self._export(lambda kept: serve_classifier(self._weights, task_named(task), kept), version, precision, form)

    def pipeline(self, *, version: int | None, precision: Precision) -> None:
        """Export all four networks as one model."""
        self._export(lambda kept: serve_pipeline(self._weights, kept), version, precision, "savedmodel")

    def _export(
        self, make: Callable[[Precision], ServedModel], version: int | None, precision: Precision, form: Format
    ) -> None:
        with quiet_stderr():
            if form == "savedmodel":
                lines = self._served(make(precision), version)
            else:
                require_runtime(form, precision)
                lines = self._bare(make("float32"), version, precision, form)
        for line in lines:
            click.echo(line)

    def _served(self, model: ServedModel, version: int | None) -> list[str]:
        exported = export_saved_model(model, self._weights, self._models, version=version)
        parity = compare_with_command_line(exported.folder, model.name, self._weights)
        files = write_server_files(self._models, model.name)
        return [
            f"{exported.folder}: {_size(exported.size_bytes)}, {model.precision}",
            f"  signatures {', '.join(signature.name for signature in model.signatures)}",
            f"  differs from the command line on a made-up volume: {parity}",
            *(f"  wrote {file}" for file in files),
        ]

    def _bare(self, model: ServedModel, version: int | None, precision: Precision, form: BareFormat) -> list[str]:
        exported = export_bare(model, self._weights, self._models, form, version=version, precision=precision)
        return [
            f"{exported.folder}: {_size(exported.size_bytes)}, {form}, {precision}, the bare network alone",
            f"  differs from TensorFlow on a made-up input: probabilities of {exported.lowest:.2g} to "
            f"{exported.highest:.2g} by up to {exported.difference:.1e}",
        ]


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
