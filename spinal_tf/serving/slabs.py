"""Averages slices over slabs inside a graph: `spinal_tf.preprocess.in_slabs` in TensorFlow."""

from __future__ import annotations

import tensorflow as tf


def graph_slabs(volume: tf.Tensor, slice_mm: tf.Tensor, slab_mm: float | None) -> tf.Tensor:
    """Average slices over slabs if their distance is smaller than the slab thickness.

    Args:
        volume: float32 (slice, row, column), checked.
        slice_mm: float64, distance from one slice to the next, checked.
        slab_mm: see `spinal_tf.preprocess.Preprocessing`.

    Returns:
        float32, the same shape.
    """
    if slab_mm is None:
        return volume

    def averaged() -> tf.Tensor:
        return tf.tensordot(_weights(tf.shape(volume)[0], slice_mm, slab_mm), volume, 1)

    return tf.cond(slice_mm < slab_mm, averaged, lambda: volume)


def _weights(count: tf.Tensor, slice_mm: tf.Tensor, slab_mm: float) -> tf.Tensor:
    """Return the weight of each slice in each slab: float32 (slab, slice).

    The weight is the fraction of the slab within the slice's extent. The outermost slices extend to infinity.
    """
    borders = (tf.cast(tf.range(1, count), tf.float64) - 0.5) * slice_mm
    end = tf.constant([tf.float64.max], tf.float64)
    first, last = tf.concat([-end, borders], 0), tf.concat([borders, end], 0)
    middles = tf.cast(tf.range(count), tf.float64)[:, tf.newaxis] * slice_mm
    common = tf.minimum(last, middles + slab_mm / 2) - tf.maximum(first, middles - slab_mm / 2)
    return tf.cast(tf.maximum(common, 0) / slab_mm, tf.float32)
