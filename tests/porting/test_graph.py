import json

import pytest

from spinal_tf.errors import PortError
from spinal_tf.porting.graph import read_graph

CONVOLUTION = {"kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "use_bias": True, "activation": "relu"}


def layer(kind, name, *inputs, **config):
    """A layer as Keras 2 writes it."""
    calls = [[[source, 0, 0, {}] for source in inputs]] if inputs else []
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": calls}


def entrance(shape=(None, 64, 48, 1)):
    return layer("InputLayer", "input_1", batch_input_shape=list(shape))


def described(*layers, output):
    return {"name": "model", "layers": list(layers), "output_layers": [[output, 0, 0]]}


def graph(*layers, output):
    return read_graph(described(entrance(), *layers, output=output), source="old.h5")


def test_an_activation_that_a_layer_brings_along_is_a_step_of_its_own():
    read = graph(layer("Conv2D", "conv2d_7", "input_1", **CONVOLUTION), output="conv2d_7")
    assert list(read.nodes) == ["input_1", "conv2d_7", "conv2d_7 (relu)"]
    assert read.nodes["conv2d_7 (relu)"].inputs == ("conv2d_7",)
    assert read.output == "conv2d_7 (relu)"
    assert read.input_shape == (64, 48, 1)


def test_what_follows_a_fused_activation_takes_its_result():
    read = graph(
        layer("Conv2D", "a", "input_1", **CONVOLUTION),
        layer("MaxPooling2D", "pool", "a", pool_size=[2, 2], strides=[2, 2], padding="valid"),
        output="pool",
    )
    assert read.nodes["pool"].inputs == ("a (relu)",)


def test_settings_that_older_files_leave_out_have_their_defaults():
    settings = graph(layer("Conv2D", "a", "input_1", **CONVOLUTION), output="a").nodes["a"].settings
    assert (settings["groups"], settings["dilation_rate"], settings["kernel_size"]) == (1, (1, 1), (3, 3))


@pytest.mark.parametrize(
    "identity",
    [
        layer("Dropout", "none", "input_1", rate=0.5),
        layer("Activation", "none", "input_1", activation="linear"),
    ],
)
def test_what_does_nothing_in_inference_is_left_out(identity):
    read = graph(identity, layer("Activation", "end", "none", activation="sigmoid"), output="end")
    assert list(read.nodes) == ["input_1", "end"]
    assert read.nodes["end"].inputs == ("input_1",)


def test_the_order_depends_on_the_connections_alone():
    first = layer("Activation", "a", "input_1", activation="relu")
    second = layer("Activation", "b", "input_1", activation="sigmoid")
    end = layer("Add", "end", "b", "a")
    expected = ["input_1", "b", "a", "end"]  # the inputs of the sum as they are given to it
    assert list(graph(first, second, end, output="end").nodes) == expected
    assert list(graph(second, first, end, output="end").nodes) == expected


def test_what_the_output_does_not_rest_on_is_left_out():
    idle = layer("Activation", "idle", "input_1", activation="relu")
    assert list(graph(idle, layer("Activation", "end", "input_1", activation="sigmoid"), output="end").nodes) == [
        "input_1",
        "end",
    ]


def test_a_network_deeper_than_python_recurses_is_read():
    chain = [layer("Activation", f"a{i}", f"a{i - 1}" if i else "input_1", activation="relu") for i in range(3000)]
    assert len(graph(*chain, output="a2999").nodes) == 3001


def test_keras_3_writes_connections_in_another_way():
    def tensor(name):
        return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}

    def new(kind, name, *args, **config):
        calls = [{"args": list(args), "kwargs": {}}] if args else []
        return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": calls}

    read = read_graph(
        {
            "layers": [
                new("InputLayer", "slice", batch_shape=[None, None, None, 1]),
                new("ReLU", "relu", tensor("slice"), max_value=None, negative_slope=0.0, threshold=0.0),
                new("Concatenate", "end", [tensor("relu"), tensor("slice")], axis=-1),
            ],
            "output_layers": ["end", 0, 0],
        },
        source="new.keras",
    )
    assert read.nodes["end"].inputs == ("relu", "slice")
    assert read.nodes["relu"].settings == {"function": "relu"}
    assert read.input_shape == (None, None, 1)


@pytest.mark.parametrize(
    ("odd", "fault"),
    [
        (layer("Lambda", "evil", "input_1", function=["4wEAAAA=", None, None]), "evil is a Lambda, a program"),
        (layer("TFOpLambda", "op", "input_1", function="math.add"), "op is a TFOpLambda, a program"),
        (layer("Functional", "densenet121", "input_1", layers=[]), "densenet121 is itself a model"),
        (layer("LSTM", "odd", "input_1"), "odd is a LSTM, which neither network has"),
        (layer("ReLU", "odd", "input_1", max_value=6.0), "odd is a ReLU with max_value"),
        (layer("Activation", "odd", "input_1", activation="swish"), "activation that neither network has, swish"),
        (layer("Conv2D", "odd", "input_1", data_format="channels_first"), "odd has its channels first"),
        (layer("BatchNormalization", "odd", "input_1", axis=[1]), "odd has its channels first"),
        (layer("Dense", "odd", "input_1", activation={"class_name": "function"}), "neither network has"),
    ],
)
def test_what_neither_network_has_is_refused_by_name(odd, fault):
    with pytest.raises(PortError, match=fault) as caught:
        graph(odd, output=odd["name"])
    assert str(caught.value).startswith("old.h5: ")


def test_a_shared_layer_is_refused():
    shared = layer("Activation", "twice", "input_1", activation="relu")
    shared["inbound_nodes"] *= 2
    with pytest.raises(PortError, match="twice is used 2 times"):
        graph(shared, output="twice")


@pytest.mark.parametrize(
    "config",
    [
        {},
        [],
        {"layers": None, "output_layers": []},
        {"layers": [], "output_layers": [["end", 0, 0]]},
        {"layers": [{"class_name": "InputLayer"}], "output_layers": [["input_1", 0, 0]]},
        described(entrance(), output="gone"),
        described(entrance(), layer("Add", "end", "later"), layer("Add", "later", "end"), output="end"),
        {**described(entrance(), output="input_1"), "output_layers": [["input_1", 0, 0], ["input_1", 0, 0]]},
        described(entrance((None, 3)), output="input_1"),
    ],
)
def test_other_descriptions_are_refused_in_one_sentence(config):
    with pytest.raises(PortError, match=r"^old\.h5: its description of the network is not understood"):
        read_graph(json.loads(json.dumps(config)), source="old.h5")
