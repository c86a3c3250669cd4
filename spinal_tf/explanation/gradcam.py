"""Grad-CAM: evidence for a class in a tile.

A class's map is the sum of the last convolution's channels, each weighted by the mean gradient of the class's logit,
with negative values set to zero (Selvaraju et al., ICCV 2017). The graph takes one forward pass and the gradient of
the head only, and also returns the probabilities of that pass. Its raw maps equal those of the reference, tf-keras-vis.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from spinal_tf.checkpoints.weight_files import Weights, by_variable, weights_of
from spinal_tf.engine import tensorflow_device, weightless_graph
from spinal_tf.map_methods import MapMethod
from spinal_tf.networks.network_spec import LOGITS, POOLING
from spinal_tf.preprocess import from_input
from spinal_tf.slices import Tiles

if TYPE_CHECKING:
    import keras

TILES_PER_CALL = 16
"""Maximum number of tiles in one call, to limit memory."""

NORMALISATION_EPSILON = 1e-7
"""Added to a map's range before dividing by it, as tf-keras-vis does (Keras' epsilon)."""

ClassChoice = int | Callable[[np.ndarray], int]
"""A class, or a function that selects it from the (n, 2) probabilities of all tiles."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A classifier's prediction for tiles, and its heat maps.

    Attributes:
        probabilities: class probabilities, float32 (n, 2).
        maps: float32 (n, rows, columns) in the size of the tiles, each scaled to 0 to 1 (see `scale`); all zero if
            nothing in the tile is evidence for the class.
        method: method that made the maps.
    """

    probabilities: np.ndarray
    maps: np.ndarray
    method: MapMethod = MapMethod.GRADCAM


class Explainer(Protocol):
    """Interface of a classifier that predicts and explains tiles, locally or on a server."""

    def __call__(self, images: np.ndarray, *, class_index: ClassChoice) -> Explanation:
        """Classify tiles and locate the evidence for a class; see `GraphExplainer`."""


class WeightedExplainer(Explainer, Protocol):
    """Interface of an explainer on this machine whose weights can be replaced.

    Attributes:
        model: structure of the network; the variables need no values.
        weights: weights in use.
    """

    @property
    def model(self) -> keras.Model: ...  # noqa: D102

    @property
    def weights(self) -> Weights: ...  # noqa: D102

    def with_weights(self, weights: Weights) -> WeightedExplainer:
        """Return the same network with other weights."""


class GraphExplainer:
    """Grad-CAM as a graph, traced once for all cases and for all networks that differ only in their weights."""

    def __init__(self, model: keras.Model, *, weights: Weights | None = None, device: str = "cpu") -> None:
        """Trace the model.

        Args:
            model: model from `build_densenet`; a model of another precision is rebuilt in float32 first.
            weights: weights to use instead of the model's own, whose variables then need no values.
            device: ``cpu``, ``gpu`` (the first one) or ``gpu:N``.

        Raises:
            DeviceError: this machine has no such device.
        """
        import keras

        self.device = tensorflow_device(device)
        self.model = model
        with keras.StatelessScope(initialize_variables=False):
            self._graph = _cam_graph(_in_float32(model))
        self._values = self._tensors(weights_of(model) if weights is None else weights)

    def with_weights(self, weights: Weights) -> GraphExplainer:
        """Return the same network with other weights, without tracing again."""
        other = copy.copy(self)
        other._values = self._tensors(weights)
        return other

    @property
    def weights(self) -> Weights:
        """Copy of the weights in use."""
        values = iter(self._values)
        layers = [layer for layer in self.model.layers if layer.weights]
        return {layer.name: tuple(next(values).numpy() for _ in layer.weights) for layer in layers}

    def _tensors(self, weights: Weights) -> list[Any]:
        import tensorflow as tf

        with tf.device(self.device):
            return [tf.constant(value, tf.float32) for _, value in by_variable(self.model, weights)]

    def answers(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute probabilities, float32 (n, 2), and each class's raw map, float32 (n, rows, columns, 2).

        Args:
            images: float32 (n, rows, columns, 3).

        Raises:
            ValueError: ``images`` is empty.
        """
        import tensorflow as tf

        if not len(images):
            raise ValueError("no tiles, nothing to explain")
        with tf.device(self.device):
            parts = in_parts(images, TILES_PER_CALL)
            calls = [self._graph(tf.constant(part, tf.float32), self._values) for part in parts]
        return np.concatenate([call[0].numpy() for call in calls]), np.concatenate([call[1].numpy() for call in calls])

    def __call__(self, images: np.ndarray, *, class_index: ClassChoice) -> Explanation:
        """Classify tiles and locate the evidence for a class.

        Args:
            images: float32 (n, rows, columns, 3), n at least 1.
            class_index: class to explain: 0, 1, or a function that selects it from the probabilities.

        Raises:
            ValueError: ``images`` is empty.
        """
        probabilities, raw_maps = self.answers(images)
        rows, columns = images.shape[1:3]
        return explanation(probabilities, raw_maps, class_index=class_index, shape=(rows, columns))


