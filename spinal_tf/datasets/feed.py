"""Batches of samples for TensorFlow, made in parallel to the training and always in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf


class Sampler(Protocol):
    """Pure function from step and index to a sample, so that a training can resume at any step."""

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of an input and of its target."""

    def __call__(self, step: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return input and target, float32."""


def feed(sampler: Sampler, *, indices: Sequence[int], first_step: int, steps: int, parts: int = 1) -> tf.data.Dataset:
    """Make the batches of a training: one per step, or several equal parts per step.

    Args:
        sampler: makes the samples; called by several threads at once.
        indices: indices of the samples in a batch to make: all of them, or one machine's share.
        first_step: first step to make.
        steps: step at which the training ends.
        parts: number of equal parts of a batch, one per device; divides the number of indices.

    Returns:
        Dataset of pairs, float32 ``(len(indices) // parts, ...)``.
    """
    count = len(indices)
    chosen = tf.constant(list(indices), tf.int64)

    def draw(step: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return sampler(int(step), int(index))

    def sample(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Declared stateless; otherwise a deterministic run would draw the samples one by one.
        arguments = [number // count, chosen[number % count]]
        image, target = tf.numpy_function(draw, arguments, (tf.float32, tf.float32), stateful=False)
        return tf.ensure_shape(image, sampler.shapes[0]), tf.ensure_shape(target, sampler.shapes[1])

    numbers = tf.data.Dataset.range(first_step * count, steps * count)
    samples = numbers.map(sample, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    # Batch after the map, so that threads work on single samples, not whole batches.
    return samples.batch(count // parts, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
