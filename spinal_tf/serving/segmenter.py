"""The segmenter as a server runs it: raw slices in, lesion probability on their own grid out."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from spinal_tf.engine import PIXELS_PER_BATCH
from spinal_tf.serving.checks import checked_spacing, checked_volume, refuse_unless, with_axes
from spinal_tf.serving.intensity import graph_scale
from spinal_tf.serving.network import ServedNetwork
from spinal_tf.serving.parts import in_parts
from spinal_tf.serving.placement import graph_input, graph_output, graph_place
from spinal_tf.serving.sample import sample_request, sample_volume
from spinal_tf.serving.signature import SERVING_DEFAULT, SLICES, SPACING_MM, TILES, Signature, TensorRecord

PROBABILITY = TensorRecord(
    name="probability", dtype="float32", shape=(None, None, None), meaning="of lesion, 0 to 1, on the grid of slices"
)


def lesion_probability(network: ServedNetwork, volume: tf.Tensor, spacing_mm: tf.Tensor) -> tf.Tensor:
    """Run every sagittal slice through the network.

    Args:
        network: the segmenter.
        volume: float32 (slice, row, column), checked.
        spacing_mm: float64 (2,), checked.

    Returns:
        float32, the volume's shape.
    """
    preprocessing = network.checkpoint.preprocessing
    scale = graph_scale(volume, preprocessing.intensity)
    placement = graph_place(tf.shape(volume)[1:], spacing_mm, preprocessing)

    def work(start: tf.Tensor, stop: tf.Tensor) -> list[tf.Tensor]:
        planes = graph_input(scale(volume[start:stop]), placement)
        return [graph_output(network(planes[..., tf.newaxis])[..., 0], placement)]

    step = tf.maximum(1, PIXELS_PER_BATCH // placement.input_pixels)
    [probability] = in_parts(work, count=tf.shape(volume)[0], step=step, shapes=[(None, None)])
    return tf.ensure_shape(probability, (None, None, None))


def segmenter_signatures(network: ServedNetwork) -> list[Signature]:
    """The ways to call a served segmenter."""

    def whole(slices: tf.Tensor, spacing_mm: tf.Tensor) -> dict[str, tf.Tensor]:
        volume = checked_volume(slices, "slices")
        return {"probability": lesion_probability(network, volume, checked_spacing(spacing_mm))}

    size, multiple = network.checkpoint.preprocessing.size, network.checkpoint.preprocessing.multiple

    def tiles(batch: tf.Tensor) -> dict[str, tf.Tensor]:
        sentence = f"tiles must have four axes: tiles, rows, columns, 1; rows and columns multiples of {multiple}"
        batch = with_axes(batch, 4, sentence)
        # Both checks may run at once, so that this one must not fail on fewer axes.
        shape = tf.shape(batch)
        fitting = tf.reduce_all(shape[1:3] % multiple == 0) & (shape[-1] == 1)
        batch = refuse_unless(fitting, sentence, batch)
        batch.set_shape((None, None, None, 1))
        return {"probability": network(batch)}

    request = sample_request(sample_volume())
    return [
        Signature(
            name=SERVING_DEFAULT,
            meaning="Lesion probability of one volume of any size; everything from raw intensities on is done inside.",
            inputs=(SLICES, SPACING_MM),
            outputs=(PROBABILITY,),
            function=whole,
            sample={name: request[name] for name in ("slices", "spacing_mm")},
        ),
        Signature(
            name=TILES,
            meaning="Lesion probability of prepared slices, in batches that a server may join across requests.",
            inputs=(
                TensorRecord(
                    name="tiles",
                    dtype="float32",
                    shape=(None, None, None, 1),
                    meaning=f"slices as the network wants them, both sides a multiple of {multiple}",
                ),
            ),
            outputs=(
                TensorRecord(
                    name="probability",
                    dtype="float32",
                    shape=(None, None, None, 1),
                    meaning="of lesion, 0 to 1, on the grid of the tiles",
                ),
            ),
            function=tiles,
            sample={"tiles": np.random.default_rng(3).random((1, *size, 1), np.float32)},
        ),
    ]
