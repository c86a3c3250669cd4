"""Run as a program: the command line with a segmenter of two layers, quickly traced."""

from __future__ import annotations

import keras

from spinal_tf.training import train_segmenter as segmenter


def build(*, channels: int) -> keras.Model:
    inputs = keras.Input((None, None, channels))
    x = keras.layers.Conv2D(3, 3, padding="same", use_bias=False)(inputs)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    return keras.Model(inputs, keras.layers.Conv2D(1, 1, activation="sigmoid")(x), name="small")


if __name__ == "__main__":
    from spinal_tf.cli.main import main

    segmenter.build_multiresunet = build
    main(prog_name="spinal-tf")
