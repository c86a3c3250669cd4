"""Removing specks inside a graph: `spinal_tf.lesions.remove_specks`, voxel for voxel.

TensorFlow has no operation that numbers connected components. Here runs of lesion voxels along columns are the nodes of
a graph, and two runs that touch (at a corner is enough) are joined by an edge. Every run begins with its own number;
then each takes the smallest number among those it touches, and the number of the run that its own number stands for,
until nothing changes. Numbers only fall, so that ends, after about as many rounds as the logarithm of the longest way.
"""

from __future__ import annotations

import tensorflow as tf

from spinal_tf.lesions import VOXEL_COUNT_TOLERANCE

ROWS_AFTER = ((0, 1), (1, -1), (1, 0), (1, 1))
"""Steps in (slice, row) to the rows that touch a row and come after it; those before it see it in their turn."""


def graph_remove_specks(mask: tf.Tensor, minimum_volume_ml: float, voxel_volume_ml: tf.Tensor) -> tf.Tensor:
    """Drop the lesions below a volume; voxels that share a corner are connected.

    Args:
        mask: bool (slice, row, column).
        minimum_volume_ml: lesions of exactly this volume stay.
        voxel_volume_ml: float64 scalar.

    Returns:
        bool, the same shape.
    """
    first, last = _run_ends(mask)
    runs = tf.reshape(tf.cumsum(tf.reshape(tf.cast(first, tf.int32), [-1])), tf.shape(mask)) - 1
    count = tf.reduce_sum(tf.cast(first, tf.int32))
    roots = _roots(_edges(mask, first, last, runs), count)
    lesion = tf.where(mask)
    of_voxels = tf.gather(roots, tf.gather_nd(runs, lesion))
    sizes = tf.math.unsorted_segment_sum(tf.ones_like(of_voxels), of_voxels, count)
    least = minimum_volume_ml / voxel_volume_ml - VOXEL_COUNT_TOLERANCE
    kept = tf.gather(tf.cast(sizes, tf.float64) >= least, of_voxels)
    return (
        tf.scatter_nd(tf.boolean_mask(lesion, kept), tf.ones(tf.math.count_nonzero(kept), tf.int32), _shape(mask)) > 0
    )


def _run_ends(mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where a run of lesion voxels begins, and where one ends: bool, the mask's shape each."""
    before, after = tf.pad(mask, [[0, 0], [0, 0], [1, 0]])[..., :-1], tf.pad(mask, [[0, 0], [0, 0], [0, 1]])[..., 1:]
    return mask & ~before, mask & ~after


def _edges(mask: tf.Tensor, first: tf.Tensor, last: tf.Tensor, runs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The pairs of runs that touch, each at least once: two int32 (edge,)."""
    ones: list[tf.Tensor] = []
    others: list[tf.Tensor] = []
    for slices, rows in ROWS_AFTER:
        here, there = _overlap(tf.shape(mask), slices, rows)
        # Two runs that share columns do so from where the later of them begins; two that meet at a corner only do so
        # at an end and a beginning.
        meetings = (
            (mask[here] & mask[there] & (first[here] | first[there]), 0, 0),
            (last[here][..., :-1] & first[there][..., 1:], 0, 1),
            (first[here][..., 1:] & last[there][..., :-1], 1, 0),
        )
        for meeting, column_here, column_there in meetings:
            places = tf.where(meeting)
            ones.append(tf.gather_nd(runs[here][..., column_here:], places))
            others.append(tf.gather_nd(runs[there][..., column_there:], places))
    return tf.concat(ones, 0), tf.concat(others, 0)


def _overlap(shape: tf.Tensor, slices: int, rows: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The part of a volume that has a neighbour at that step, and the part those neighbours fill."""
    here_rows = slice(0, shape[1] - rows) if rows >= 0 else slice(-rows, shape[1])
    there_rows = slice(rows, shape[1]) if rows >= 0 else slice(0, shape[1] + rows)
    return (slice(0, shape[0] - slices), here_rows), (slice(slices, shape[0]), there_rows)


def _roots(edges: tuple[tf.Tensor, tf.Tensor], count: tf.Tensor) -> tf.Tensor:
    """The smallest number among the runs of each run's component: int32 (count,)."""
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


def _shape(mask: tf.Tensor) -> tf.Tensor:
    return tf.shape(mask, out_type=tf.int64)
