"""Graph of a network from its file: layers of a few known kinds and their inputs. Nothing in the file is executed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spinal_tf.errors import PortError
from spinal_tf.porting.foreign import refuse_foreign

INPUT, ACTIVATION = "input", "activation"

KINDS = {
    "Conv2D": ("convolution", ("kernel_size", "strides", "padding", "dilation_rate", "groups", "use_bias")),
    "Conv2DTranspose": (
        "transposed convolution",
        ("kernel_size", "strides", "padding", "output_padding", "dilation_rate", "use_bias"),
    ),
    "BatchNormalization": ("batch normalisation", ("epsilon", "center", "scale")),
    "Dense": ("dense layer", ("use_bias",)),
    "ZeroPadding2D": ("padding", ("padding",)),
    "MaxPooling2D": ("max pooling", ("pool_size", "strides", "padding")),
    "AveragePooling2D": ("average pooling", ("pool_size", "strides", "padding")),
    "GlobalAveragePooling2D": ("global average pooling", ("keepdims",)),
    "Concatenate": ("concatenation", ()),
    "Add": ("sum", ()),
}
"""Kind of each Keras class and the settings that affect its output; sizes follow from the weights' shapes."""

DEFAULTS = {"groups": 1, "dilation_rate": (1, 1), "keepdims": False}
"""Values of settings that older files omit."""

IDENTITIES = frozenset({"Dropout", "SpatialDropout2D", "GaussianNoise"})
"""Classes that have no effect outside training."""

PROGRAMS = frozenset({"Lambda", "TFOpLambda", "SlicingOpLambda"})
MODELS = frozenset({"Functional", "Model", "Sequential"})
FUNCTIONS = frozenset({"relu", "sigmoid", "softmax"})
AROUND_REPLICAS = frozenset({"InputLayer", "Lambda", "Concatenate"})
"""Layers of Keras 2's multi_gpu_model: it cuts a batch, runs one model on each part, and joins the results."""

LAST_AXIS = (-1, 3, (-1,), (3,))
PLAIN_RELU = {"max_value": (None,), "negative_slope": (None, 0), "threshold": (None, 0)}


@dataclass(frozen=True, kw_only=True)
class Node:
    """One step of a network.

    Attributes:
        name: name of the layer; a layer's own activation is a separate step, ``dense_1 (softmax)``.
        kind: a kind from `KINDS`, `INPUT` or `ACTIVATION`.
        settings: settings that affect the output.
        inputs: names of the input steps, in order.
    """

    name: str
    kind: str
    settings: Mapping[str, Any]
    inputs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A network with one input and one output.

    Attributes:
        nodes: steps by name. Their order depends only on the connections, so equal networks have equal orders,
            whatever the names and file order of their layers.
        input_shape: rows, columns and channels; None for a variable side.
    """

    nodes: Mapping[str, Node]
    input_shape: tuple[int | None, ...]

    @property
    def output(self) -> str:
        """Name of the last step."""
        return list(self.nodes)[-1]


def read_graph(config: Mapping[str, Any], *, source: str) -> Graph:
    """Read a functional model's description by Keras 2 or 3.

    Args:
        config: config of the model, with ``layers`` and ``output_layers``.
        source: file name for messages.

    Raises:
        PortError: the description is invalid, or contains a program, a nested model, or a kind of layer that neither
            network has.
    """
    try:
        entries = config["layers"]
        refuse_foreign((_name(entry) for entry in entries), source=source)
        nodes: dict[str, Node] = {}
        ends: dict[str, str] = {}  # last step of each layer
        for entry in entries:  # Keras lists a layer after its inputs
            inputs = tuple(ends[name] for name in _inbound(entry, source))
            steps = list(_steps(entry, inputs, source))
            nodes.update((step.name, step) for step in steps)
            ends[_name(entry)] = steps[-1].name if steps else inputs[0]
        ordered = _ordered(nodes, ends[_single(config["output_layers"])])
        return Graph(nodes=ordered, input_shape=_input_shape(entries))
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise PortError(
            f"{source}: its description of the network is not understood; save the model again with Keras"
        ) from error


def replicated(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the description of the model that Keras 2's multi_gpu_model runs on each GPU; of others, their own."""
    entries = config["layers"]
    inner = [entry for entry in entries if entry["class_name"] in MODELS]
    around = {entry["class_name"] for entry in entries} - MODELS
    if len(inner) == 1 and "Lambda" in around and around <= AROUND_REPLICAS:
        found: Mapping[str, Any] = inner[0]["config"]
        return found
    return config


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry["name"] if "name" in entry else entry["config"]["name"])


