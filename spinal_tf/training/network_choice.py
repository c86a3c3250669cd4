"""Choice of the network to train, checked before any image is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from spinal_tf.errors import TrainingError
from spinal_tf.networks.network_registry import network_spec
from spinal_tf.networks.network_spec import NetworkSpec
from spinal_tf.preprocess import Preprocessing


def chosen_network(
    name: str, known: Collection[str], arguments: Mapping[str, Any], preprocessing: Preprocessing
) -> NetworkSpec:
    """Return the specification of a network, after checking that it can be trained with these settings.

    Args:
        name: name of the network.
        known: names to choose from.
        arguments: arguments of its builder.
        preprocessing: preprocessing of its input.

    Raises:
        TrainingError: there is no such network, or it does not accept the arguments or the input.
    """
    if name not in known:
        raise TrainingError(f"network {name} is not known; take one of {', '.join(known)}")
    spec = network_spec(name)
    fault = spec.fault_of_arguments(arguments) or spec.fault_of_input(preprocessing)
    if fault:
        raise TrainingError(f"network {name} cannot be trained like this: {fault}")
    return spec
