"""A classifier as a server runs it: it takes raw slices and a mask and returns probabilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from spinal_tf.explanation.gradcam import TILES_PER_CALL
from spinal_tf.networks.network_spec import POOLING
from spinal_tf.serving.names import EXPLAIN
from spinal_tf.serving.network import ServedNetwork
from spinal_tf.serving.refusals import (
    checked_contrast,
    checked_mask,
    checked_spacing,
    checked_volume,
    refuse_unless,
    with_axes,
)
from spinal_tf.serving.sample import sample_request, sample_volume
from spinal_tf.serving.signature import SERVING_DEFAULT, SLICES, SPACING_MM, TILES, Signature, TensorRecord
from spinal_tf.serving.slice_batches import in_parts
from spinal_tf.serving.tiles import graph_tiles
from spinal_tf.taxonomy import tree

WITH_T1C = "with_t1c"

MASK = TensorRecord(
    name="mask", dtype="uint8", shape=(None, None, None), meaning="lesion, on the grid of slices: 0 is outside"
)
T1C = TensorRecord(
    name="t1c",
    dtype="float32",
    shape=(None, None, None),
    meaning="contrast-enhanced T1w volume on the grid of slices; intensities as they come from the scanner",
)
TILE_SLICES = TensorRecord(
    name="tile_slices", dtype="int32", shape=(None,), meaning="index in slices of every tile, from 0, ascending"
)
TOO_THIN = "the lesions are thinner than a pixel of the classifier's input; nothing could be classified"


def classifier_signatures(network: ServedNetwork) -> list[Signature]:
    """Return the signatures of a served classifier."""
    signatures = [
        _whole(network, SERVING_DEFAULT, "The task's answer for one volume and its lesion mask.", with_t1c=False),
        _tiles(network),
        _explain(network),
    ]
    if "t1c" in network.checkpoint.modalities:
        meaning = "The same with a contrast-enhanced volume."
        signatures.insert(1, _whole(network, WITH_T1C, meaning, with_t1c=True))
    return signatures


def _whole(network: ServedNetwork, name: str, meaning: str, *, with_t1c: bool) -> Signature:
    positive = tree().task(network.checkpoint.name).classes[1]
    request = sample_request(sample_volume())
    inputs = (SLICES, MASK, SPACING_MM, *((T1C,) if with_t1c else ()))
    return Signature(
        name=name,
        meaning=meaning,
        inputs=inputs,
        outputs=(
            TensorRecord(
                name="probability", dtype="float32", shape=(), meaning=f"of {positive}: mean over the tiles, 0 to 1"
            ),
            TensorRecord(
                name="called", dtype="string", shape=(), meaning="name of the class that the operating point calls"
            ),
            TensorRecord(
                name="tile_probability", dtype="float32", shape=(None,), meaning=f"of {positive} in every tile, 0 to 1"
            ),
            TILE_SLICES,
        ),
        function=_case_function(network),
        sample={item.name: request[item.name] for item in inputs},
    )


def _case_function(network: ServedNetwork) -> Callable[..., dict[str, tf.Tensor]]:
    task = tree().task(network.checkpoint.name)

    def whole(
        slices: tf.Tensor, mask: tf.Tensor, spacing_mm: tf.Tensor, t1c: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        volume = checked_volume(slices, "slices")
        contrast = None if t1c is None else checked_contrast(t1c, volume)
        lesion = checked_mask(mask, volume)
        tiles = graph_tiles(network.checkpoint, volume, lesion, checked_spacing(spacing_mm), contrast)
        count = refuse_unless(tiles.count > 0, TOO_THIN, tiles.count)
        [probabilities] = in_parts(
            lambda start, stop: [network(tiles.images(start, stop))],
            count=count,
            step=tf.constant(TILES_PER_CALL),
            shapes=[(2,)],
        )
        probability = tf.reduce_mean(probabilities[:, 1])
        called = tf.cast(probability >= network.checkpoint.point(with_t1c=contrast is not None), tf.int32)
        return {
            "probability": probability,
            "called": tf.gather(tf.constant(task.classes), called),
            "tile_probability": probabilities[:, 1],
            "tile_slices": tiles.slices,
        }

    return whole


def _tiles(network: ServedNetwork) -> Signature:
    def tiles(batch: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probability": network(_checked_tiles(network, batch))[:, 1]}

    return _on_tiles(
        network,
        TILES,
        "The task's answer for prepared tiles, in batches that a server may join across requests.",
        tiles,
    )


def _explain(network: ServedNetwork) -> Signature:
    negative, positive = tree().task(network.checkpoint.name).classes
    rows, columns = network.graphs.model.get_layer(POOLING).input.shape[1:3]

    def explain(batch: tf.Tensor) -> dict[str, tf.Tensor]:
        probabilities, maps = network.explain(_checked_tiles(network, batch))
        return {"probability": probabilities[:, 1], "maps": maps}

    maps = TensorRecord(
        name="maps",
        dtype="float32",
        shape=(None, rows, columns, 2),
        meaning=f"Grad-CAM as it is before enlarging and scaling, what speaks for {negative} and for {positive}",
    )
    return _on_tiles(network, EXPLAIN, f"The same as {TILES}, and where in a tile the evidence lies.", explain, maps)


def _on_tiles(
    network: ServedNetwork,
    name: str,
    meaning: str,
    function: Callable[[tf.Tensor], dict[str, tf.Tensor]],
    *more: TensorRecord,
) -> Signature:
    size, positive = network.checkpoint.preprocessing.size, tree().task(network.checkpoint.name).classes[1]
    tiles = TensorRecord(
        name="tiles",
        dtype="float32",
        shape=(None, *size, 3),
        meaning="prepared tiles; channels T1c (0 if absent), T2w, mask (0 or 1)",
    )
    probability = TensorRecord(name="probability", dtype="float32", shape=(None,), meaning=f"of {positive}, 0 to 1")
    return Signature(
        name=name,
        meaning=meaning,
        inputs=(tiles,),
        outputs=(probability, *more),
        function=function,
        sample={"tiles": np.random.default_rng(3).random((1, *size, 3), np.float32)},
    )


def _checked_tiles(network: ServedNetwork, batch: tf.Tensor) -> tf.Tensor:
    rows, columns = size = network.checkpoint.preprocessing.size
    sentence = f"tiles must have four axes: tiles, {rows}, {columns}, 3"
    batch = with_axes(batch, 4, sentence)
    # TensorFlow may run both checks at once, so this one must not fail on fewer axes.
    shape = tf.shape(batch)
    fitting = tf.reduce_all(shape[1:3] == size) & (shape[-1] == 3)
    batch = refuse_unless(fitting, sentence, batch)
    batch.set_shape((None, *size, 3))
    return batch
