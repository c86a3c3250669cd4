"""Choosing lesions inside a graph: `spinal_tf.lesions.find_lesions`, voxel for voxel.

TensorFlow has no operation that labels connected components. Here, runs of lesion voxels along columns are the nodes of
a graph. An edge joins two runs that touch, at least at a corner. Every run starts with its own index as its label. In
each round, a run takes the smallest label among those it touches, and then the label of the run which that label
indexes, until nothing changes. Labels only fall, so this ends, after about the logarithm of the longest path in rounds.

With one voxel of margin behind every row and every slice, a voxel's place in the flattened volume suffices to find its
neighbors, and no run reaches into the next row. Finding and filling the runs takes memory in proportion to the number
of voxels; every other step takes memory in proportion to the number of runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from spinal_tf.lesions import VOXEL_COUNT_TOLERANCE

ROWS_AFTER = ((0, 1), (1, -1), (1, 0), (1, 1))
"""Steps in (slice, row) from a row to the touching rows after it; pairs with rows before it are found from there."""


@dataclass(frozen=True, kw_only=True)
class _Runs:
    """Runs of voxels along columns, in ascending order.

    Attributes:
        firsts: int64 (run,), place of each run's first voxel in the flattened volume with its margins.
        lasts: int64 (run,), place of each run's last voxel.
        shape: int64 (3,), shape of the volume with its margins.
    """

    firsts: tf.Tensor
    lasts: tf.Tensor
    shape: tf.Tensor

    @property
    def count(self) -> tf.Tensor:
        """Number of runs, int32."""
        return tf.size(self.firsts)


def graph_find_lesions(
    probability: tf.Tensor,
    *,
    threshold: float,
    minimum_peak: float,
    minimum_volume_ml: float,
    voxel_volume_ml: tf.Tensor,
) -> tf.Tensor:
    """Decide which voxels are lesion. Voxels that share a corner are connected.

    Args:
        probability: float32 (slice, row, column).
        threshold: smallest probability of a lesion voxel.
        minimum_peak: smallest peak probability of a lesion.
        minimum_volume_ml: smallest volume of a lesion; lesions of exactly this volume are kept.
        voxel_volume_ml: volume of a voxel, float64 scalar.

    Returns:
        bool, the same shape.
    """
    runs = _runs(probability >= threshold)
    roots = _roots(_edges(runs), runs.count)
    sizes = tf.math.unsorted_segment_sum(runs.lasts - runs.firsts + 1, roots, runs.count)
    least = minimum_volume_ml / voxel_volume_ml - VOXEL_COUNT_TOLERANCE
    chosen = tf.cast(sizes, tf.float64) >= least
    if minimum_peak > threshold:
        high = _holding(runs, tf.where(tf.reshape(_with_margins(probability >= minimum_peak), [-1]))[:, 0])
        chosen &= tf.math.unsorted_segment_max(tf.cast(high, tf.int32), roots, runs.count) > 0
    return _filled(runs, tf.gather(chosen, roots))


def _holding(runs: _Runs, places: tf.Tensor) -> tf.Tensor:
    """Return whether each run contains at least one of some ascending int64 places: bool (run,)."""
    return _sought(tf.raw_ops.LowerBound, places, runs.firsts) < _sought(tf.raw_ops.UpperBound, places, runs.lasts)


def _with_margins(mask: tf.Tensor) -> tf.Tensor:
    return tf.pad(mask, [[0, 0], [0, 1], [0, 1]])


def _runs(mask: tf.Tensor) -> _Runs:
    padded = _with_margins(mask)
    voxels = tf.reshape(padded, [-1])
    before, after = tf.concat([[False], voxels[:-1]], 0), tf.concat([voxels[1:], [False]], 0)
    return _Runs(
        firsts=tf.where(voxels & ~before)[:, 0],
        lasts=tf.where(voxels & ~after)[:, 0],
        shape=tf.shape(padded, out_type=tf.int64),
    )


def _filled(runs: _Runs, kept: tf.Tensor) -> tf.Tensor:
    """Return the volume without its margins, True in the runs that are kept."""
    firsts, behind = tf.boolean_mask(runs.firsts, kept), tf.boolean_mask(runs.lasts, kept) + 1
    places = tf.concat([firsts, behind], 0)[:, tf.newaxis]
    steps = tf.concat([tf.ones_like(firsts, tf.int8), -tf.ones_like(behind, tf.int8)], 0)
    inside = tf.cumsum(tf.scatter_nd(places, steps, tf.reduce_prod(runs.shape, keepdims=True))) > 0
    return tf.reshape(inside, runs.shape)[:, :-1, :-1]


def _edges(runs: _Runs) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the pairs of runs that touch: two int32 (edge,)."""
    ones: list[tf.Tensor] = []
    others: list[tf.Tensor] = []
    for slices, rows in ROWS_AFTER:
        step = (slices * runs.shape[1] + rows) * runs.shape[2]
        # Touching runs end no earlier than one column before this run, and start no later than one column behind it.
        start = _sought(tf.raw_ops.LowerBound, runs.lasts, runs.firsts + step - 1)
        stop = _sought(tf.raw_ops.UpperBound, runs.firsts, runs.lasts + step + 1)
        others.append(tf.ragged.range(start, stop).values)
        ones.append(tf.repeat(tf.range(runs.count), stop - start))
    return tf.concat(ones, 0), tf.concat(others, 0)


def _sought(bound: Callable[..., tf.Tensor], ascending: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Return the places of values in an ascending tensor: int32. `tf.searchsorted` fails on an empty one."""
    places: tf.Tensor = bound(sorted_inputs=ascending[tf.newaxis], values=values[tf.newaxis], out_type=tf.int32)
    return places[0]


def _roots(edges: tuple[tf.Tensor, tf.Tensor], count: tf.Tensor) -> tf.Tensor:
    """Return the smallest run index in each run's component: int32 (count,)."""
    ones, others = edges

    def body(numbers: tf.Tensor, changing: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        of_ones, of_others = tf.gather(numbers, ones), tf.gather(numbers, others)
        ends, smaller = tf.concat([of_ones, of_others], 0), tf.minimum(of_ones, of_others)
        lowered = tf.tensor_scatter_nd_min(numbers, ends[:, tf.newaxis], tf.concat([smaller, smaller], 0))
        jumped = tf.gather(lowered, lowered)
        return jumped, tf.reduce_any(jumped != numbers)

    start = tf.range(count), tf.constant(True)
    roots, _ = tf.while_loop(lambda _, changing: changing, body, start, parallel_iterations=1)
    return roots
