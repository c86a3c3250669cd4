"""Explanations by tf-keras-vis: its methods compute raw maps; everything else is shared with our own Grad-CAM.

Probabilities come from our graph, so predictions do not depend on the explanation method. Raw maps are enlarged by
`spinal_tf.explanation.gradcam.enlarge`, since tf-keras-vis' own enlargement shifts them outward.
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
from spinal_tf.keras_start import our_keras
from spinal_tf.map_methods import MapMethod
from spinal_tf.networks.network_spec import LOGITS, POOLING

if TYPE_CHECKING:
    import keras


class CutNetwork:
    """A classifier cut at its logits, in float32; networks that differ only in their weights share it.

    tf-keras-vis' ``ReplaceToLinear`` silently ignores a ``Softmax`` layer, so the model is cut instead.

    Attributes:
        logits: model to visualize.
        last_convolution: arguments that name the output of the last convolution. By default, tf-keras-vis would take
            DenseNet121's last growth layer, with 32 channels, and give a different map.
    """

    def __init__(self, model: keras.Model, *, device: str) -> None:
        """Copy a model's structure.

        Args:
            model: model from `build_densenet`; its variables need no values.
            device: TensorFlow's name of the device.
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
        """Assign these weights to the variables, unless they are already set."""
        if weights is not self._held:
            for variable, value in by_variable(self._copy, weights):
                variable.assign(value)
            self._held = weights


@dataclass(frozen=True, kw_only=True)
class VisMethod:
    """A method of tf-keras-vis.

    Attributes:
        name: name of the method.
        raw_maps: function of a network, tf-keras-vis' score of the class to explain, and tiles; returns non-negative
            float maps (n, rows, columns) of any size.
        passes: approximate cost of one tile's maps on a CPU, in forward passes of the network.
        tiles_per_call: maximum number of tiles in one call, to limit memory.
    """

    name: MapMethod
    raw_maps: Callable[[CutNetwork, Any, np.ndarray], np.ndarray]
    passes: int
    tiles_per_call: int


class VisExplainer:
    """A classifier that is explained by tf-keras-vis; see `spinal_tf.explanation.gradcam.Explainer`."""

    def __init__(self, graph: GraphExplainer, method: VisMethod, *, network: CutNetwork | None = None) -> None:
        """Prepare the network for tf-keras-vis.

        Args:
            graph: explainer that computes the probabilities and holds the weights.
            method: method that computes the maps.
            network: existing network of the same structure, if any.
        """
        self.model, self.weights = graph.model, graph.weights
        self._graph, self._method = graph, method
        self._network = network or CutNetwork(graph.model, device=graph.device)

    def with_weights(self, weights: Weights) -> VisExplainer:
        """Return the same network with other weights, without rebuilding it."""
        return VisExplainer(self._graph.with_weights(weights), self._method, network=self._network)

    @our_keras()
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
