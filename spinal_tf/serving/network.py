"""A checkpoint's network inside a graph, its weights in variables that TensorFlow Serving's loader finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from spinal_tf.checkpoints import Checkpoint, bare_network, read_weights
from spinal_tf.weight_files import by_variable

Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True, kw_only=True)
class ServedNetwork:
    """A network to be called inside a graph.

    Attributes:
        checkpoint: its record.
        model: whose variables have no values.
        variables: one for each variable of the model, to be held by whatever is saved.
    """

    checkpoint: Checkpoint
    model: keras.Model
    variables: Sequence[tf.Variable]

    def __call__(self, batch: tf.Tensor) -> tf.Tensor:
        """Run the network: float32 (n, rows, columns, channels) to float32."""
        with keras.StatelessScope(self.values(), initialize_variables=False):
            return self.model(batch, training=False)

    def values(self) -> list[tuple[keras.Variable, tf.Tensor]]:
        """Each of the model's variables with its value, read where this is called."""
        names = [variable for layer in self.model.layers for variable in layer.weights]
        # Cast here: layers in float32 do not cast weights that are kept in less.
        return [(name, tf.cast(value, tf.float32)) for name, value in zip(names, self.variables, strict=True)]


def serve_network(folder: Path, checkpoint: Checkpoint, precision: Precision = "float32") -> ServedNetwork:
    """Load a checkpoint for an export.

    Args:
        folder: of the weights.
        checkpoint: from its manifest.
        precision: of the computation and of the stored kernels. Vectors (biases, batch normalisation) and the last
            layers stay in float32.

    Raises:
        WeightsError: the file is missing or damaged, or made for another network.
    """
    with _policy(precision):
        model = bare_network(folder, checkpoint)
    weights = read_weights(folder, checkpoint, model)
    variables = [_variable(array, precision) for _, array in by_variable(model, weights)]
    return ServedNetwork(checkpoint=checkpoint, model=model, variables=variables)


def _variable(array: np.ndarray, precision: Precision) -> tf.Variable:
    dtype = tf.as_dtype(precision) if array.ndim >= 2 else tf.float32
    return tf.Variable(tf.cast(array, dtype), trainable=False)


@contextmanager
def _policy(precision: Precision) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if precision == "float32" else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
