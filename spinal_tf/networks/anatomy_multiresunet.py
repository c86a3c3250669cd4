"""MultiResUNet with one sigmoid for each structure of the spine, small, for coarse slices."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from spinal_tf.networks.multires_features import MULTIPLE, multires_features
from spinal_tf.networks.network_spec import LOGITS, NetworkSpec
from spinal_tf.structures import NAMES


def build_anatomy_multiresunet(
    *,
    width: int = 16,
    channels: int = 1,
    structures: Sequence[str] = NAMES,
    output_bias: float = -3.0,
    momentum: float = 0.9,
    name: str = "anatomy_multiresunet",
) -> keras.Model:
    """Build the network: the features of `build_multiresunet`, and a probability of each structure.

    Structures may overlap, as the cord lies within the canal, so each has a sigmoid of its own.

    Args:
        width: filters of the first level; each further level doubles it.
        channels: channels of the input.
        structures: names of the outputs in order, as weights record them.
        output_bias: initial bias of the outputs; -3 starts from a probability of 5 %.
        momentum: momentum of the moving averages in every batch normalization.
        name: name of the model.

    Returns:
        Model from float ``(batch, height, width, channels)``, sides multiples of 16, to float32 probabilities
        ``(batch, height, width, structures)``, in the order of `spinal_tf.structures.STRUCTURES`.

    Raises:
        ValueError: the structures are not those of this version, or in another order.
    """
    if tuple(structures) != NAMES:
        raise ValueError(f"structures {', '.join(structures)} instead of {', '.join(NAMES)}")
    inputs = keras.Input((None, None, channels), name="slice")
    x = multires_features(inputs, width=width, momentum=momentum)
    start = keras.initializers.Constant(output_bias)
    x = layers.Conv2D(len(NAMES), 1, bias_initializer=start, dtype="float32", name=LOGITS)(x)
    outputs = layers.Activation("sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(inputs, outputs, name=name)


NETWORK = NetworkSpec(
    title="MultiResUNet for anatomy",
    build=build_anatomy_multiresunet,
    multiple=MULTIPLE,
    minimum_side=MULTIPLE,
    small={"width": 4},
)
