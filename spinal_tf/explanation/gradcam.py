"""Grad-CAM: what in a tile speaks for a class.

A class's map is the sum of the last convolution's channels, each weighted by the mean gradient of the class's logit,
negative values cut (Selvaraju et al., ICCV 2017). The graph takes one forward pass and the gradient of the head alone,
and gives the probabilities of that pass as well; its raw maps are those of tf-keras-vis, the reference.
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
"""Bounds the memory of one call."""

NORMALISATION_EPSILON = 1e-7
"""Added to a map's range before dividing by it, as tf-keras-vis does (Keras' epsilon)."""

ClassChoice = int | Callable[[np.ndarray], int]
"""A class, or a function that picks it from the (n, 2) probabilities of all tiles."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A classifier's answer on some tiles, and why.

    Attributes:
        probabilities: float32 (n, 2).
        maps: float32 (n, rows, columns) in the size of the tiles, each scaled to 0 to 1 (see `scale`); all zero where
            nothing in the tile speaks for the class.
        method: that made the maps.
    """

    probabilities: np.ndarray
    maps: np.ndarray
    method: MapMethod = MapMethod.GRADCAM


class Explainer(Protocol):
    """A classifier ready to run and to explain itself. Where it runs is its own affair."""

    def __call__(self, images: np.ndarray, *, class_index: ClassChoice) -> Explanation:
        """Classify tiles and say where the evidence for a class lies; see `GraphExplainer`."""


class WeightedExplainer(Explainer, Protocol):
    """An explainer on this machine, whose weights can be exchanged.

    Attributes:
        model: the structure of its network; the variables need no values.
        weights: in use.
    """

    @property
    def model(self) -> keras.Model: ...  # noqa: D102

    @property
    def weights(self) -> Weights: ...  # noqa: D102

    def with_weights(self, weights: Weights) -> WeightedExplainer:
        """The same network with other weights."""


class GraphExplainer:
    """The graph method, traced once for any number of cases, and of networks that differ in their weights alone."""

    def __init__(self, model: keras.Model, *, weights: Weights | None = None, device: str = "cpu") -> None:
        """Trace the model.

        Args:
            model: from `build_densenet`; one of another precision is rebuilt in float32 first.
            weights: instead of the model's own; its variables need no values then.
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
        """The same network with other weights; nothing is traced again."""
        other = copy.copy(self)
        other._values = self._tensors(weights)
        return other

    @property
    def weights(self) -> Weights:
        """A copy of the weights in use."""
        values = iter(self._values)
        layers = [layer for layer in self.model.layers if layer.weights]
        return {layer.name: tuple(next(values).numpy() for _ in layer.weights) for layer in layers}

    def _tensors(self, weights: Weights) -> list[Any]:
        import tensorflow as tf

        with tf.device(self.device):
            return [tf.constant(value, tf.float32) for _, value in by_variable(self.model, weights)]

    def answers(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities, float32 (n, 2), and every class's raw map, float32 (n, rows, columns, 2).

        Args:
            images: float32 (n, rows, columns, 3).

        Raises:
            ValueError: there is no tile.
        """
        import tensorflow as tf

        if not len(images):
            raise ValueError("no tiles, nothing to explain")
        with tf.device(self.device):
            parts = in_parts(images, TILES_PER_CALL)
            calls = [self._graph(tf.constant(part, tf.float32), self._values) for part in parts]
        return np.concatenate([call[0].numpy() for call in calls]), np.concatenate([call[1].numpy() for call in calls])

    def __call__(self, images: np.ndarray, *, class_index: ClassChoice) -> Explanation:
        """Classify tiles and say where the evidence for a class lies.

        Args:
            images: float32 (n, rows, columns, 3), n at least 1.
            class_index: the class to explain: 0, 1, or a function that picks it from the probabilities.

        Raises:
            ValueError: there is no tile.
        """
        probabilities, raw_maps = self.answers(images)
        rows, columns = images.shape[1:3]
        return explanation(probabilities, raw_maps, class_index=class_index, shape=(rows, columns))


def explanation(
    probabilities: np.ndarray, raw_maps: np.ndarray, *, class_index: ClassChoice, shape: tuple[int, int]
) -> Explanation:
    """What follows from a network's answer.

    Args:
        probabilities: float32 (n, 2).
        raw_maps: float32 (n, rows, columns, 2), see `cam_function`.
        class_index: the class to explain.
        shape: rows and columns of the tiles.
    """
    chosen = raw_maps[..., chosen_class(class_index, probabilities)]
    return Explanation(probabilities=probabilities, maps=scale(enlarge(chosen, shape)))


def _cam_graph(model: keras.Model) -> Callable[[Any, Any], Any]:
    return weightless_graph(model, cam_function(model))


def cam_function(model: keras.Model) -> Callable[[Any], tuple[Any, Any]]:
    """The graph method, to be traced in a `keras.StatelessScope` that holds the weights.

    The trunk runs outside the tape: only the head, behind the last convolution, is differentiated.

    Args:
        model: from `build_densenet`; its variables need no values.

    Returns:
        A function from a tensor of tiles to their probabilities, float32 (n, 2), and every class's raw map, float32
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
    """The model itself where it computes in float32, else its copy that does so."""
    return model if all(layer.compute_dtype == "float32" for layer in model.layers) else float32_copy(model)


def float32_copy(model: keras.Model) -> keras.Model:
    """A model's structure built again to compute in float32, without its weights."""
    import keras

    def rebuild(layer: keras.Layer) -> keras.Layer:
        return type(layer).from_config({**layer.get_config(), "dtype": "float32"})

    return keras.models.clone_model(model, clone_function=rebuild)


def in_parts(images: np.ndarray, count: int) -> list[np.ndarray]:
    """Tiles, so many at a time."""
    return [images[start : start + count] for start in range(0, len(images), count)]


def chosen_class(class_index: ClassChoice, probabilities: np.ndarray) -> int:
    """The class to explain."""
    return class_index(probabilities) if callable(class_index) else class_index


def enlarge(maps: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Enlarge raw maps to the size of the tiles, bilinearly.

    Each cell's value lies in the middle of the pixels that the cell stands for: of 8 x 8 cells on 256 x 256 pixels, in
    the middle of 32 x 32. tf-keras-vis puts the corner cells on the corner pixels instead, which moves cells outwards
    by up to 16 pixels.

    Args:
        maps: float32 (n, rows, columns).
        shape: rows and columns wanted.

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
    """Put the tiles' maps back on the grid of the volume.

    Args:
        maps: (n, rows, columns) in the size of the tiles, 0 to 1.
        tiles: the tiles they explain.
        shape: of the volume.

    Returns:
        float32 of that shape, 0 to 1; zero on slices without tile.
    """
    heatmap = np.zeros(shape, np.float32)
    heatmap[list(tiles.slices)] = from_input(maps, tiles.placement)
    return heatmap
