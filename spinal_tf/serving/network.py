"""A checkpoint's network inside a graph, with its weights in variables that TensorFlow Serving's loader finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from spinal_tf.checkpoints.manifest import Checkpoint, bare_network, read_weights
from spinal_tf.checkpoints.weight_files import by_variable, weight_shapes
from spinal_tf.engine import weightless_graph
from spinal_tf.explanation.gradcam import cam_function
from spinal_tf.serving.export_options import Precision


class SharedGraphs:
    """Graphs of a network, each traced once for all its signatures and all networks of the same structure."""

    def __init__(self, model: keras.Model) -> None:
        """Store the model, whose variables have no values. Tracing starts on first use."""
        self.model = model

    @cached_property
    def answer(self) -> Callable[[tf.Tensor, Sequence[tf.Tensor]], tf.Tensor]:
        """Graph of the network."""
        return weightless_graph(self.model, lambda batch: self.model(batch, training=False))

    @cached_property
    def explain(self) -> Callable[[tf.Tensor, Sequence[tf.Tensor]], tuple[tf.Tensor, tf.Tensor]]:
        """Graph of a classifier with its raw maps, see `spinal_tf.explanation.gradcam.cam_function`."""
        return weightless_graph(self.model, cam_function(self.model))


@dataclass(frozen=True, kw_only=True)
class ServedNetwork:
    """Network that can be called inside a graph.

    Attributes:
        checkpoint: manifest record of the network.
        graphs: graphs of its structure.
        kernels: one variable for each model variable with two axes or more, in the model's order.
        vectors: one variable that concatenates all others (biases, batch normalization). A saved model holds several
            operations for each variable, and a DenseNet121 has five hundred vectors.
    """

    checkpoint: Checkpoint
    graphs: SharedGraphs
    kernels: Sequence[tf.Variable]
    vectors: tf.Variable

    @property
    def variables(self) -> list[tf.Variable]:
        """Variables that the saved module must hold."""
        return [*self.kernels, self.vectors]

    def __call__(self, batch: tf.Tensor) -> tf.Tensor:
        """Run the network: float32 (n, rows, columns, channels) to float32."""
        return self.graphs.answer(batch, self.values())

    def explain(self, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Run a classifier: probabilities and raw maps, see `spinal_tf.explanation.gradcam.cam_function`."""
        return self.graphs.explain(batch, self.values())

    def values(self) -> list[tf.Tensor]:
        """Return the value of each model variable, float32, read where this is called."""
        shapes = [shape for layer in weight_shapes(self.graphs.model).values() for shape in layer]
        vectors = iter(tf.split(self.vectors, [length for length, *more in shapes if not more]))
        kernels = iter(self.kernels)
        # Cast here: layers in float32 do not cast weights that are stored in lower precision.
        return [tf.cast(next(kernels), tf.float32) if len(shape) > 1 else next(vectors) for shape in shapes]


def serve_networks(
    folder: Path, checkpoints: Sequence[Checkpoint], precision: Precision = "float32"
) -> list[ServedNetwork]:
    """Load checkpoints for an export. Networks of the same structure share their graphs.

    Args:
        folder: weights folder.
        checkpoints: checkpoints from its manifest.
        precision: precision of the computation and of the stored kernels. Vectors (biases, batch normalization) and
            the last layers stay in float32.

    Raises:
        WeightsError: a file is missing or damaged, or made for another network.
    """
    networks: list[ServedNetwork] = []
    for checkpoint in checkpoints:
        alike = [other.graphs for other in networks if other.checkpoint.structure == checkpoint.structure]
        graphs = alike[0] if alike else _graphs(folder, checkpoint, precision)
        weights = read_weights(folder, checkpoint, graphs.model)
        arrays = [array for _, array in by_variable(graphs.model, weights)]
        networks.append(
            ServedNetwork(
                checkpoint=checkpoint,
                graphs=graphs,
                kernels=[_variable(array, precision) for array in arrays if array.ndim > 1],
                vectors=_variable(np.concatenate([array for array in arrays if array.ndim == 1]), "float32"),
            )
        )
    return networks


def _graphs(folder: Path, checkpoint: Checkpoint, precision: Precision) -> SharedGraphs:
    with _policy(precision):
        return SharedGraphs(bare_network(folder, checkpoint))


def _variable(array: np.ndarray, precision: Precision) -> tf.Variable:
    return tf.Variable(tf.cast(array, precision), trainable=False)


@contextmanager
def _policy(precision: Precision) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if precision == "float32" else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
