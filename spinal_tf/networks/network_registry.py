"""Registry of networks by their name in manifests; docs/add-a-network.md explains how to add one.

Each entry names a module whose `NETWORK` is its `NetworkSpec`. Modules are imported only when a network is built, so
manifests can be read without Keras.
"""

from __future__ import annotations

from importlib import import_module

from spinal_tf.networks.network_spec import NetworkSpec

SEGMENTERS = {
    "multiresunet": "spinal_tf.networks.multiresunet",
}
"""Networks from slices ``(batch, rows, columns, channels)`` to lesion probability ``(batch, rows, columns, 1)``."""

ANATOMISTS = {
    "anatomy_multiresunet": "spinal_tf.networks.anatomy_multiresunet",
}
"""Networks from slices to the probability of each structure ``(batch, rows, columns, structures)``."""

CLASSIFIERS = {
    "densenet121": "spinal_tf.networks.densenet",
}
"""Networks from tiles ``(batch, rows, columns, 3)`` to the probabilities of two classes ``(batch, 2)``."""


def is_network(name: str) -> bool:
    """Return whether a network has this name."""
    return name in SEGMENTERS | ANATOMISTS | CLASSIFIERS


def network_spec(name: str) -> NetworkSpec:
    """Return the specification of a network.

    Raises:
        KeyError: no network has this name.
    """
    spec: NetworkSpec = import_module((SEGMENTERS | ANATOMISTS | CLASSIFIERS)[name]).NETWORK
    return spec
