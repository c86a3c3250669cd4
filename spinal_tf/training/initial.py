"""Initial weights: random, from a file, or from ImageNet."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from spinal_tf.checkpoints.weight_files import Weights, assign_weights, decode_foreign, weight_shapes
from spinal_tf.errors import WeightsError
from spinal_tf.networks.network_spec import CORD_LOGITS, NetworkSpec
from spinal_tf.training.plans import Initial

DOWNLOAD = "download"
"""Used instead of a file name: Keras downloads the weights from its own server."""


def set_initial_weights(model: keras.Model, initial: Initial, spec: NetworkSpec) -> None:
    """Put the initial weights into a model.

    Args:
        model: changed in place.
        initial: source of the weights.
        spec: specification of the model's network.

    Raises:
        WeightsError: the file cannot be read or belongs to another network, or the network has no ImageNet weights.
    """
    if initial.imagenet is not None:
        _set_imagenet(model, initial.imagenet, spec)
    if initial.weights is not None:
        source = str(initial.weights)
        weights = decode_foreign(_read(initial.weights), source=source)
        assign_weights(model, _widened(model, weights), source=source)


def _widened(model: keras.Model, weights: Weights) -> Weights:
    """Extend weights of a single-slice network, or of one without a cord output, to the model's layers.

    Kernels for neighboring slices start at zero; the cord layer keeps its random weights.
    """
    shapes, widened = weight_shapes(model), dict(weights)
    if CORD_LOGITS in shapes and CORD_LOGITS not in widened:
        widened[CORD_LOGITS] = tuple(model.get_layer(CORD_LOGITS).get_weights())
    for name, (kernel, *others) in weights.items():
        wanted = shapes.get(name, ((),))[0]
        if kernel.ndim == 4 and kernel.shape[2] == 1 and wanted == (*kernel.shape[:2], 3, kernel.shape[3]):
            widened[name] = (np.pad(kernel, ((0, 0), (0, 0), (1, 1), (0, 0))), *others)
    return widened


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); check --initial-weights") from error


def _set_imagenet(model: keras.Model, source: str, spec: NetworkSpec) -> None:
    """Copy the layers up to the last convolution; the head stays random.

    The tile's channels are not colors, and the color scaling of the ImageNet weights is not applied: the weights only
    serve as a starting point.
    """
    if spec.imagenet is None:
        raise WeightsError(f"{spec.title} has no ImageNet weights; leave --imagenet out")
    try:
        base = spec.imagenet(
            include_top=False, weights="imagenet" if source == DOWNLOAD else source, input_shape=(None, None, 3)
        )
    except (OSError, ValueError) as error:
        remedy = "check --imagenet" if source != DOWNLOAD else "download it elsewhere and name the file with --imagenet"
        raise WeightsError(f"{source}: ImageNet weights cannot be read ({error}); {remedy}") from error
    names = {layer.name for layer in model.layers}
    for layer in base.layers:
        if layer.name in names and layer.weights:
            model.get_layer(layer.name).set_weights(layer.get_weights())
