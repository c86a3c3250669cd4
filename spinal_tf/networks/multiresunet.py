"""MultiResUNet (Ibtehaz and Rahman, Neural Networks 2020;121:74-87), the segmenter of Zhuo et al. 2022."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from spinal_tf.networks.losses import with_cord
from spinal_tf.networks.multires_features import MULTIPLE, conv_bn, multires_features
from spinal_tf.networks.network_spec import CORD_LOGITS, LOGITS, Loss, NetworkSpec

CORD = "cord_probability"
"""Layer that outputs the cord probability."""

CORD_BIAS = 2.0
"""Initial bias: everything starts as cord (88 %), so that lesion-only weights lose little when cord training starts."""


def build_multiresunet(
    *,
    width: int = 32,
    channels: int = 1,
    output_batch_norm: bool = False,
    output_bias: float = -3.0,
    within_cord: bool = False,
    momentum: float = 0.9,
    name: str = "multiresunet",
) -> keras.Model:
    """Build the network: four encoder levels, a bridge, four decoder levels, one sigmoid.

    With ``width=32``, ``channels=1`` and ``output_batch_norm=True`` it has the reference's 7,262,504 parameters.

    Args:
        width: filters of the first level; each further level doubles it.
        channels: channels of the input.
        output_batch_norm: apply batch normalization before the sigmoid, without bias, as the reference does. Our
            weights use a plain convolution with bias, since normalized logits stall training on lesions that cover
            1-3 % of the pixels.
        output_bias: initial bias of that convolution; -3 starts from a lesion probability of 5 %.
        within_cord: also predict the cord. The lesion probability is then the cord probability times the probability
            of lesion within the cord; `showing_cord` outputs both for a loss.
        momentum: momentum of the moving averages in every batch normalization.
        name: name of the model.

    Returns:
        Model from float ``(batch, height, width, channels)``, sides multiples of 16, to float32 lesion probability.
    """
    inputs = keras.Input((None, None, channels), name="slice")
    x = multires_features(inputs, width=width, momentum=momentum)
    outputs = _head(x, output_batch_norm, output_bias, momentum)
    if within_cord:
        start = keras.initializers.Constant(CORD_BIAS)
        cord = layers.Conv2D(1, 1, bias_initializer=start, dtype="float32", name=CORD_LOGITS)(x)
        cord = layers.Activation("sigmoid", dtype="float32", name=CORD)(cord)
        outputs = layers.Multiply(dtype="float32", name="within_cord")([outputs, cord])
    return keras.Model(inputs, outputs, name=name)


def showing_cord(model: keras.Model) -> keras.Model:
    """Return the same network, with the same layers and weights, and two outputs: lesion and cord probability.

    Args:
        model: network from `build_multiresunet` with ``within_cord``.
    """
    outputs = layers.Concatenate(dtype="float32", name="lesion_and_cord")([model.output, model.get_layer(CORD).output])
    return keras.Model(model.input, outputs, name=model.name)


def _for_training(model: keras.Model) -> keras.Model:
    return showing_cord(model) if any(layer.name == CORD for layer in model.layers) else model


def _training_loss(loss: Loss, arguments: Mapping[str, Any]) -> Loss:
    return with_cord(loss) if arguments.get("within_cord") else loss


def _head(x: keras.KerasTensor, batch_norm: bool, bias: float, momentum: float) -> keras.KerasTensor:
    if batch_norm:
        x = conv_bn(x, 1, 1, momentum, LOGITS, activation=False)
    else:
        start = keras.initializers.Constant(bias)
        x = layers.Conv2D(1, 1, bias_initializer=start, dtype="float32", name=LOGITS)(x)
    return layers.Activation("sigmoid", dtype="float32", name="probability")(x)


NETWORK = NetworkSpec(
    title="MultiResUNet",
    build=build_multiresunet,
    multiple=MULTIPLE,
    minimum_side=MULTIPLE,
    small={"width": 4},
    for_training=_for_training,
    training_loss=_training_loss,
    learns_cord=True,
)
