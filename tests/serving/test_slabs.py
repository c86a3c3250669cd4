"""A graph averages thin slices as the command line does."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spinal_tf.preprocess import in_slabs
from spinal_tf.serving.slabs import graph_slabs


@pytest.fixture(scope="module", params=[3.0, None])
def slabs(request):
    """Thickness of a slab, and its graph."""
    graph = tf.function(
        lambda volume, slice_mm: graph_slabs(volume, slice_mm, request.param),
        input_signature=[tf.TensorSpec((None, None, None), tf.float32), tf.TensorSpec((), tf.float64)],
        autograph=False,
    )
    return request.param, graph


@settings(max_examples=200)
@given(count=st.integers(3, 40), slice_mm=st.floats(0.01, 6))
@example(count=3, slice_mm=0.01)
@example(count=20, slice_mm=1.0)
@example(count=20, slice_mm=3.0)
@example(count=20, slice_mm=float(np.nextafter(3.0, 0)))
def test_the_means_are_the_same(slabs, count, slice_mm):
    slab_mm, graph = slabs
    volume = np.random.default_rng(count).random((count, 3, 4), np.float32)
    expected = in_slabs(volume, slice_mm, slab_mm)
    np.testing.assert_allclose(graph(volume, slice_mm), expected, atol=1e-6)


def test_a_distance_near_zero_gives_the_mean_of_the_ends_and_no_overflow():
    ends = graph_slabs(tf.constant([[[0.0]], [[5.0]], [[1.0]]]), tf.constant(1e-300, tf.float64), 3.0)
    np.testing.assert_allclose(ends, np.full((3, 1, 1), 0.5), atol=1e-6)
