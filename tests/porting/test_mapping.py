from pathlib import Path

import numpy as np
import pytest

from spinal_tf.errors import PortError
from spinal_tf.porting.graph import Graph, Node
from spinal_tf.porting.mapping import map_layers
from spinal_tf.porting.weights_source import Array, Source

CONVOLUTION = {"kernel_size": (3, 3), "strides": (1, 1), "padding": "same"}
NEEDED = {"first": ((3, 3, 1, 2),), "second": ((3, 3, 1, 2),), "logits": ((3, 3, 4, 1), (1,))}


def graph(names, *, joined=("first", "second"), **changes):
    """Two convolutions of one input, joined, and a third; names map ours to the file's."""

    def node(name, kind, settings, *inputs):
        settings = {**settings, **changes.get(name, {})}
        kind = settings.pop("kind", kind)
        return Node(name=names(name), kind=kind, settings=settings, inputs=tuple(map(names, inputs)))

    first, second = joined
    nodes = [
        node("slice", "input", {}),
        node(first, "convolution", CONVOLUTION, "slice"),
        node(second, "convolution", CONVOLUTION, "slice"),
        node("join", "concatenation", {}, first, second),
        node("logits", "convolution", CONVOLUTION, "join"),
    ]
    return Graph(nodes={node.name: node for node in nodes}, input_shape=(None, None, 1))


OURS = graph(str)
THEIRS = {"slice": "input_1", "first": "conv2d_8", "second": "conv2d_3", "join": "concatenate", "logits": "conv2d_11"}


def arrays(order, without=()):
    """Arrays of the file's layers, each filled with a number of its own."""
    numbers = {"first": 1, "second": 2, "logits": 3}
    return tuple(
        Array(layer=THEIRS[ours], values=np.full(shape, numbers[ours], np.float32))
        for ours in order
        for shape in NEEDED[ours]
        if ours not in without
    )


def source(theirs=None, order=("first", "second", "logits"), **options):
    return Source(path=Path("old.h5"), format="", arrays=arrays(order, **options), graph=theirs)


def mapped(file):
    pairs = map_layers(file, OURS, NEEDED, network="multiresunet")
    return {pair.ours: (pair.theirs, [float(array.max()) for array in pair.arrays]) for pair in pairs}


def refusal(file):
    with pytest.raises(PortError, match=r"^old\.h5: not the ") as caught:
        mapped(file)
    return str(caught.value).partition("the first difference: ")[2]


EXPECTED = {"first": ("conv2d_8", [1]), "second": ("conv2d_3", [2]), "logits": ("conv2d_11", [3, 3])}


def test_layers_are_matched_by_what_feeds_them_whatever_they_are_called_and_wherever_they_lie():
    # The file lists the arrays in another order, and its names count the other way round.
    file = source(graph(THEIRS.get), order=("logits", "second", "first"))
    assert mapped(file) == EXPECTED


def test_without_connections_the_order_decides():
    assert mapped(source()) == EXPECTED


def test_inputs_in_another_order_are_found_by_connections():
    # Of one shape throughout, so that no shape tells: only the weights' meaning differs.
    swapped = graph(THEIRS.get, joined=("second", "first"))
    assert mapped(source(swapped))["first"] == ("conv2d_3", [2])
    turned = dict(graph(THEIRS.get).nodes)
    join = turned["concatenate"]
    turned["concatenate"] = Node(name=join.name, kind=join.kind, settings={}, inputs=join.inputs[::-1])
    difference = refusal(source(Graph(nodes=turned, input_shape=(None, None, 1))))
    assert difference == (
        "concatenate takes in conv2d_3, conv2d_8, where join takes in what corresponds to first, second, in that order"
    )


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"first": {"padding": "valid"}}, "conv2d_8 has padding valid, where first has same"),
        ({"second": {"strides": (2, 2)}}, "conv2d_3 has strides (2, 2), where second has (1, 1)"),
        ({"join": {"kind": "sum"}}, "concatenate is a sum, where join is a concatenation"),
        (
            {"logits": {"padding": "valid"}, "second": {"padding": "valid"}},
            "conv2d_3 has padding valid, where second has same",
        ),
    ],
)
def test_the_first_difference_is_named(change, difference):
    assert refusal(source(graph(THEIRS.get, **change))) == difference


@pytest.mark.parametrize("longer", ["file", "ours"])
def test_a_layer_too_many_is_named(longer):
    theirs = graph(THEIRS.get)
    extra = Node(name="extra", kind="sum", settings={}, inputs=("conv2d_11",))
    if longer == "file":
        theirs = Graph(nodes={**theirs.nodes, "extra": extra}, input_shape=theirs.input_shape)
        assert refusal(source(theirs)) == "the file's sum extra has no counterpart"
    else:
        theirs = Graph(nodes=dict(list(theirs.nodes.items())[:-1]), input_shape=theirs.input_shape)
        assert refusal(source(theirs)) == "our convolution logits has no counterpart"


def test_missing_weights_are_named():
    without = source(graph(THEIRS.get), without=("second",))
    assert refusal(without) == "layer conv2d_3 has no weights in the file, second needs 3 x 3 x 1 x 2"


@pytest.mark.parametrize("theirs", [graph(THEIRS.get), None])
def test_another_shape_is_named(theirs):
    file = source(theirs)
    wide = Array(layer="conv2d_11", values=np.zeros((3, 3, 4, 5), np.float32))
    file = Source(path=file.path, format="", arrays=(*file.arrays[:2], wide, file.arrays[3]), graph=theirs)
    assert "layer conv2d_11 has 3 x 3 x 4 x 5" in refusal(file)
    assert "where logits has 3 x 3 x 4 x 1" in refusal(file)


def test_without_connections_what_is_missing_or_too_much_is_named():
    file = source()
    short = Source(path=file.path, format="", arrays=file.arrays[:-1])
    assert refusal(short) == "the file ends before logits, which needs 1"
    extra = Array(layer="dense_4", values=np.zeros(1, np.float32))
    long = Source(path=file.path, format="", arrays=(*file.arrays, extra))
    assert refusal(long) == "the file's layer dense_4 has no counterpart"
