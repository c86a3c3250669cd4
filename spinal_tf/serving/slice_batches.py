"""Processes a few slices at a time, so that a large volume needs little more memory than a small one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf


def in_parts(
    work: Callable[[tf.Tensor, tf.Tensor], Sequence[tf.Tensor]],
    *,
    count: tf.Tensor,
    step: tf.Tensor,
    shapes: Sequence[tuple[int | None, ...]],
) -> list[tf.Tensor]:
    """Process items ``start`` to ``stop`` until all are done, and concatenate the results.

    Args:
        work: function that returns float32 tensors, whose first axis runs over the items.
        count: int32, number of items.
        step: int32, maximum number of items at once.
        shapes: shape of one item in each tensor; must be fully known if ``count`` may be 0.
    """
    parts = -(-count // step)
    arrays = [
        tf.TensorArray(tf.float32, size=parts, element_shape=(None, *shape), infer_shape=False) for shape in shapes
    ]

    def body(part: tf.Tensor, *arrays: tf.TensorArray) -> tuple[tf.Tensor, ...]:
        results = work(part * step, tf.minimum(count, (part + 1) * step))
        return part + 1, *(array.write(part, result) for array, result in zip(arrays, results, strict=True))

    # One part after the other: parallel parts would each hold their activations in memory.
    _, *done = tf.while_loop(lambda part, *_: part < parts, body, (tf.constant(0), *arrays), parallel_iterations=1)
    return [array.concat() for array in done]