def explanation(
    probabilities: np.ndarray, raw_maps: np.ndarray, *, class_index: ClassChoice, shape: tuple[int, int]
) -> Explanation:
    """Make an explanation from a network's output.

    Args:
        probabilities: float32 (n, 2).
        raw_maps: float32 (n, rows, columns, 2), see `cam_function`.
        class_index: class to explain.
        shape: rows and columns of the tiles.
    """
    chosen = raw_maps[..., chosen_class(class_index, probabilities)]
    return Explanation(probabilities=probabilities, maps=scale(enlarge(chosen, shape)))


def _cam_graph(model: keras.Model) -> Callable[[Any, Any], Any]:
    return weightless_graph(model, cam_function(model))


def cam_function(model: keras.Model) -> Callable[[Any], tuple[Any, Any]]:
    """Return Grad-CAM as a function, to be traced in a `keras.StatelessScope` that holds the weights.

    The trunk runs outside the tape: only the head, after the last convolution, is differentiated.

    Args:
        model: model from `build_densenet`; its variables need no values.

    Returns:
        A function from a tensor of tiles to their probabilities, float32 (n, 2), and each class's raw map, float32
        (n, rows, columns, 2).
    """
    import keras
    import tensorflow as tf

    features_tensor = model.get_layer(POOLING).input
    trunk = keras.Model(model.inputs, features_tensor)
    head = keras.Model(features_tensor, [model.get_layer(LOGITS).output, model.outputs[0]])

    def probabilities_and_maps(tiles: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features = tf.cast(trunk(tiles, training=False), tf.float32)
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(features)
            logits, probabilities = head(features, training=False)
            scores = tf.unstack(logits, axis=-1)
        gradients = [tape.gradient(score, features) for score in scores]
        weights = [tf.reduce_mean(gradient, axis=(1, 2), keepdims=True) for gradient in gradients]
        maps = [tf.nn.relu(tf.reduce_sum(features * weight, axis=-1)) for weight in weights]
        return probabilities, tf.stack(maps, axis=-1)

    return probabilities_and_maps


def _in_float32(model: keras.Model) -> keras.Model:
    """Return the model if it computes in float32, otherwise a float32 copy."""
    return model if all(layer.compute_dtype == "float32" for layer in model.layers) else float32_copy(model)


def float32_copy(model: keras.Model) -> keras.Model:
    """Rebuild a model's structure in float32, without its weights."""
    import keras

    def rebuild(layer: keras.Layer) -> keras.Layer:
        return type(layer).from_config({**layer.get_config(), "dtype": "float32"})

    return keras.models.clone_model(model, clone_function=rebuild)


def in_parts(images: np.ndarray, count: int) -> list[np.ndarray]:
    """Split tiles into parts of at most ``count``."""
    return [images[start : start + count] for start in range(0, len(images), count)]


def chosen_class(class_index: ClassChoice, probabilities: np.ndarray) -> int:
    """Return the class to explain."""
    return class_index(probabilities) if callable(class_index) else class_index


def enlarge(maps: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Enlarge raw maps to the size of the tiles, bilinearly.

    Each cell's value is placed at the center of the pixels that it covers: with 8 x 8 cells on 256 x 256 pixels, at the
    center of 32 x 32. tf-keras-vis aligns corner cells with corner pixels instead, which shifts cells outward by up to
    16 pixels.

    Args:
        maps: float32 (n, rows, columns).
        shape: target rows and columns.

    Returns:
        float32 (n, *shape).
    """
    enlarged = np.empty((len(maps), *shape), np.float32)
    for cells, pixels in zip(maps, enlarged, strict=True):
        pixels[...] = cv2.resize(cells, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return enlarged


def scale(maps: np.ndarray) -> np.ndarray:
    """Scale each map to 0 to 1: (x - min) / (max - min + 1e-7), as tf-keras-vis does; a constant map becomes zero.

    Args:
        maps: (n, rows, columns).
    """
    lowest = maps.min(axis=(1, 2), keepdims=True)
    extent = maps.max(axis=(1, 2), keepdims=True) - lowest
    scaled: np.ndarray = ((maps - lowest) / (extent + NORMALISATION_EPSILON)).astype(np.float32)
    return scaled


def heatmap_volume(maps: np.ndarray, tiles: Tiles, shape: tuple[int, int, int]) -> np.ndarray:
    """Resample the tiles' maps to the grid of the volume.

    Args:
        maps: (n, rows, columns) in the size of the tiles, 0 to 1.
        tiles: tiles that the maps explain.
        shape: shape of the volume.

    Returns:
        float32 of that shape, 0 to 1; zero on slices without a tile.
    """
    heatmap = np.zeros(shape, np.float32)
    heatmap[list(tiles.slices)] = from_input(maps, tiles.placement)
    return heatmap
