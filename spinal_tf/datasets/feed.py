"""Samples as batches of TensorFlow, made beside the training and in the same order every time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf


class Sampler(Protocol):
    """A pure function from step and index to a sample, so that a training can go on from any step."""

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of an input and of its target."""

    def __call__(self, step: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Input and target, float32."""


def feed(sampler: Sampler, *, indices: Sequence[int], first_step: int, steps: int, parts: int = 1) -> tf.data.Dataset:
    """Batches of a training, one a step, or several equal parts of one.

    Args:
        sampler: makes the samples; called by several threads at once.
        indices: of the samples of a batch that are wanted here: all of them, or one machine's share.
        first_step: from which on.
        steps: step at which the training ends.
        parts: of a batch, one after the other, for as many devices; they divide it evenly.

    Returns:
        Data set of pairs, float32 ``(len(indices) // parts, ...)``.
    """
    count = len(indices)
    chosen = tf.constant(list(indices), tf.int64)

    def draw(step: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return sampler(int(step), int(index))

    def sample(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Declared stateless, or a deterministic run would draw one sample after the other.
        arguments = [number // count, chosen[number % count]]
        image, target = tf.numpy_function(draw, arguments, (tf.float32, tf.float32), stateful=False)
        return tf.ensure_shape(image, sampler.shapes[0]), tf.ensure_shape(target, sampler.shapes[1])

    numbers = tf.data.Dataset.range(first_step * count, steps * count)
    samples = numbers.map(sample, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    # Batched after the map: samples, not batches, are what the threads share out.
    return samples.batch(count // parts, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
