"""The main path on whole slices, as a server runs it: from a volume to mask, probabilities and Grad-CAM in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from spinal_tf.explanation.gradcam import TILES_PER_CALL
from spinal_tf.networks.network_spec import POOLING
from spinal_tf.prediction_options import MINIMUM_VOLUME_ML
from spinal_tf.serving.cascade import NOT_CLASSIFIED, graph_diagnosis, graph_posterior
from spinal_tf.serving.classifier_graph import MASK, T1C, TILE_SLICES, WITH_T1C
from spinal_tf.serving.components import graph_find_lesions
from spinal_tf.serving.heatmaps import graph_heatmap
from spinal_tf.serving.names import WITH_MASK
from spinal_tf.serving.network import ServedNetwork
from spinal_tf.serving.refusals import (
    checked_contrast,
    checked_mask,
    checked_slice_distance,
    checked_spacing,
    checked_volume,
)
from spinal_tf.serving.sample import sample_request, sample_volume
from spinal_tf.serving.segmenter_graph import PROBABILITY, lesion_probability
from spinal_tf.serving.signature import SERVING_DEFAULT, SLICE_MM, SLICES, SPACING_MM, Signature, TensorRecord
from spinal_tf.serving.slice_batches import in_parts
from spinal_tf.serving.tiles import GraphTiles, graph_tiles
from spinal_tf.taxonomy import tree

Find = Callable[..., tuple[tf.Tensor, tf.Tensor]]
Classify = Callable[..., dict[str, tf.Tensor]]
"""`ServedPipeline.find` and `ServedPipeline.classify`, as graphs."""

WITH_MASK_AND_T1C = "with_mask_and_t1c"

FOUND_MASK = TensorRecord(
    name="mask",
    dtype="uint8",
    shape=(None, None, None),
    meaning=f"1 in lesions of {MINIMUM_VOLUME_ML} mL or more, on the grid of slices",
)


@dataclass(frozen=True, kw_only=True)
class ServedPipeline:
    """Pipeline of segmenter and classifiers; it does not look for the spine.

    Attributes:
        classifiers: classifiers in the order of the tree's tasks.
    """

    segmenter: ServedNetwork
    classifiers: Sequence[ServedNetwork]

    def find(self, volume: tf.Tensor, spacing_mm: tf.Tensor, slice_mm: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return lesion probability, float32, and mask, bool, of a checked volume."""
        probability = lesion_probability(self.segmenter, volume, spacing_mm, slice_mm)
        mask = graph_find_lesions(
            probability,
            threshold=self.segmenter.checkpoint.operating_point,
            minimum_peak=self.segmenter.checkpoint.minimum_peak,
            minimum_volume_ml=MINIMUM_VOLUME_ML,
            voxel_volume_ml=slice_mm * tf.reduce_prod(spacing_mm) / 1000,
        )
        return probability, mask

    def classify(
        self, volume: tf.Tensor, mask: tf.Tensor, spacing_mm: tf.Tensor, t1c: tf.Tensor | None
    ) -> dict[str, tf.Tensor]:
        """Run the classifiers on the lesion-bearing slices of a checked volume."""
        made: dict[object, GraphTiles] = {}
        answers = []
        for network in self.classifiers:
            checkpoint = network.checkpoint
            recipe = checkpoint.preprocessing, checkpoint.mask_mode, "t1c" in checkpoint.modalities
            if recipe not in made:  # classifiers trained together use the same tiles
                made[recipe] = graph_tiles(checkpoint, volume, mask, spacing_mm, t1c)
            tiles = made[recipe]
            answers.append(_ask(network, tiles, tf.shape(volume), with_t1c=t1c is not None))
        probability = tf.stack([answer.probability for answer in answers])
        called = tf.stack([answer.called for answer in answers])
        return {
            "task_probability": probability,
            "tile_probability": tf.stack([answer.tile_probability for answer in answers], axis=1),
            "tile_slices": tiles.slices,
            "posterior": graph_posterior(probability),
            "diagnosis": graph_diagnosis(called, tiles.count),
            "gradcam": tf.stack([answer.heatmap for answer in answers]),
        }


@dataclass(frozen=True, kw_only=True)
class _Answer:
    probability: tf.Tensor
    called: tf.Tensor
    tile_probability: tf.Tensor
    heatmap: tf.Tensor


