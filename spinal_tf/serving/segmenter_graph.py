"""The segmenter as a server runs it: it takes raw slices and returns lesion probability on their grid."""

from __future__ import annotations

import tensorflow as tf

from spinal_tf.engine import PIXELS_PER_BATCH
from spinal_tf.serving.intensity import graph_scale
from spinal_tf.serving.neighbours import graph_neighbour_index, graph_seen
from spinal_tf.serving.network import ServedNetwork
from spinal_tf.serving.placement import graph_input, graph_output, graph_place
from spinal_tf.serving.prepared_slices import prepared_slices
from spinal_tf.serving.refusals import checked_slice_distance, checked_spacing, checked_volume
from spinal_tf.serving.sample import sample_request, sample_volume
from spinal_tf.serving.signature import SERVING_DEFAULT, SLICE_MM, SLICES, SPACING_MM, Signature, TensorRecord
from spinal_tf.serving.slabs import graph_slabs
from spinal_tf.serving.slice_batches import in_parts

PROBABILITY = TensorRecord(
    name="probability", dtype="float32", shape=(None, None, None), meaning="of lesion, 0 to 1, on the grid of slices"
)


def lesion_probability(
    network: ServedNetwork, volume: tf.Tensor, spacing_mm: tf.Tensor, slice_mm: tf.Tensor
) -> tf.Tensor:
    """Run every sagittal slice through the network.

    Args:
        network: the segmenter.
        volume: float32 (slice, row, column), checked.
        spacing_mm: float64 (2,), checked.
        slice_mm: float64, checked.

    Returns:
        float32, the volume's shape.
    """
    preprocessing = network.checkpoint.preprocessing
    volume = graph_slabs(volume, slice_mm, preprocessing.slab_mm)
    scale = graph_scale(volume, preprocessing.intensity)
    placement = graph_place(tf.shape(volume)[1:], spacing_mm, preprocessing)
    count = tf.shape(volume)[0]
    seen = graph_neighbour_index(count, slice_mm, preprocessing.neighbour_mm)

    def prepare(slices: tf.Tensor) -> tf.Tensor:
        return graph_input(scale(tf.gather(volume, slices)), placement)

    def work(start: tf.Tensor, stop: tf.Tensor) -> list[tf.Tensor]:
        return [graph_output(network(graph_seen(seen[start:stop], prepare))[..., 0], placement)]

    step = tf.maximum(1, PIXELS_PER_BATCH // placement.input_pixels)
    [probability] = in_parts(work, count=count, step=step, shapes=[(None, None)])
    return tf.ensure_shape(probability, (None, None, None))


def segmenter_signatures(network: ServedNetwork) -> list[Signature]:
    """Return the signatures of a served segmenter."""

    def whole(slices: tf.Tensor, spacing_mm: tf.Tensor, slice_mm: tf.Tensor) -> dict[str, tf.Tensor]:
        volume, spacing_mm = checked_volume(slices, "slices"), checked_spacing(spacing_mm)
        return {"probability": lesion_probability(network, volume, spacing_mm, checked_slice_distance(slice_mm))}

    request, inputs = sample_request(sample_volume()), (SLICES, SPACING_MM, SLICE_MM)
    return [
        Signature(
            name=SERVING_DEFAULT,
            meaning="Lesion probability of one volume of any size; everything from raw intensities on is done inside.",
            inputs=inputs,
            outputs=(PROBABILITY,),
            function=whole,
            sample={item.name: request[item.name] for item in inputs},
        ),
        _on_tiles(network),
    ]


def _on_tiles(network: ServedNetwork) -> Signature:
    probability = TensorRecord(
        name="probability",
        dtype="float32",
        shape=(None, None, None, 1),
        meaning="of lesion, 0 to 1, on the grid of the tiles",
    )
    meaning = "Lesion probability of prepared slices, in batches that a server may join across requests."
    return prepared_slices(network, meaning=meaning, output=probability)
