"""Clips outliers inside a graph: `spinal_tf.images.robust_range.robust_range` in TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from spinal_tf.images.robust_range import (
    BEYOND_CORE,
    BEYOND_KEPT,
    FARTHEST,
    GAP_ABOVE,
    GAP_BELOW,
    LEVELS_IN_GAP,
    NEARLY,
    REPEATS,
    SAMPLE,
    SPREAD,
    SPREAD_SHARE,
    STEPS,
    gap_widths,
)

POSSIBLE = len(STEPS) - SPREAD


@dataclass(frozen=True, kw_only=True)
class GraphCore:
    """`spinal_tf.images.robust_range.Core` as float64 scalars."""

    low: tf.Tensor
    high: tf.Tensor
    levels: tf.Tensor


def without_outliers(volume: tf.Tensor) -> tf.Tensor:
    """Return a volume with its outliers clipped to the range of the others.

    Args:
        volume: float32 (slice, row, column), finite.

    Returns:
        float32, the same shape; the volume itself without outliers.
    """
    ends = tf.cast([tf.reduce_min(volume), tf.reduce_max(volume)], tf.float64)
    kept = _kept(volume)
    beyond = tf.minimum(_sample_size(volume) // BEYOND_CORE, tf.size(kept, tf.int64) // BEYOND_KEPT)
    inside = kept[beyond : tf.size(kept, tf.int64) - beyond]
    low, high = tf.unstack(tf.cond(inside[0] < inside[-1], lambda: _range(volume, ends, _core(inside)), lambda: ends))
    return tf.clip_by_value(volume, tf.cast(low, tf.float32), tf.cast(high, tf.float32))


def _sample_size(volume: tf.Tensor) -> tf.Tensor:
    return tf.minimum(tf.size(volume, tf.int64), SAMPLE)


def _kept(volume: tf.Tensor) -> tf.Tensor:
    """Return the sampled voxels in ascending order, float64, without repeats beyond those that count."""
    size = _sample_size(volume)
    places = tf.range(size) * tf.size(volume, tf.int64) // size
    ordered = tf.sort(tf.cast(tf.gather(tf.reshape(volume, [-1]), places), tf.float64))
    repeats = tf.maximum(tf.constant(1, tf.int64), size // REPEATS)
    differs = tf.not_equal(ordered[repeats:], ordered[: size - repeats])
    return tf.boolean_mask(ordered, tf.concat([tf.ones([repeats], tf.bool), differs], 0))


def _core(inside: tf.Tensor) -> GraphCore:
    levels = tf.cast(tf.math.count_nonzero(tf.not_equal(inside[1:], inside[:-1])), tf.float64)
    return GraphCore(low=inside[0], high=inside[-1], levels=levels)


def _range(volume: tf.Tensor, ends: tf.Tensor, core: GraphCore) -> tf.Tensor:
    extent = core.high - core.low
    low = tf.cond(
        core.high - ends[0] > STEPS[GAP_BELOW] * extent, lambda: -_end(volume, -1, core, -ends[0]), lambda: ends[0]
    )
    high = tf.cond(
        ends[1] - core.low > STEPS[GAP_ABOVE] * extent, lambda: _end(volume, 1, core, ends[1]), lambda: ends[1]
    )
    return tf.stack([low, high])


def _end(volume: tf.Tensor, sign: int, core: GraphCore, farthest: tf.Tensor) -> tf.Tensor:
    near, far, gap = (core.low, core.high, GAP_ABOVE) if sign > 0 else (-core.high, -core.low, GAP_BELOW)
    edges = near + (far - near) * tf.constant(STEPS, tf.float64)

    def count(tail: tf.Tensor) -> tf.Tensor:
        places = tf.searchsorted(edges, tail, side="left")
        return tf.math.bincount(places, minlength=len(STEPS) + 1, maxlength=len(STEPS) + 1, dtype=tf.int64)

    counts = tf.reduce_sum(_of_tails(volume, sign, far, count, tf.int64), 0)
    beyond, most = tf.cumsum(counts, exclusive=True, reverse=True)[:-1], tf.size(volume, tf.int64) // BEYOND_CORE
    step = _last_step(beyond, gap, core.levels, most)
    edge = tf.where(step < 0, farthest, tf.gather(edges, tf.maximum(step, 0)))

    def largest(tail: tf.Tensor) -> tf.Tensor:
        return tf.reduce_max(tf.where(tail <= edge, tail, far), keepdims=True)

    return tf.maximum(far, tf.reduce_max(_of_tails(volume, sign, far, largest, tf.float64)))


def _of_tails(
    volume: tf.Tensor, sign: int, far: tf.Tensor, of: Callable[[tf.Tensor], tf.Tensor], dtype: tf.DType
) -> tf.Tensor:
    """Return the results of a function of the voxels of each plane beyond the core, times ``sign``: 2D."""

    def work(plane: tf.Tensor) -> tf.Tensor:
        values = float(sign) * tf.cast(plane, tf.float64)
        return of(tf.boolean_mask(values, values > far))

    return tf.map_fn(work, volume, fn_output_signature=tf.TensorSpec((None,), dtype), parallel_iterations=1)


def _last_step(counts: tf.Tensor, gap: int, levels: tf.Tensor, most: tf.Tensor) -> tf.Tensor:
    """Compute `spinal_tf.images.robust_range.last_step`: int64 scalar, -1 without outliers."""
    possible = tf.constant(gap_widths(gap)) * levels >= LEVELS_IN_GAP
    empty = tf.equal(_shares(counts, gap, possible), 1)
    padded = _shares(counts, SPREAD, possible & (counts[:POSSIBLE] > most)) >= NEARLY
    before_gap = tf.where(tf.reduce_any(empty), empty, padded)
    has_gap, end = tf.reduce_any(before_gap), _first(before_gap)
    counts = tf.where(has_gap, tf.maximum(counts - tf.gather(counts, end), 0), counts)
    possible &= counts[:POSSIBLE] <= most
    near, far = _shares(counts, gap, possible), _shares(counts, SPREAD, possible)
    until = tf.range(POSSIBLE, dtype=tf.int64) <= tf.argmax(far)
    emptiest = tf.reduce_max(tf.where(until, near, 0))
    spread = (tf.reduce_max(far) >= SPREAD_SHARE) | (counts[FARTHEST] > 0)
    return tf.where(spread, _first(near >= NEARLY * emptiest), tf.where(has_gap, end, -1))


def _shares(counts: tf.Tensor, ahead: int, possible: tf.Tensor) -> tf.Tensor:
    seen = tf.maximum(counts[:POSSIBLE], 1)
    shares = tf.cast(counts[ahead : POSSIBLE + ahead], tf.float64) / tf.cast(seen, tf.float64)
    return tf.where(possible, shares, 0)


def _first(found: tf.Tensor) -> tf.Tensor:
    """Return the index of the first True, int64; 0 if there is none."""
    return tf.argmax(tf.cast(found, tf.int32))
