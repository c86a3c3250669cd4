"""The networks by the names that manifests give them. docs/add-a-network.md tells how to add one.

Each line names a module whose `NETWORK` is its `NetworkSpec`. Modules are imported only when a network is built, so
manifests can be read without Keras.
"""

from __future__ import annotations

from importlib import import_module

from spinal_tf.networks.network_spec import NetworkSpec

SEGMENTERS = {
    "multiresunet": "spinal_tf.networks.multiresunet",
}
"""From slices, ``(batch, rows, columns, channels)``, to the probability of lesion, ``(batch, rows, columns, 1)``."""

CLASSIFIERS = {
    "densenet121": "spinal_tf.networks.densenet",
}
"""From tiles, ``(batch, rows, columns, 3)``, to the probabilities of two classes, ``(batch, 2)``."""


def is_network(name: str) -> bool:
    """Whether there is a network with this name."""
    return name in SEGMENTERS or name in CLASSIFIERS


def network_spec(name: str) -> NetworkSpec:
    """What is known about a network.

    Raises:
        KeyError: there is none with this name.
    """
    spec: NetworkSpec = import_module((SEGMENTERS | CLASSIFIERS)[name]).NETWORK
    return spec
