"""Neighbor slices inside a graph: `spinal_tf.preprocess.neighbour_index`, and the planes of these slices."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from spinal_tf.preprocess import TIE_TOLERANCE


def graph_neighbour_index(count: tf.Tensor, slice_mm: tf.Tensor, neighbour_mm: float | None) -> tf.Tensor:
    """Return the slices that a network sees as channels for each slice.

    Args:
        count: int32, number of slices in the volume.
        slice_mm: float64, distance from one slice to the next, checked.
        neighbour_mm: see `spinal_tf.preprocess.Preprocessing`.

    Returns:
        int32, (count, 3): slice before, slice itself, slice after; (count, 1) if ``neighbour_mm`` is None.
    """
    own = tf.range(count)[:, tf.newaxis]
    if neighbour_mm is None:
        return own
    step = tf.floor(neighbour_mm / slice_mm + 0.5 + TIE_TOLERANCE)
    # Clip to the number of slices before the conversion to int32, in which a larger step would overflow.
    step = tf.cast(tf.clip_by_value(step, 1, tf.cast(count, tf.float64)), tf.int32)
    return tf.clip_by_value(own + tf.stack([-step, 0, step]), 0, count - 1)


def graph_seen(seen: tf.Tensor, prepare: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Return some slices with their neighbors, as the network sees them.

    Args:
        seen: int32 (n, channel), rows of `graph_neighbour_index`.
        prepare: function from slice indices, int32 (k,), to planes, float32 (k, row, column). It prepares each slice
            once, even if several rows contain it.

    Returns:
        float32 (n, row, column, channel).
    """
    needed, places = tf.unique(tf.reshape(seen, [-1]))
    planes = tf.gather(prepare(needed), tf.reshape(places, tf.shape(seen)))
    channels_last = tf.transpose(planes, [0, 2, 3, 1])
    return tf.ensure_shape(channels_last, (None, None, None, seen.shape[1]))
