"""Intensity, placement and tiles in a graph are those of the command line."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spinal_tf.preprocess import Preprocessing, from_input, nearest_index, place, to_input
from spinal_tf.scaling import normalise
from spinal_tf.serving.intensity import graph_scale
from spinal_tf.serving.placement import graph_input, graph_label, graph_nearest_index, graph_output, graph_place

FITS = {
    "stretch": Preprocessing(size=(32, 48)),
    "pad": Preprocessing(fit="pad", size=(32, 48)),
    "spacing": Preprocessing(fit="spacing", spacing_mm=0.8),
}
sides = st.integers(3, 90)
spacings = st.floats(0.25, 3.0)


@pytest.fixture(scope="module", params=["zscore_clip", "zscore_no_clip", "minmax"])
def recipe(request):
    """A recipe and its graph."""
    graph = tf.function(
        lambda volume: graph_scale(volume, request.param)(volume),
        input_signature=[tf.TensorSpec((None, None, None), tf.float32)],
        autograph=False,
    )
    return request.param, graph


@pytest.fixture(scope="module", params=FITS)
def fit(request):
    """A record, and a graph that gives an input, a label, and the input back on the plane."""

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None), tf.float32), tf.TensorSpec((2,), tf.float64)],
        autograph=False,
    )
    def graph(planes, spacing_mm):
        placement = graph_place(tf.shape(planes)[1:], spacing_mm, FITS[request.param])
        inputs = graph_input(planes, placement)
        return inputs, graph_label(planes > 0, placement), graph_output(inputs, placement), placement.input_pixels

    return FITS[request.param], graph


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(3, 6), sides, sides),
    offset=st.sampled_from([-500.0, 0.0, 3e4]),
    spread=st.sampled_from([0.01, 1.0, 900.0]),
    outlier=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_intensities_come_to_the_same_scale(recipe, shape, offset, spread, outlier, seed):
    intensity, graph = recipe
    data = np.random.default_rng(seed).normal(offset, spread, shape).astype(np.float32)
    if outlier:
        data[1, 2, 1] += 50 * spread
    expected = normalise(data, intensity=intensity, source="a.nii")
    np.testing.assert_allclose(graph(data).numpy(), expected, atol=1e-6, rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), sides, sides), rows_mm=spacings, columns_mm=spacings, seed=st.integers(0, 2**31)
)
@example(shape=(1, 84, 3), rows_mm=1.9, columns_mm=1.0, seed=0)  # 199.5 pixels, or a bit less
def test_planes_come_to_the_same_place_and_back(fit, shape, rows_mm, columns_mm, seed):
    preprocessing, graph = fit
    planes = np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)
    placement = place(shape[1:], (rows_mm, columns_mm), preprocessing)
    inputs, labels, back, pixels = graph(planes, np.array([rows_mm, columns_mm]))
    expected = to_input(planes, placement)
    assert pixels.numpy() == expected[0].size
    np.testing.assert_allclose(inputs.numpy(), expected, atol=2e-5)  # of values up to 4; see the bound below
    np.testing.assert_array_equal(labels.numpy(), to_input(planes > 0, placement, label=True))
    np.testing.assert_allclose(back.numpy(), from_input(expected, placement), atol=4e-5)


@given(old=st.integers(1, 2048), new=st.integers(1, 2048))
@settings(max_examples=200, deadline=None)
def test_nearest_pixels_are_the_same_whole_numbers(old, new):
    graph = graph_nearest_index(tf.constant(old), tf.constant(new)).numpy()
    np.testing.assert_array_equal(graph, nearest_index(old, new))


def test_nearest_pixels_by_hand():
    # centres of 6 pixels over 4: 1/3, 1, 5/3, 7/3, 3, 11/3; ties to the later pixel
    assert nearest_index(4, 6).tolist() == [0, 1, 1, 2, 3, 3]
    # 2 pixels over 6: centres 1.5 and 4.5
    assert nearest_index(6, 2).tolist() == [1, 4]


def test_an_input_beyond_the_largest_side_is_refused():
    @tf.function(input_signature=[tf.TensorSpec((2,), tf.float64)], autograph=False)
    def graph(spacing_mm):
        return graph_place(tf.constant((300, 300)), spacing_mm, FITS["spacing"]).input_pixels

    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 2048 pixels a side; check spacing_mm"):
        graph(np.array([0.8, 1e30]))
    assert graph(np.array([0.8, 0.8])).numpy() == 304 * 304
