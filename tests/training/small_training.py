"""Run as a program: the command line with a segmenter of two layers, quickly traced."""

from __future__ import annotations

from dataclasses import replace

import keras

from spinal_tf.networks import multiresunet


def build(*, channels: int) -> keras.Model:
    inputs = keras.Input((None, None, channels))
    x = keras.layers.Conv2D(3, 3, padding="same", use_bias=False)(inputs)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    return keras.Model(inputs, keras.layers.Conv2D(1, 1, activation="sigmoid")(x), name="small")


if __name__ == "__main__":
    from spinal_tf.cli.main import main

    multiresunet.NETWORK = replace(multiresunet.NETWORK, build=build)
    main(prog_name="spinal-tf")
