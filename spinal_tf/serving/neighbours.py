"""The slices beside each one inside a graph: `spinal_tf.preprocess.neighbour_index`, and the planes it asks for."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from spinal_tf.preprocess import TIE_TOLERANCE


def graph_neighbour_index(count: tf.Tensor, slice_mm: tf.Tensor, neighbour_mm: float | None) -> tf.Tensor:
    """Which slices a network sees together with each one, as its channels.

    Args:
        count: int32, slices of the volume.
        slice_mm: float64, distance from one to the next, checked.
        neighbour_mm: see `spinal_tf.preprocess.Preprocessing`.

    Returns:
        int32, (count, 3): before, itself, after; (count, 1) where ``neighbour_mm`` is None.
    """
    own = tf.range(count)[:, tf.newaxis]
    if neighbour_mm is None:
        return own
    step = tf.floor(neighbour_mm / slice_mm + 0.5 + TIE_TOLERANCE)
    # Compared with the number of slices before the conversion to int32, where a larger one would overflow.
    step = tf.cast(tf.clip_by_value(step, 1, tf.cast(count, tf.float64)), tf.int32)
    return tf.clip_by_value(own + tf.stack([-step, 0, step]), 0, count - 1)


def graph_seen(seen: tf.Tensor, prepare: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Some slices as the network sees them, with their neighbours.

    Args:
        seen: int32 (n, channel), rows of `graph_neighbour_index`.
        prepare: from the numbers of some slices, int32 (k,), to their planes, float32 (k, row, column). A slice that
            several others see is prepared once.

    Returns:
        float32 (n, row, column, channel).
    """
    needed, places = tf.unique(tf.reshape(seen, [-1]))
    planes = tf.gather(prepare(needed), tf.reshape(places, tf.shape(seen)))
    channels_last = tf.transpose(planes, [0, 2, 3, 1])
    return tf.ensure_shape(channels_last, (None, None, None, seen.shape[1]))
