"""Exports a weights folder to a version that TensorFlow Serving can load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from spinal_tf import __version__
from spinal_tf.checkpoints.manifest import Checkpoint
from spinal_tf.errors import WeightsError
from spinal_tf.models import SEGMENTER, classifier_checkpoints, named_checkpoint, require_same_classes
from spinal_tf.serving.anatomy_graph import anatomy_signatures
from spinal_tf.serving.classifier_graph import classifier_signatures
from spinal_tf.serving.describe import describe_signature
from spinal_tf.serving.export_options import Precision
from spinal_tf.serving.names import PIPELINE
from spinal_tf.serving.network import ServedNetwork, serve_networks
from spinal_tf.serving.saved_model import (
    folder_bytes,
    write_extra,
    write_saved_model,
    write_sums,
    write_warm_up,
)
from spinal_tf.serving.segmenter_graph import segmenter_signatures
from spinal_tf.serving.signature import Signature
from spinal_tf.serving.versions import new_version
from spinal_tf.serving.whole_pipeline import ServedPipeline, pipeline_signatures
from spinal_tf.structures import ANATOMY
from spinal_tf.taxonomy import Task


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """A model that is ready for export.

    Attributes:
        name: name on the server.
        networks: networks whose weights it holds.
        signatures: signatures of the model.
    """

    name: str
    precision: Precision
    networks: Sequence[ServedNetwork]
    signatures: Sequence[Signature]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A written version."""

    folder: Path
    size_bytes: int


def serve_segmenter(weights: Path, precision: Precision = "float32") -> ServedModel:
    """Load the segmenter of a weights folder for an export.

    Raises:
        WeightsError: the segmenter is missing or damaged.
    """
    [network] = serve_networks(weights, [named_checkpoint(weights, SEGMENTER)], precision)
    return _served(SEGMENTER, precision, [network], segmenter_signatures(network))


def serve_anatomy(weights: Path, precision: Precision = "float32") -> ServedModel:
    """Load the anatomy network of a weights folder for an export.

    Raises:
        WeightsError: the folder has no anatomy network, or a damaged one.
    """
    [network] = serve_networks(weights, [named_checkpoint(weights, ANATOMY)], precision)
    return _served(ANATOMY, precision, [network], anatomy_signatures(network))


def serve_classifiers(weights: Path, tasks: Sequence[Task], precision: Precision = "float32") -> list[ServedModel]:
    """Load the classifiers of some tasks for an export. Networks of the same structure share their graphs.

    Raises:
        WeightsError: a classifier is missing or damaged, or was trained with other classes.
    """
    checkpoints = [named_checkpoint(weights, task.name) for task in tasks]
    for task, checkpoint in zip(tasks, checkpoints, strict=True):
        require_same_classes(checkpoint, task, source=str(weights))
    networks = serve_networks(weights, checkpoints, precision)
    return [
        _served(network.checkpoint.name, precision, [network], classifier_signatures(network)) for network in networks
    ]


def serve_pipeline(weights: Path, precision: Precision = "float32") -> ServedModel:
    """Load segmenter and classifiers of a weights folder for an export as one model, which sees whole slices.

    Raises:
        WeightsError: a network is missing or damaged, or the classifiers need tiles of different sizes.
    """
    checkpoints = [named_checkpoint(weights, SEGMENTER), *classifier_checkpoints(weights)]
    networks = serve_networks(weights, checkpoints, precision)
    pipeline = ServedPipeline(segmenter=networks[0], classifiers=networks[1:])
    return _served(PIPELINE, precision, networks, pipeline_signatures(pipeline))


def _served(
    name: str, precision: Precision, networks: Sequence[ServedNetwork], signatures: Sequence[Signature]
) -> ServedModel:
    described = [*signatures, describe_signature(name, precision, networks)]
    return ServedModel(name=name, precision=precision, networks=networks, signatures=described)


def export_saved_model(model: ServedModel, weights: Path, models: Path, *, version: int | None = None) -> Exported:
    """Write a version, whole or not at all.

    Args:
        model: model to write.
        weights: folder of its weights, for the model cards.
        models: folder of all models; the version is written to ``models/NAME/VERSION``.
        version: version number; None takes the next free one.

    Raises:
        OutputError: the version exists, or the folder cannot be written to.
        WeightsError: a model card is missing.
    """
    cards = model_cards(model, weights)
    variables = [variable for network in model.networks for variable in network.variables]
    with new_version(models, model.name, version) as (temporary, target):
        write_saved_model(temporary, model.signatures, variables)
        write_warm_up(temporary, model.name, model.signatures)
        write_extra(temporary, description(model, int(target.name)), cards)
        write_sums(temporary)
        size_bytes = folder_bytes(temporary)
    return Exported(folder=target, size_bytes=size_bytes)


def description(model: ServedModel, version: int) -> dict[str, Any]:
    """Return a JSON-serializable record of a version, for clients and auditors."""
    return {
        "model": model.name,
        "version": version,
        "precision": model.precision,
        "written_by": {"spinal-tf": __version__, "tensorflow": tf.__version__},
        "weights": {network.checkpoint.name: network.checkpoint.to_dict() for network in model.networks},
        "signatures": {signature.name: signature.to_dict() for signature in model.signatures},
    }


def model_cards(model: ServedModel, weights: Path) -> dict[str, str]:
    """Return the model cards of a model's networks, by file name.

    Raises:
        WeightsError: a model card cannot be read.
    """
    return {network.checkpoint.card: _card(weights, network.checkpoint) for network in model.networks}


def _card(weights: Path, checkpoint: Checkpoint) -> str:
    path = weights / checkpoint.card
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise WeightsError(
            f"{path}: the model card cannot be read ({error.strerror}), and a served model must say what it was "
            "trained on; put it there, or name other weights with --weights"
        ) from error
