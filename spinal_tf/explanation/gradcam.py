"""Grad-CAM: what in a tile speaks for a class.

A class's map is the sum of the last convolution's channels, each weighted by the mean gradient of the class's logit,
negative values cut (Selvaraju et al., ICCV 2017). tf-keras-vis is the reference; the graph method computes the same
with one forward pass and the gradient of the head alone, and gives the probabilities of that pass as well.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import cv2
import numpy as np

from spinal_tf.checkpoints.weight_files import Weights, by_variable, weights_of
from spinal_tf.engine import tensorflow_device, weightless_graph
from spinal_tf.networks.network_spec import LOGITS, POOLING
from spinal_tf.preprocess import from_input
from spinal_tf.slices import Tiles

if TYPE_CHECKING:
    import keras

TILES_PER_CALL = 16
"""Bounds the memory of one call, of the reference method above all, which keeps every activation of the network."""

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
    """

    probabilities: np.ndarray
    maps: np.ndarray


def explain(
    model: keras.Model,
    images: np.ndarray,
    *,
    class_index: ClassChoice,
    method: Literal["graph", "tf-keras-vis"] = "graph",
) -> Explanation:
    """Classify tiles and say where the evidence for a class lies.

    Args:
        model: from `build_densenet`; one of another precision is rebuilt in float32 first.
        images: float32 (n, rows, columns, 3), n at least 1.
        class_index: the class to explain: 0, 1, or a function that picks it from the probabilities.
        method: ``tf-keras-vis`` is the reference, at five times the cost.

    Raises:
        ValueError: there is no tile, or no such method.
    """
    if not len(images):
        raise ValueError("no tiles, nothing to explain")
    if method == "graph":
        return GraphExplainer(model)(images, class_index=class_index)
    if method == "tf-keras-vis":
        rebuilt = _in_float32(model)
        if rebuilt is not model:
            rebuilt.set_weights(model.get_weights())
        return _explain_by_reference(rebuilt, images, class_index)
    raise ValueError(f"method {method!r} is neither 'graph' nor 'tf-keras-vis'")


class Explainer(Protocol):
    """A classifier ready to run and to explain itself. Where it runs is its own affair."""

    def __call__(self, images: np.ndarray, *, class_index: ClassChoice) -> Explanation:
        """Explain tiles; see `explain`."""


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

        self._device = tensorflow_device(device)
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

        with tf.device(self._device):
            return [tf.constant(value, tf.float32) for _, value in by_variable(self.model, weights)]

    def __call__(self, images: np.ndarray, *, class_index: ClassChoice) -> Explanation:
        """Explain tiles; see `explain`."""
        import tensorflow as tf

        with tf.device(self._device):
            calls = [self._graph(tf.constant(batch, tf.float32), self._values) for batch in _batches(images)]
        probabilities = np.concatenate([call[0].numpy() for call in calls])
        raw_maps = np.concatenate([call[1].numpy() for call in calls])
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
    chosen = raw_maps[..., _chosen(class_index, probabilities)]
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


def _explain_by_reference(model: keras.Model, images: np.ndarray, class_index: ClassChoice) -> Explanation:
    import keras
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils.scores import CategoricalScore

    answers = [model(batch, training=False).numpy() for batch in _batches(images)]
    probabilities = np.concatenate(answers)
    score = CategoricalScore(_chosen(class_index, probabilities))
    # Cut at the logits instead of ReplaceToLinear, which passes over a Softmax layer without a word.
    cam = Gradcam(keras.Model(model.inputs, model.get_layer(LOGITS).output))
    last_convolution = _layer_before_pooling(model)
    # Left to seek a convolution, it would take the last one of DenseNet121's growth: 32 channels, another map.
    layer = {"penultimate_layer": last_convolution, "seek_penultimate_conv_layer": False}
    raw_maps = [cam(score, batch, **layer, expand_cam=False, normalize_cam=False) for batch in _batches(images)]
    maps = enlarge(np.concatenate(raw_maps).astype(np.float32), images.shape[1:3])
    return Explanation(probabilities=probabilities, maps=scale(maps))


def _layer_before_pooling(model: keras.Model) -> str:
    features_tensor = model.get_layer(POOLING).input
    return next(str(layer.name) for layer in model.layers if layer.output is features_tensor)


def _in_float32(model: keras.Model) -> keras.Model:
    """The model itself where it computes in float32, else its structure rebuilt to do so, without its weights."""
    import keras

    if all(layer.compute_dtype == "float32" for layer in model.layers):
        return model

    def rebuild(layer: keras.Layer) -> keras.Layer:
        return type(layer).from_config({**layer.get_config(), "dtype": "float32"})

    return keras.models.clone_model(model, clone_function=rebuild)


def _batches(images: np.ndarray) -> list[np.ndarray]:
    return [images[start : start + TILES_PER_CALL] for start in range(0, len(images), TILES_PER_CALL)]


def _chosen(class_index: ClassChoice, probabilities: np.ndarray) -> int:
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
