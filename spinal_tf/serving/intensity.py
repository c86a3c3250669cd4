"""Intensity scale of a volume as a graph: `spinal_tf.scaling.intensity_scale` in TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from spinal_tf.scaling import CLIP_SD, Intensity


@dataclass(frozen=True, kw_only=True)
class GraphScale:
    """``(clip(x, low, high) - shift) / divisor``, all float64 scalars."""

    low: tf.Tensor
    high: tf.Tensor
    shift: tf.Tensor
    divisor: tf.Tensor

    def __call__(self, planes: tf.Tensor) -> tf.Tensor:
        """Scale some or all planes of the volume: float32, the same shape."""
        clipped = tf.clip_by_value(tf.cast(planes, tf.float64), self.low, self.high)
        return tf.cast((clipped - self.shift) / self.divisor, tf.float32)


def graph_scale(volume: tf.Tensor, intensity: Intensity) -> GraphScale:
    """Return the scale that brings a whole volume to the intensities a network was trained on.

    Args:
        volume: float32 (slice, row, column), finite, not constant.
        intensity: scaling method, see `spinal_tf.preprocess.Preprocessing`.
    """
    lowest = tf.cast(tf.reduce_min(volume), tf.float64)
    highest = tf.cast(tf.reduce_max(volume), tf.float64)
    if intensity == "minmax":
        return GraphScale(low=lowest, high=highest, shift=lowest, divisor=highest - lowest)
    count = tf.size(volume, out_type=tf.int64)
    mean = _sum_of_planes(volume, lambda plane: plane) / tf.cast(count, tf.float64)
    sd = tf.sqrt(_sum_of_planes(volume, lambda plane: tf.square(plane - mean)) / tf.cast(count, tf.float64))
    if intensity == "zscore_no_clip":
        return GraphScale(low=lowest, high=highest, shift=mean, divisor=sd)
    low, high = tf.maximum(lowest, mean - CLIP_SD * sd), tf.minimum(highest, mean + CLIP_SD * sd)
    return GraphScale(low=low, high=high, shift=low, divisor=high - low)


def _sum_of_planes(volume: tf.Tensor, term: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Sum in float64, plane by plane, to avoid a float64 copy of the whole volume."""
    sums = tf.map_fn(
        lambda plane: tf.reduce_sum(term(tf.cast(plane, tf.float64))),
        volume,
        fn_output_signature=tf.float64,
        parallel_iterations=1,
    )
    return tf.reduce_sum(sums)
