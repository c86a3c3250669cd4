"""A graph sees the same slices beside each one as the command line."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spinal_tf.preprocess import neighbour_index
from spinal_tf.serving.neighbours import graph_neighbour_index, graph_seen


@pytest.fixture(scope="module", params=[3.0, 4.7, None])
def index(request):
    """A distance of neighbours and its graph."""
    graph = tf.function(
        lambda count, slice_mm: graph_neighbour_index(count, slice_mm, request.param),
        input_signature=[tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.float64)],
        autograph=False,
    )
    return request.param, graph


@settings(max_examples=200)
@given(count=st.integers(3, 60), slice_mm=st.floats(0.01, 50))
@example(count=20, slice_mm=1.2)  # 2.5 slices to 3 mm
@example(count=20, slice_mm=float(np.nextafter(1.2, 2)))
@example(count=20, slice_mm=float(np.float32(1.2)))
@example(count=20, slice_mm=6.0)
@example(count=3, slice_mm=1e-9)
def test_the_slices_seen_are_the_same(index, count, slice_mm):
    neighbour_mm, graph = index
    np.testing.assert_array_equal(graph(count, slice_mm), neighbour_index(count, slice_mm, neighbour_mm))


def test_a_distance_beyond_all_numbers_of_slices_is_no_overflow(index):
    neighbour_mm, graph = index
    assert graph(3, 1e-300).numpy().tolist() == neighbour_index(3, 1e-9, neighbour_mm).tolist()


def test_a_slice_that_several_see_is_prepared_once():
    asked = []

    def prepare(slices):
        asked.append(slices.numpy().tolist())
        return tf.cast(slices, tf.float32)[:, tf.newaxis, tf.newaxis] * tf.ones((1, 2, 3))

    seen = graph_seen(tf.constant([[0, 0, 1], [0, 1, 2]]), prepare)
    assert asked == [[0, 1, 2]]
    assert seen.shape == (2, 2, 3, 3)
    assert seen[:, 1, 2].numpy().tolist() == [[0, 0, 1], [0, 1, 2]]
