"""Explanations by tf-keras-vis: each of its methods gives raw maps, all else is shared with our own Grad-CAM.

Probabilities are those of our graph, so the answer does not depend on how it is explained. Raw maps are enlarged by
`spinal_tf.explanation.gradcam.enlarge`: what tf-keras-vis enlarges itself is moved outwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spinal_tf.checkpoints.weight_files import Weights, by_variable
from spinal_tf.explanation.gradcam import (
    ClassChoice,
    Explanation,
    GraphExplainer,
    chosen_class,
    enlarge,
    float32_copy,
    in_parts,
    scale,
)
from spinal_tf.map_methods import MapMethod
from spinal_tf.networks.network_spec import LOGITS, POOLING

if TYPE_CHECKING:
    import keras


class CutNetwork:
    """A classifier cut at its logits, in float32; networks that differ in their weights alone share it.

    tf-keras-vis' ``ReplaceToLinear`` passes over a ``Softmax`` layer without a word, so the model is cut instead.

    Attributes:
        logits: the model to visualize.
        last_convolution: arguments that name its last convolution's output. Left to seek one, tf-keras-vis would take
            the last of DenseNet121's growth: 32 channels, another map.
    """

    def __init__(self, model: keras.Model, *, device: str) -> None:
        """Copy a model's structure.

        Args:
            model: from `build_densenet`; its variables need no values.
            device: TensorFlow's name of it.
        """
        import keras
        import tensorflow as tf

        pooled = model.get_layer(POOLING).input
        layer = next(layer.name for layer in model.layers if layer.output is pooled)
        self.last_convolution = {"penultimate_layer": layer, "seek_penultimate_conv_layer": False}
        with tf.device(device):
            self._copy = float32_copy(model)
        self.logits = keras.Model(self._copy.inputs, self._copy.get_layer(LOGITS).output)
        self._held: Weights | None = None

    def hold(self, weights: Weights) -> None:
        """Give the variables these values."""
        if weights is not self._held:
            for variable, value in by_variable(self._copy, weights):
                variable.assign(value)
            self._held = weights


@dataclass(frozen=True, kw_only=True)
class VisMethod:
    """A method of tf-keras-vis.

    Attributes:
        name: how it is chosen.
        raw_maps: of a network, tf-keras-vis' score of the class to explain, and tiles: float (n, rows, columns), not
            negative, of any size.
        passes: forward passes of the network that the maps of one tile cost, about, on a CPU.
        tiles_per_call: bounds the memory of one call.
    """

    name: MapMethod
    raw_maps: Callable[[CutNetwork, Any, np.ndarray], np.ndarray]
    passes: int
    tiles_per_call: int


class VisExplainer:
    """A classifier ready to run and to be explained by tf-keras-vis; see `spinal_tf.explanation.gradcam.Explainer`."""

    def __init__(self, graph: GraphExplainer, method: VisMethod, *, network: CutNetwork | None = None) -> None:
        """Make the network that tf-keras-vis wants.

        Args:
            graph: gives the probabilities, and has the weights.
            method: gives the maps.
            network: of the same structure, if there is one already.
        """
        self.model, self.weights = graph.model, graph.weights
        self._graph, self._method = graph, method
        self._network = network or CutNetwork(graph.model, device=graph.device)

    def with_weights(self, weights: Weights) -> VisExplainer:
        """The same network with other weights; nothing is built again."""
        return VisExplainer(self._graph.with_weights(weights), self._method, network=self._network)

    def __call__(self, images: np.ndarray, *, class_index: ClassChoice) -> Explanation:
        """Explain tiles; see `spinal_tf.explanation.gradcam.GraphExplainer`."""
        import tensorflow as tf
        from tf_keras_vis.utils.scores import CategoricalScore

        probabilities, _ = self._graph.answers(images)
        score = CategoricalScore(chosen_class(class_index, probabilities))
        with tf.device(self._graph.device):
            self._network.hold(self.weights)
            parts = in_parts(images, self._method.tiles_per_call)
            raw_maps = np.concatenate([self._method.raw_maps(self._network, score, part) for part in parts])
        rows, columns = images.shape[1:3]
        maps = scale(enlarge(raw_maps.astype(np.float32), (rows, columns)))
        return Explanation(probabilities=probabilities, maps=maps, method=self._method.name)
