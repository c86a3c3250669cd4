"""DenseNet121 with the two-class head of the authors' code: GAP, Dense 128, softmax 2."""

from __future__ import annotations

import keras
from keras import layers

from spinal_tf.networks.network_spec import LOGITS, POOLING, NetworkSpec

HEAD = (POOLING, "features", LOGITS, "probability")
"""Layers after the last convolution, in order; Grad-CAM explains the input of the first."""


def build_densenet(
    *,
    last_convolution: str = "relu",
    size: tuple[int, int] = (256, 256),
    name: str = "densenet121",
) -> keras.Model:
    """Build a classifier of tiles as one flat graph, so that every convolution is accessible by name.

    Args:
        last_convolution: layer of ``keras.applications.DenseNet121`` to which the head is attached. The default is the
            last, with 1,024 channels; tests use ``pool2_relu`` for a network a tenth of the size.
        size: rows and columns of a tile.
        name: name of the model.

    Returns:
        Model from float ``(batch, rows, columns, 3)`` tiles (T1c, T2w, mask) to float32 ``(batch, 2)`` class
        probabilities, negative class first.
    """
    inputs = keras.Input((*size, 3), name="tile")
    base = keras.applications.DenseNet121(include_top=False, weights=None, input_tensor=inputs)
    x = base.get_layer(last_convolution).output
    x = layers.GlobalAveragePooling2D(name=HEAD[0])(x)
    x = layers.Dense(128, activation="relu", name=HEAD[1])(x)
    x = layers.Dense(2, dtype="float32", name=HEAD[2])(x)
    outputs = layers.Softmax(dtype="float32", name=HEAD[3])(x)
    return keras.Model(inputs, outputs, name=name)


NETWORK = NetworkSpec(
    title="DenseNet121",
    build=build_densenet,
    minimum_side=32,
    small={"last_convolution": "pool2_relu", "size": (64, 64)},
    imagenet=keras.applications.DenseNet121,
)