def _inbound(entry: Mapping[str, Any], source: str) -> Iterator[str]:
    calls = entry.get("inbound_nodes") or []
    if len(calls) > 1:
        raise PortError(f"{source}: layer {_name(entry)} is used {len(calls)} times; neither network shares a layer")
    for call in calls:
        if isinstance(call, Mapping):  # Keras 3
            yield from _tensors(call["args"])
        else:
            yield from (str(tensor[0]) for tensor in call)


def _tensors(args: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(args, Mapping):
        yield str(args["config"]["keras_history"][0])
    else:
        for item in args:
            yield from _tensors(item)


def _single(ends: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(ends[0], str):
        return ends[0]
    if len(ends) != 1:
        raise ValueError("several outputs")
    return _single(ends[0])


def _steps(entry: Mapping[str, Any], inputs: tuple[str, ...], source: str) -> Iterator[Node]:
    name, kind, config = _name(entry), entry["class_name"], entry["config"]
    if kind == "InputLayer":
        yield Node(name=name, kind=INPUT, settings={}, inputs=())
    elif kind in ("Activation", "ReLU", "Softmax"):
        yield from _activation(name, kind, config, inputs, source)
    elif kind in KINDS:
        _require_channels_last(name, config, source)
        printed, keys = KINDS[kind]
        settings = {key: _frozen(config.get(key, DEFAULTS.get(key))) for key in keys}
        yield Node(name=name, kind=printed, settings=settings, inputs=inputs)
        if config.get("activation") not in (None, "linear"):
            yield _function(f"{name} ({config['activation']})", config["activation"], (name,), source)
    elif kind not in IDENTITIES:
        raise PortError(f"{source}: {_refusal(name, kind)}")


def _activation(
    name: str, kind: str, config: Mapping[str, Any], inputs: tuple[str, ...], source: str
) -> Iterator[Node]:
    function = config["activation"] if kind == "Activation" else {"ReLU": "relu", "Softmax": "softmax"}[kind]
    bent = [key for key, plain in PLAIN_RELU.items() if kind == "ReLU" and config.get(key) not in plain]
    if bent:
        raise PortError(f"{source}: layer {name} is a ReLU with {bent[0]}, which neither network has")
    if function != "linear":
        yield _function(name, function, inputs, source)


def _function(name: str, function: object, inputs: tuple[str, ...], source: str) -> Node:
    if not isinstance(function, str) or function not in FUNCTIONS:
        odd = function if isinstance(function, str) else "one of its own"
        raise PortError(f"{source}: layer {name} has an activation that neither network has, {odd}")
    return Node(name=name, kind=ACTIVATION, settings={"function": function}, inputs=inputs)


def _refusal(name: str, kind: str) -> str:
    if kind in PROGRAMS:
        return f"layer {name} is a {kind}, a program inside the file, and none is ever run; save the model without it"
    if kind in MODELS:
        return f"layer {name} is itself a model; save one flat model, built on the base network's input and output"
    return f"layer {name} is a {kind}, which neither network has; take weights of DenseNet121 or MultiResUNet"


def _require_channels_last(name: str, config: Mapping[str, Any], source: str) -> None:
    axis = _frozen(config.get("axis", -1))
    if config.get("data_format") == "channels_first" or axis not in LAST_AXIS:
        raise PortError(f"{source}: layer {name} has its channels first; only channels-last models can be imported")


def _frozen(value: Any) -> Any:  # noqa: ANN401 - JSON
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


def _ordered(nodes: Mapping[str, Node], output: str) -> dict[str, Node]:
    """Sort the steps needed for the output, each after its inputs; iterative, since graphs are deep."""
    ordered: dict[str, Node] = {}
    stack = [output]
    while stack:
        node = nodes[stack[-1]]
        waiting = [name for name in node.inputs if name not in ordered]
        stack.extend(reversed(waiting))
        if not waiting:
            ordered[node.name] = node
            stack.pop()
    return ordered


def _input_shape(entries: Any) -> tuple[int | None, ...]:  # noqa: ANN401 - JSON
    [config] = [entry["config"] for entry in entries if entry["class_name"] == "InputLayer"]
    shape = config["batch_input_shape"] if "batch_input_shape" in config else config["batch_shape"]
    _, rows, columns, channels = shape
    return rows, columns, channels
