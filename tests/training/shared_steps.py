"""Run as a program: losses of a few steps of small networks, on the devices that it is told of, as JSON."""

from __future__ import annotations

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from spinal_tf.training.batches import batches
from spinal_tf.training.devices import open_strategy
from spinal_tf.training.step import Trainer
from spinal_tf.training.train_segmenter import LOSSES
from spinal_tf.training.training_choices import TrainingOptions

BATCH, STEPS, SIDE = 4, 4, 16


class Crops:
    """Noise with a square as lesion in every crop but the last, whose size depends on step and index."""

    shapes = (SIDE, SIDE, 1), (SIDE, SIDE, 1)

    def __call__(self, step, index):
        mask = np.zeros((SIDE, SIDE, 1), np.float32)
        mask[3 : 6 + 3 * index, 4 : 9 + step] = index < BATCH - 1
        noise = np.random.default_rng([step, index]).random(mask.shape, np.float32)
        return (noise + mask) / 2, mask


class Tiles:
    """Noise, brighter in the second half of the batch, which is of the other class."""

    shapes = (SIDE, SIDE, 3), (2,)

    def __call__(self, step, index):
        label = int(index >= BATCH // 2)
        noise = np.random.default_rng([step, index]).random((SIDE, SIDE, 3), np.float32)
        return noise * (0.5 + label / 2), np.eye(2, dtype=np.float32)[label]


# No bias before batch normalisation: its gradient is nothing but rounding, of which Adam makes whole steps.


def segmenter() -> keras.Model:
    inputs = keras.Input((SIDE, SIDE, 1))
    x = keras.layers.Conv2D(3, 3, padding="same", use_bias=False)(inputs)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    return keras.Model(inputs, keras.layers.Conv2D(1, 1, activation="sigmoid", dtype="float32")(x))


def classifier() -> keras.Model:
    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(3, 3, use_bias=False)(inputs))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax", dtype="float32")(x))


TRAININGS = {
    "dice_bce": (segmenter, LOSSES["dice_bce"], Crops(), {}),
    "dice_topk": (segmenter, LOSSES["dice_topk"], Crops(), {}),
    "classifier": (classifier, keras.losses.categorical_crossentropy, Tiles(), {}),
    "clipped": (classifier, keras.losses.categorical_crossentropy, Tiles(), {"clip_norm": 0.05}),
    "half precision": (segmenter, LOSSES["dice_bce"], Crops(), {"precision": "mixed_float16"}),
}


def losses(name: str, strategy: tf.distribute.Strategy | None) -> list[float]:
    """Losses of the steps, and at the end a number that tells of all variables."""
    build, loss, sampler, options = TRAININGS[name]
    trainer = Trainer(build, loss, TrainingOptions(batch=BATCH, **options), strategy)
    trainer.set_rate(0.02)
    found = [float(trainer(*batch)) for batch in batches(trainer.strategy, sampler, BATCH, 0, STEPS)]
    return [*found, float(sum(np.abs(variable.numpy()).sum() for variable in trainer.model.variables))]


def two_devices() -> tf.distribute.Strategy:
    [cpu] = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def main(kind: str, *names: str) -> None:
    strategies = [two_devices(), None] if kind == "devices" else [open_strategy(slurm=kind == "slurm")]
    names = names or tuple(TRAININGS)
    print(json.dumps([{name: losses(name, strategy) for name in names} for strategy in strategies]))


if __name__ == "__main__":
    main(*sys.argv[1:])
