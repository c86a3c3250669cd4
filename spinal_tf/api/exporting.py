"""``spinal_tf.export``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spinal_tf.api.case_images import Weights, as_weights
from spinal_tf.keras_start import our_keras
from spinal_tf.models import SEGMENTER
from spinal_tf.serving.export_options import SAVED_MODEL, BareFormat, ExportOptions, Format, Precision
from spinal_tf.serving.names import PIPELINE
from spinal_tf.serving.versions import require_free
from spinal_tf.structures import ANATOMY
from spinal_tf.taxonomy import tree

if TYPE_CHECKING:
    from spinal_tf.serving.parity import CommandLine
    from spinal_tf.serving.write_export import ServedModel

CLASSIFIERS = "classifiers"
"""Network name that stands for all classifiers."""


@dataclass(frozen=True, kw_only=True)
class ExportedModel:
    """A written version.

    Attributes:
        folder: folder of the version, ``MODELS/NAME/VERSION``.
        size_bytes: total size of its files.
        form: ``savedmodel``, ``litert`` or ``onnx``.
        precision: precision of computation and stored weights.
        signatures: names of the signatures of a saved model.
        difference: difference from this package's own results on a synthetic input, in words.
        files: files for starting a server that were written or changed beside the models.
    """

    folder: Path
    size_bytes: int
    form: Format
    precision: Precision
    signatures: tuple[str, ...]
    difference: str
    files: tuple[Path, ...]


def export(
    folder: str | Path, network: str = PIPELINE, *, weights: Weights = None, options: ExportOptions | None = None
) -> tuple[ExportedModel, ...]:
    """Export networks for TensorFlow Serving with preprocessing inside, or bare for LiteRT and ONNX Runtime.

    Args:
        folder: folder of all models, created if missing; each version is written whole or not at all.
        network: ``pipeline`` for segmenter and classifiers as one model, which sees whole slices; ``segmenter``,
            ``anatomy``, ``classifiers``, or the name of a task.
        weights: a folder, or the result of `load_weights`; None takes ``$SPINAL_TF_WEIGHTS``, or else the bundled ones.
        options: version, precision and format.

    Raises:
        OutputError: the version exists, or the folder cannot be written to.
        WeightsError: the weights are missing or damaged.
        RequirementError: the format needs a package that is not installed, or does not support the precision.
        ValueError: the network name is unknown, or the pipeline is requested in another format than ``savedmodel``.
    """
    return tuple(export_models(Path(folder), network, weights, options or ExportOptions()))


def export_models(folder: Path, network: str, weights: Weights, options: ExportOptions) -> Iterator[ExportedModel]:
    """Export one model after the other; see `export`. The first checks run before TensorFlow is imported."""
    names = _names(network)
    if network == PIPELINE and options.form != SAVED_MODEL:
        raise ValueError(f"the pipeline is a savedmodel only, not {options.form}")
    source = as_weights(weights).folder
    for name in names:
        require_free(folder, name if options.form == SAVED_MODEL else f"{name}-{options.form}", options.version)
    return _exported(folder, network, source, options)


def _names(network: str) -> tuple[str, ...]:
    known = (PIPELINE, SEGMENTER, ANATOMY, CLASSIFIERS, *tree().task_names)
    if network not in known:
        raise ValueError(f"no network is called {network}; the names are {', '.join(known)}")
    return tree().task_names if network == CLASSIFIERS else (network,)


def _exported(folder: Path, network: str, weights: Path, options: ExportOptions) -> Iterator[ExportedModel]:
    with our_keras():
        yield from _each_exported(folder, network, weights, options)


def _each_exported(folder: Path, network: str, weights: Path, options: ExportOptions) -> Iterator[ExportedModel]:
    from spinal_tf.serving.bare import require_runtime
    from spinal_tf.serving.parity import CommandLine

    if options.form != SAVED_MODEL:
        require_runtime(options.form, options.precision)
    tasks = [tree().task(name) for name in _names(network) if name in tree().task_names]
    local = CommandLine(weights, tasks) if tasks else CommandLine(weights)
    for model in _models(network, weights, options.precision if options.form == SAVED_MODEL else "float32"):
        if options.form == SAVED_MODEL:
            yield _saved_model(model, folder, weights, options, local)
        else:
            yield _bare_model(model, folder, weights, options.form, options)


def _models(network: str, weights: Path, precision: Precision) -> list[ServedModel]:
    from spinal_tf.serving.write_export import serve_anatomy, serve_classifiers, serve_pipeline, serve_segmenter

    if network == PIPELINE:
        return [serve_pipeline(weights, precision)]
    if network == SEGMENTER:
        return [serve_segmenter(weights, precision)]
    if network == ANATOMY:
        return [serve_anatomy(weights, precision)]
    return serve_classifiers(weights, [tree().task(name) for name in _names(network)], precision)


def _saved_model(
    model: ServedModel, folder: Path, weights: Path, options: ExportOptions, local: CommandLine
) -> ExportedModel:
    from spinal_tf.serving.server_files import write_server_files
    from spinal_tf.serving.write_export import export_saved_model

    exported = export_saved_model(model, weights, folder, version=options.version)
    return ExportedModel(
        folder=exported.folder,
        size_bytes=exported.size_bytes,
        form=options.form,
        precision=model.precision,
        signatures=tuple(signature.name for signature in model.signatures),
        difference=str(local.compare(exported.folder, model.name)),
        files=tuple(write_server_files(folder, model.name)),
    )


def _bare_model(
    model: ServedModel, folder: Path, weights: Path, form: BareFormat, options: ExportOptions
) -> ExportedModel:
    from spinal_tf.serving.bare import export_bare

    version, precision = options.version, options.precision
    exported = export_bare(model, weights, folder, form, version=version, precision=precision)
    span = f"probabilities of {exported.lowest:.2g} to {exported.highest:.2g}"
    return ExportedModel(
        folder=exported.folder,
        size_bytes=exported.size_bytes,
        form=form,
        precision=precision,
        signatures=(),
        difference=f"{span} by up to {exported.difference:.1e}",
        files=(),
    )
