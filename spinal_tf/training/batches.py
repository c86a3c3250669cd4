"""Batches of a training, distributed over its devices."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf

from spinal_tf.datasets.feed import Sampler, feed
from spinal_tf.errors import DeviceError


def batches(
    strategy: tf.distribute.Strategy, sampler: Sampler, batch: int, first_step: int, steps: int
) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """Yield batches for `spinal_tf.training.step.Trainer`; each machine draws only its own share.

    Args:
        strategy: strategy of the training.
        sampler: makes the samples.
        batch: samples in a batch, over all devices together; each device gets an equal share.
        first_step: first step to draw.
        steps: step at which the training ends.
    """

    def share(machine: tf.distribute.InputContext) -> tf.data.Dataset:
        return feed(
            sampler,
            indices=range(machine.input_pipeline_id, batch, machine.num_input_pipelines),
            first_step=first_step,
            steps=steps,
            parts=machine.num_replicas_in_sync // machine.num_input_pipelines,
        )

    if strategy.num_replicas_in_sync == 1:
        return iter(share(tf.distribute.InputContext()))
    return iter(strategy.distribute_datasets_from_function(share))


def refuse_uneven(strategy: tf.distribute.Strategy, batch: int) -> None:
    """Refuse a batch that the devices cannot share evenly.

    Raises:
        DeviceError: the devices would not get equal parts.
    """
    devices = strategy.num_replicas_in_sync
    if batch % devices:
        raise DeviceError(f"{devices} devices cannot share a batch of {batch} evenly; choose a multiple with --batch")
