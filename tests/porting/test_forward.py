import numpy as np
import pytest

from spinal_tf.porting.forward import forward, runner
from spinal_tf.porting.graph import Graph, Node
from spinal_tf.porting.weights_source import Array

X = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)  # two channels: even and odd numbers


def applied(kind, settings, *arrays, batch=X, inputs=("in",)):
    nodes = {
        "in": Node(name="in", kind="input", settings={}, inputs=()),
        "step": Node(name="step", kind=kind, settings=settings, inputs=inputs),
    }
    graph = Graph(nodes=nodes, input_shape=(None, None, batch.shape[-1]))
    weights = [np.asarray(array, np.float32) for array in arrays]
    return forward(graph, {"step": weights}, batch)


POOLING = {"pool_size": (2, 2), "strides": (2, 2), "padding": "valid"}


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        ("max pooling", POOLING, [[[[6, 7]]]]),
        ("average pooling", POOLING, [[[[3, 4]]]]),
        ("global average pooling", {"keepdims": False}, [[3, 4]]),
        ("global average pooling", {"keepdims": True}, [[[[3, 4]]]]),
    ],
)
def test_pooling(kind, settings, expected):
    np.testing.assert_array_equal(applied(kind, settings), expected)


def test_padding_is_zero_and_on_the_sides_that_are_named():
    padded = applied("padding", {"padding": ((1, 0), (0, 2))})
    assert padded.shape == (1, 3, 4, 2)
    np.testing.assert_array_equal(padded[:, 1:, :2], X)
    assert padded.sum() == X.sum()


def test_joining_and_summing_keep_the_order():
    np.testing.assert_array_equal(applied("concatenation", {}, inputs=("in", "in")), np.concatenate([X, X], axis=-1))
    np.testing.assert_array_equal(applied("sum", {}, inputs=("in", "in")), 2 * X)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("relu", [0, 2]),
        ("sigmoid", [1 / (1 + np.e), 1 / (1 + np.e**-2)]),
        ("softmax", [1 / (1 + np.e**3), 1 / (1 + np.e**-3)]),
    ],
)
def test_activations(function, expected):
    batch = np.array([[-1, 2]], np.float32)
    np.testing.assert_allclose(applied("activation", {"function": function}, batch=batch), [expected], rtol=1e-6)


def test_normalisation_uses_the_moving_averages_and_what_the_layer_has():
    # gamma 2, beta 10, mean 1, variance 3 with epsilon 1: 2 (x - 1) / 2 + 10 = x + 9
    every = [[2, 2], [10, 10], [1, 1], [3, 3]]
    settings = {"scale": True, "center": True, "epsilon": 1.0}
    np.testing.assert_allclose(applied("batch normalisation", settings, *every), X + 9, rtol=1e-6)
    without_scale = applied("batch normalisation", {**settings, "scale": False}, *every[1:])
    np.testing.assert_allclose(without_scale, (X - 1) / 2 + 10, rtol=1e-6)
    without_shift = applied("batch normalisation", {**settings, "center": False}, every[0], *every[2:])
    np.testing.assert_allclose(without_shift, X - 1, rtol=1e-6)


def test_convolution_and_its_bias():
    settings = {"strides": (1, 1), "padding": "valid", "dilation_rate": (1, 1), "use_bias": True}
    # the sum of each channel's four numbers, 12 and 16, weighed 1 and 10
    kernel = np.broadcast_to(np.array([[1], [10]]), (2, 2, 2, 1))
    np.testing.assert_allclose(applied("convolution", settings, kernel, [5]), [[[[12 + 160 + 5]]]])
    np.testing.assert_allclose(applied("convolution", {**settings, "use_bias": False}, kernel), [[[[172]]]])


def test_transposed_convolution_doubles_both_sides():
    settings = {"strides": (2, 2), "padding": "same", "dilation_rate": (1, 1), "use_bias": True}
    kernel = np.zeros((2, 2, 1, 2))
    kernel[0, 1, 0] = 1, 10  # from each pixel to the upper right of its four
    result = applied("transposed convolution", settings, kernel, [0.5])
    assert result.shape == (1, 4, 4, 1)
    np.testing.assert_allclose(result[0, ::2, 1::2, 0], X[0] @ [1, 10] + 0.5)
    np.testing.assert_allclose(result[0, 1::2, :, 0], 0.5)


def test_dense():
    batch, kernel = np.array([[1, 2]], np.float32), [[1, 0], [10, 1]]
    np.testing.assert_allclose(applied("dense layer", {"use_bias": True}, kernel, [3, 4], batch=batch), [[24, 6]])
    np.testing.assert_allclose(applied("dense layer", {"use_bias": False}, kernel, batch=batch), [[21, 2]])


def test_a_runner_has_its_weights_by_layer():
    nodes = {
        "in": Node(name="in", kind="input", settings={}, inputs=()),
        "a": Node(name="a", kind="dense layer", settings={"use_bias": True}, inputs=("in",)),
    }
    arrays = [Array(layer="a", values=np.eye(2, dtype=np.float32)), Array(layer="a", values=np.ones(2, np.float32))]
    run = runner(Graph(nodes=nodes, input_shape=(None, None, 2)), arrays)
    np.testing.assert_array_equal(run(np.array([[1, 2]], np.float32)), [[2, 3]])
