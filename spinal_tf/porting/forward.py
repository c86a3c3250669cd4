"""Run a network step by step from its file's description and weights, without Keras and its classes.

It shares no code with our network, so that comparing the two is meaningful.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from spinal_tf.porting.graph import Graph, Node
from spinal_tf.porting.weights_source import Array, Run

Tensor = Any
Step = Callable[[Node, Sequence[Tensor], Sequence[np.ndarray]], Tensor]


def runner(graph: Graph, arrays: Sequence[Array]) -> Run:
    """Return a function that runs a file's network; it can be sent to another process.

    Args:
        graph: description of the network.
        arrays: weights of the network, in each layer's own order.
    """
    weights: dict[str, list[np.ndarray]] = {}
    for array in arrays:
        weights.setdefault(array.layer, []).append(array.values)

    return partial(forward, graph, weights)


def forward(graph: Graph, weights: Mapping[str, Sequence[np.ndarray]], batch: np.ndarray) -> np.ndarray:
    """Run a network once, as in inference.

    Args:
        graph: description of the network; each layer must have the weights that its kind needs.
        weights: arrays by layer, in Keras' order.
        batch: float32 (n, rows, columns, channels).

    Returns:
        float32, output of the last step.
    """
    import tensorflow as tf

    values: dict[str, Tensor] = {}
    for name, node in graph.nodes.items():
        if node.inputs:
            inputs = [values[source] for source in node.inputs]
            values[name] = STEPS[node.kind](node, inputs, weights.get(name, ()))
        else:
            values[name] = tf.constant(batch, tf.float32)
    result: np.ndarray = values[graph.output].numpy()
    return result


def _convolution(node: Node, inputs: Sequence[Tensor], arrays: Sequence[np.ndarray]) -> Tensor:
    import tensorflow as tf

    settings = node.settings
    result = tf.nn.conv2d(
        inputs[0], arrays[0], settings["strides"], settings["padding"].upper(), dilations=settings["dilation_rate"]
    )
    return result + arrays[1] if settings["use_bias"] else result


def _transposed_convolution(node: Node, inputs: Sequence[Tensor], arrays: Sequence[np.ndarray]) -> Tensor:
    import tensorflow as tf

    strides, shape = node.settings["strides"], inputs[0].shape
    size = (shape[0], shape[1] * strides[0], shape[2] * strides[1], arrays[0].shape[2])
    result = tf.nn.conv2d_transpose(inputs[0], arrays[0], size, strides, node.settings["padding"].upper())
    return result + arrays[1] if node.settings["use_bias"] else result


def _batch_normalisation(node: Node, inputs: Sequence[Tensor], arrays: Sequence[np.ndarray]) -> Tensor:
    mean, variance = arrays[-2:]
    factor = 1 / np.sqrt(variance + node.settings["epsilon"])
    if node.settings["scale"]:
        factor = factor * arrays[0]
    shift = arrays[-3] if node.settings["center"] else 0
    return (inputs[0] - mean) * factor + shift


def _dense(node: Node, inputs: Sequence[Tensor], arrays: Sequence[np.ndarray]) -> Tensor:
    result = inputs[0] @ arrays[0]
    return result + arrays[1] if node.settings["use_bias"] else result


def _activation(node: Node, inputs: Sequence[Tensor], arrays: Sequence[np.ndarray]) -> Tensor:
    import tensorflow as tf

    return getattr(tf.nn, node.settings["function"])(inputs[0])


def _padding(node: Node, inputs: Sequence[Tensor], arrays: Sequence[np.ndarray]) -> Tensor:
    import tensorflow as tf

    return tf.pad(inputs[0], ((0, 0), *node.settings["padding"], (0, 0)))


def _pooling(node: Node, inputs: Sequence[Tensor], arrays: Sequence[np.ndarray]) -> Tensor:
    import tensorflow as tf

    settings = node.settings
    pool = tf.nn.max_pool2d if node.kind == "max pooling" else tf.nn.avg_pool2d
    return pool(inputs[0], settings["pool_size"], settings["strides"], settings["padding"].upper())


def _global_average(node: Node, inputs: Sequence[Tensor], arrays: Sequence[np.ndarray]) -> Tensor:
    import tensorflow as tf

    return tf.reduce_mean(inputs[0], axis=(1, 2), keepdims=node.settings["keepdims"])


def _concatenation(node: Node, inputs: Sequence[Tensor], arrays: Sequence[np.ndarray]) -> Tensor:
    import tensorflow as tf

    return tf.concat(inputs, axis=-1)


def _sum(node: Node, inputs: Sequence[Tensor], arrays: Sequence[np.ndarray]) -> Tensor:
    import tensorflow as tf

    return tf.add_n(list(inputs))


STEPS: Mapping[str, Step] = {
    "convolution": _convolution,
    "transposed convolution": _transposed_convolution,
    "batch normalisation": _batch_normalisation,
    "dense layer": _dense,
    "activation": _activation,
    "padding": _padding,
    "max pooling": _pooling,
    "average pooling": _pooling,
    "global average pooling": _global_average,
    "concatenation": _concatenation,
    "sum": _sum,
}
"""Function for each kind of step; relevant settings were already compared."""
