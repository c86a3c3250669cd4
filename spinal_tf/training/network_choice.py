"""Choice of the network to train, checked before any image is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from spinal_tf.errors import TrainingError
from spinal_tf.networks.network_registry import network_spec
from spinal_tf.networks.network_spec import NetworkSpec
from spinal_tf.preprocess import Preprocessing


def chosen_network(
    name: str,
    known: Collection[str],
    arguments: Mapping[str, Any],
    preprocessing: Preprocessing,
    crop: tuple[int, int] | None = None,
) -> NetworkSpec:
    """Return the specification of a network, after checking that it can be trained with these settings.

    Args:
        name: name of the network.
        known: names to choose from.
        arguments: arguments of its builder.
        preprocessing: preprocessing of its input.
        crop: rows and columns of the crops that it is trained on, if any.

    Raises:
        TrainingError: there is no such network, or it does not accept the arguments, the input or the crops.
    """
    if name not in known:
        raise TrainingError(f"network {name} is not known; take one of {', '.join(known)}")
    spec = network_spec(name)
    fault = spec.fault_of_arguments(arguments) or spec.fault_of_input(preprocessing)
    if not fault and crop and (of_crop := spec.fault_of_sides(crop)):
        fault = f"side of a crop: {of_crop}"
    if fault:
        raise TrainingError(f"network {name} cannot be trained like this: {fault}")
    return spec
