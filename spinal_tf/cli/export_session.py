"""The steps of an export: make, write, compare, tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import click

from spinal_tf.cli.quiet import quiet_stderr
from spinal_tf.serving.bare import BareFormat, export_bare, require_runtime
from spinal_tf.serving.network import Precision
from spinal_tf.serving.parity import CommandLine
from spinal_tf.serving.server_files import write_server_files
from spinal_tf.serving.write_export import (
    ServedModel,
    export_saved_model,
    serve_classifiers,
    serve_pipeline,
    serve_segmenter,
)
from spinal_tf.taxonomy import tree

Format = Literal["savedmodel", "litert", "onnx"]


class ExportSession:
    """Exports from one folder of weights into one folder of models."""

    def __init__(self, weights: Path, models: Path) -> None:
        """Remember the folders; nothing is read yet."""
        self._weights, self._models = weights, models

    def segmenter(self, *, version: int | None, precision: Precision, form: Format) -> None:
        """Export the segmenter."""
        local = CommandLine(self._weights)
        self._export(lambda kept: [serve_segmenter(self._weights, kept)], local, version, precision, form)

    def classifiers(self, names: Sequence[str], *, version: int | None, precision: Precision, form: Format) -> None:
        """Export the classifiers of some tasks."""
        tasks = [tree().task(name) for name in names]
        local = CommandLine(self._weights, tasks)
        self._export(lambda kept: serve_classifiers(self._weights, tasks, kept), local, version, precision, form)

    def pipeline(self, *, version: int | None, precision: Precision) -> None:
        """Export all networks as one model."""
        local = CommandLine(self._weights)
        self._export(lambda kept: [serve_pipeline(self._weights, kept)], local, version, precision, "savedmodel")

    def _export(
        self,
        make: Callable[[Precision], Sequence[ServedModel]],
        local: CommandLine,
        version: int | None,
        precision: Precision,
        form: Format,
    ) -> None:
        if form != "savedmodel":
            require_runtime(form, precision)
        with quiet_stderr():
            models = make(precision if form == "savedmodel" else "float32")
        for model in models:
            with quiet_stderr():
                if form == "savedmodel":
                    lines = self._served(model, local, version)
                else:
                    lines = self._bare(model, version, precision, form)
            for line in lines:
                click.echo(line)

    def _served(self, model: ServedModel, local: CommandLine, version: int | None) -> list[str]:
        exported = export_saved_model(model, self._weights, self._models, version=version)
        parity = local.compare(exported.folder, model.name)
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
