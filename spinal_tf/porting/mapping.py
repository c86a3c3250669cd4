"""Match a file's layers with ours: by connections if the file describes them, otherwise by order and shape.

Names are never used: Keras numbers default names throughout a session, so matching names can be silently wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from spinal_tf.errors import PortError
from spinal_tf.porting.graph import Graph, Node
from spinal_tf.porting.weights_source import Array, Source

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One of our layers with its weights from the file.

    Attributes:
        ours: name of our layer.
        theirs: name of the layer in the file.
        arrays: weights, float32, in Keras' order.
    """

    ours: str
    theirs: str
    arrays: tuple[np.ndarray, ...]


def map_layers(source: Source, ours: Graph, needed: Mapping[str, Shapes], *, network: str) -> tuple[Pair, ...]:
    """Find the weights of each of our layers in a file.

    Args:
        source: file to search.
        ours: our network's graph.
        needed: shapes of our layers' arrays by layer, in Keras' order, without layers that have no arrays.
        network: name of our network, for messages.

    Raises:
        PortError: the networks differ; the message names the first difference.
    """
    if source.graph is None:
        return _by_order(source, needed, network)
    return _by_graph(source, source.graph, ours, needed, network)


def _by_graph(
    source: Source, theirs: Graph, ours: Graph, needed: Mapping[str, Shapes], network: str
) -> tuple[Pair, ...]:
    """Match step by step; the order depends only on connections, so equal networks align."""
    layers, pairs = source.layers, list[Pair]()
    renamed: dict[str, str] = {}
    for node, own in zip_longest(theirs.nodes.values(), ours.nodes.values()):
        difference = _difference(node, own, renamed)
        if not difference:
            arrays = layers.get(node.name, ())
            difference = _array_difference(node.name, arrays, own.name, needed.get(own.name, ()))
        if difference:
            raise PortError(f"{source.path}: not the network {network}; the first difference: {difference}")
        renamed[node.name] = own.name
        if arrays:
            pairs.append(Pair(ours=own.name, theirs=node.name, arrays=arrays))
    return tuple(pairs)


def _difference(node: Node | None, own: Node | None, renamed: Mapping[str, str]) -> str:
    if node is None or own is None:
        there, missing = ("our", own) if node is None else ("the file's", node)
        return f"{there} {missing.kind} {missing.name} has no counterpart" if missing else ""
    if node.kind != own.kind:
        return f"{node.name} is a {node.kind}, where {own.name} is a {own.kind}"
    for key, value in own.settings.items():
        if node.settings[key] != value:
            return f"{node.name} has {key} {node.settings[key]}, where {own.name} has {value}"
    fed = tuple(renamed[name] for name in node.inputs)
    if fed != own.inputs:
        return (
            f"{node.name} takes in {', '.join(node.inputs)}, where {own.name} takes in what corresponds to "
            f"{', '.join(own.inputs)}, in that order"
        )
    return ""


def _array_difference(layer: str, arrays: Sequence[np.ndarray], own: str, shapes: Shapes) -> str:
    if shapes and not arrays:
        return f"layer {layer} has no weights in the file, {own} needs {_printed(shapes)}"
    found = tuple(array.shape for array in arrays)
    return "" if found == shapes else f"layer {layer} has {_printed(found)}, where {own} has {_printed(shapes)}"


def _by_order(source: Source, needed: Mapping[str, Shapes], network: str) -> tuple[Pair, ...]:
    """Match array by array; Keras' order follows from the connections, so equal networks have equal orders."""
    wanted = [(own, shape) for own, shapes in needed.items() for shape in shapes]
    for array, slot in zip_longest(source.arrays, wanted):
        difference = _order_difference(array, slot)
        if difference:
            raise PortError(f"{source.path}: not the weights of {network}; the first difference: {difference}")
    pairs, rest = list[Pair](), list(source.arrays)
    for own, shapes in needed.items():
        taken, rest = rest[: len(shapes)], rest[len(shapes) :]
        theirs = " + ".join(dict.fromkeys(array.layer for array in taken))
        pairs.append(Pair(ours=own, theirs=theirs, arrays=tuple(array.values for array in taken)))
    return tuple(pairs)


def _order_difference(array: Array | None, slot: tuple[str, tuple[int, ...]] | None) -> str:
    if array is None:
        return f"the file ends before {slot[0]}, which needs {_printed((slot[1],))}" if slot else ""
    if slot is None:
        return f"the file's layer {array.layer} has no counterpart"
    if array.values.shape == slot[1]:
        return ""
    return f"layer {array.layer} has {_printed((array.values.shape,))}, where {slot[0]} has {_printed((slot[1],))}"


def _printed(shapes: Shapes) -> str:
    return ", ".join(" x ".join(map(str, shape)) for shape in shapes) or "nothing"
