"""Signature of a network that takes prepared slices and returns maps of their size."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from spinal_tf.serving.network import ServedNetwork
from spinal_tf.serving.refusals import refuse_unless, with_axes
from spinal_tf.serving.signature import TILES, Signature, TensorRecord


def prepared_slices(network: ServedNetwork, *, meaning: str, output: TensorRecord) -> Signature:
    """Return the signature `TILES` of a network of slices.

    Args:
        network: network from slices (n, rows, columns, channels) to maps (n, rows, columns, outputs).
        meaning: description of the signature in words.
        output: record of the maps.
    """
    preprocessing = network.checkpoint.preprocessing
    multiple, channels = preprocessing.multiple, preprocessing.slices_seen

    def tiles(batch: tf.Tensor) -> dict[str, tf.Tensor]:
        sides = f"rows and columns multiples of {multiple}"
        sentence = f"tiles must have four axes: tiles, rows, columns, {channels}; {sides}"
        batch = with_axes(batch, 4, sentence)
        # TensorFlow may run both checks at once, so this one must not fail on fewer axes.
        shape = tf.shape(batch)
        fitting = tf.reduce_all(shape[1:3] % multiple == 0) & (shape[-1] == channels)
        batch = refuse_unless(fitting, sentence, batch)
        batch.set_shape((None, None, None, channels))
        return {output.name: network(batch)}

    given = f"slices as the network wants them, both sides a multiple of {multiple}"
    if preprocessing.neighbour_mm is not None:
        given += f"; channels: the slice about {preprocessing.neighbour_mm:g} mm before, itself, the one as far behind"
    return Signature(
        name=TILES,
        meaning=meaning,
        inputs=(TensorRecord(name="tiles", dtype="float32", shape=(None, None, None, channels), meaning=given),),
        outputs=(output,),
        function=tiles,
        sample={"tiles": np.random.default_rng(3).random((1, *preprocessing.size, channels), np.float32)},
    )
