"""Outliers in a graph are those of the package, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from spinal_tf.images.robust_range import robust_range
from spinal_tf.serving.outliers import without_outliers


@pytest.fixture(scope="module")
def graph():
    """The rule as a graph."""
    signature = [tf.TensorSpec((None, None, None), tf.float32)]
    return tf.function(without_outliers, input_signature=signature, autograph=False)


@settings(max_examples=80)
@given(
    shape=st.tuples(st.integers(3, 9), st.integers(3, 60), st.integers(3, 60)),
    levels=st.sampled_from([1, 2, 7, 255, 4095]),
    padding=st.sampled_from([None, 0.0, -1024.0, 1e5]),
    outliers=st.lists(
        st.tuples(st.floats(-6, -1.5), st.sampled_from([-32768, 2000, 6e4, 1e30, -1e30]), st.booleans()), max_size=3
    ),
    seed=st.integers(0, 2**31),
)
def test_the_graph_clips_as_the_package_does(graph, shape, levels, padding, outliers, seed):
    rng = np.random.default_rng(seed)
    data = np.round(np.minimum(rng.gamma(2, 0.1, shape), 1) * levels).astype(np.float32)
    if padding is not None:
        data[:, :, : shape[2] // 2] = padding
    for exponent, value, spread in outliers:
        places = rng.integers(0, data.size, max(1, int(data.size * 10**exponent)))
        data.flat[places] = rng.uniform(0, value, len(places)) if spread and value > 0 else value
    np.testing.assert_array_equal(graph(data).numpy(), np.clip(data, *robust_range(data)))


def test_a_scan_larger_than_the_sample_is_clipped_alike(graph):
    data = np.random.default_rng(0).gamma(2, 100, (5, 200, 150)).astype(np.float32)
    np.testing.assert_array_equal(graph(data).numpy(), data)
    spoiled = data.copy()
    spoiled[3, 70, 80], spoiled[1, 2, 3] = -32768, 1e6
    expected = np.clip(spoiled, data.min(), data.max())
    np.testing.assert_array_equal(graph(spoiled).numpy(), expected)
    np.testing.assert_array_equal(np.clip(spoiled, *robust_range(spoiled)), expected)