def _ask(network: ServedNetwork, tiles: GraphTiles, shape: tf.Tensor, *, with_t1c: bool) -> _Answer:
    size = network.checkpoint.preprocessing.size
    features = network.graphs.model.get_layer(POOLING).input.shape[1:3]
    probabilities, maps = in_parts(
        lambda start, stop: network.explain(tiles.images(start, stop)),
        count=tiles.count,
        step=tf.constant(TILES_PER_CALL),
        shapes=[(2,), (*features, 2)],
    )
    probability = tf.reduce_mean(probabilities[:, 1])
    called = tf.cast(probability >= network.checkpoint.point(with_t1c=with_t1c), tf.int32)
    return _Answer(
        probability=probability,
        called=called,
        tile_probability=probabilities[:, 1],
        heatmap=graph_heatmap(tf.gather(maps, called, axis=3), tiles, size, shape),
    )


def _answers() -> tuple[TensorRecord, ...]:
    """Return the records of the classifiers' outputs, as the tree joins them."""
    in_order = ", ".join(tree().task_names)
    diagnoses = ", ".join(diagnosis.value for diagnosis in tree().diagnoses)
    tasks = len(tree().tasks)
    return (
        TensorRecord(
            name="task_probability",
            dtype="float32",
            shape=(tasks,),
            meaning=f"of the positive class, mean over the tiles, for {in_order}; NaN where nothing was classified",
        ),
        TensorRecord(
            name="tile_probability",
            dtype="float32",
            shape=(None, tasks),
            meaning=f"of the positive class in every tile, for {in_order}; no tile where nothing was classified",
        ),
        TILE_SLICES,
        TensorRecord(
            name="posterior",
            dtype="float32",
            shape=(len(tree().diagnoses),),
            meaning=f"probability of {diagnoses}; NaN where nothing was classified",
        ),
        TensorRecord(
            name="diagnosis",
            dtype="string",
            shape=(),
            meaning=f"reached by the operating points: {diagnoses}, or {NOT_CLASSIFIED}",
        ),
        TensorRecord(
            name="gradcam",
            dtype="float32",
            shape=(tasks, None, None, None),
            meaning=f"what speaks for the called class, 0 to 1, for {in_order}, on the grid of slices; 0 without tile",
        ),
    )


def pipeline_signatures(pipeline: ServedPipeline) -> list[Signature]:
    """Return the signatures of a served pipeline: with or without a mask, and with T1c if the weights use it."""
    request = sample_request(sample_volume())
    # All signatures share these traces (classify has another for T1c): tracing takes most of an export's time.
    find, classify = (tf.function(step, autograph=False) for step in (pipeline.find, pipeline.classify))

    def signature(
        name: str, meaning: str, inputs: Sequence[TensorRecord], outputs: Sequence[TensorRecord]
    ) -> Signature:
        return Signature(
            name=name,
            meaning=meaning,
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            function=_function(find, classify, [item.name for item in inputs]),
            sample={item.name: request[item.name] for item in inputs},
        )

    answers = _answers()
    finding, found = (SLICES, SPACING_MM, SLICE_MM), (PROBABILITY, FOUND_MASK, *answers)
    given = (SLICES, MASK, SPACING_MM)
    signatures = [
        signature(SERVING_DEFAULT, "Find the lesions of one volume on whole slices and classify them.", finding, found),
        signature(WITH_MASK, "Classify the lesions of a given, reviewed mask.", given, answers),
    ]
    if any("t1c" in network.checkpoint.modalities for network in pipeline.classifiers):
        also = "with a contrast-enhanced volume for the classifiers"
        signatures += [
            signature(WITH_T1C, f"The same as {SERVING_DEFAULT}, {also}.", (*finding, T1C), found),
            signature(WITH_MASK_AND_T1C, f"The same as {WITH_MASK}, {also}.", (*given, T1C), answers),
        ]
    return signatures


def _function(find: Find, classify: Classify, names: Sequence[str]) -> Callable[..., dict[str, tf.Tensor]]:
    def run(*values: tf.Tensor) -> dict[str, tf.Tensor]:
        given = dict(zip(names, values, strict=True))
        volume, spacing_mm = checked_volume(given["slices"], "slices"), checked_spacing(given["spacing_mm"])
        t1c = checked_contrast(given["t1c"], volume) if "t1c" in given else None
        if "mask" in given:
            return classify(volume, checked_mask(given["mask"], volume), spacing_mm, t1c)
        probability, mask = find(volume, spacing_mm, checked_slice_distance(given["slice_mm"]))
        answers = classify(volume, tf.ensure_shape(mask, (None,) * 3), spacing_mm, t1c)
        return {"probability": probability, "mask": tf.cast(mask, tf.uint8), **answers}

    return run
