"""Differences between a served model and the command line, on the synthetic volume of `sample`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import tensorflow as tf

from spinal_tf.engine import Engine
from spinal_tf.models import (
    SEGMENTER,
    AnatomyNetwork,
    Classifier,
    Segmenter,
    load_anatomy,
    load_classifiers,
    load_segmenter,
)
from spinal_tf.network_slices import NetworkSlices
from spinal_tf.pipeline import classify_volume
from spinal_tf.prediction_options import SegmentationOptions
from spinal_tf.results import Classification, Segmentation
from spinal_tf.segmentation import segment_volume
from spinal_tf.serving.names import PIPELINE, SERVING_DEFAULT, TILES, WITH_MASK
from spinal_tf.serving.sample import sample_mask, sample_request, sample_volume
from spinal_tf.slices import make_tiles
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.structures import ANATOMY, STRUCTURES
from spinal_tf.taxonomy import Task, tree


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Differences on the sample.

    Attributes:
        lowest: lowest compared probability.
        highest: highest compared probability. If it is close to ``lowest``, the comparison says little.
        probability: largest difference in the probability of any voxel, tile, task or diagnosis.
        mask_voxels: number of voxels that are lesion, or of a structure, in only one of the two masks.
        gradcam: largest difference in any voxel of the heat maps, None if the model gives no heat maps.
    """

    lowest: float
    highest: float
    probability: float
    mask_voxels: int
    gradcam: float | None = None

    def __str__(self) -> str:
        """Return the differences in one line."""
        heat = "" if self.gradcam is None else f", heat maps by up to {self.gradcam:.1e}"
        extent = f"probabilities of {self.lowest:.2g} to {self.highest:.2g}"
        return f"{extent} by up to {self.probability:.1e}, masks in {self.mask_voxels} voxels{heat}"


class CommandLine:
    """The command line's path as a reference for exported versions; each network is loaded once."""

    def __init__(self, weights: Path, tasks: Sequence[Task] | None = None) -> None:
        """Store what to compare with. Weights are read on first use.

        Args:
            weights: folder from which the versions were exported.
            tasks: tasks whose classifiers are compared; None for all, as a pipeline needs.
        """
        self._weights, self._tasks = weights, tasks

    @cached_property
    def _segmenter(self) -> Segmenter:
        return load_segmenter(self._weights)

    @cached_property
    def _anatomy(self) -> AnatomyNetwork:
        return cast(AnatomyNetwork, load_anatomy(self._weights))  # it was exported from there

    @cached_property
    def _classifiers(self) -> tuple[Classifier, ...]:
        return load_classifiers(self._weights, self._tasks)

    def compare(self, folder: Path, model: str) -> Parity:
        """Run an exported version and the command line's path on the sample.

        Args:
            folder: folder of the version.
            model: name of the model.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        if model == SEGMENTER:
            return _of_segmenter(folder, self._segmenter)
        if model == ANATOMY:
            return _of_anatomy(folder, self._anatomy)
        if model == PIPELINE:
            return _of_pipeline(folder, self._segmenter, self._classifiers)
        return _of_classifier(folder, next(one for one in self._classifiers if one.task.name == model))


def _served(folder: Path, request: Mapping[str, np.ndarray], *names: str) -> list[Mapping[str, np.ndarray]]:
    """Return the answers of some signatures to a request, with the version loaded as the server loads it.

    Args:
        folder: folder of the version.
        request: every input that one of the signatures takes, by name.
        names: names of the signatures.
    """
    answers = []
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loader = tf.compat.v1.saved_model.loader
        signatures = loader.load(session, [tf.saved_model.SERVING], str(folder)).signature_def
        for signature in (signatures[name] for name in names):
            given = {tensor.name: request[key] for key, tensor in signature.inputs.items()}
            answers.append(session.run({key: tensor.name for key, tensor in signature.outputs.items()}, given))
    return answers


def _sample() -> dict[str, np.ndarray]:
    return sample_request(sample_volume())


def _of_segmenter(folder: Path, segmenter: Segmenter) -> Parity:
    [answer] = _served(folder, _sample(), SERVING_DEFAULT)
    served, cutoff = answer["probability"], segmenter.checkpoint.operating_point
    local = segment_volume(sample_volume(), segmenter, SegmentationOptions(), Stopwatch()).probability
    return _parity([(served, local)], mask_voxels=_differing(served >= cutoff, local >= cutoff))


def _of_anatomy(folder: Path, network: AnatomyNetwork) -> Parity:
    volume, cutoff = sample_volume(), network.checkpoint.operating_point

    def maps(engine: Engine) -> np.ndarray:
        slices = NetworkSlices(volume, network.checkpoint, engine, Stopwatch())
        return slices.maps(range(len(volume.data)), len(STRUCTURES), stage=ANATOMY)

    def ask(batch: np.ndarray) -> np.ndarray:
        [answer] = _served(folder, {"tiles": batch}, TILES)
        return answer["probability"]

    served, local = maps(ask), maps(network.engine)
    return _parity([(served, local)], mask_voxels=_differing(served >= cutoff, local >= cutoff))


def _of_classifier(folder: Path, classifier: Classifier) -> Parity:
    [answer] = _served(folder, _sample(), SERVING_DEFAULT)
    record = classifier.checkpoint
    mask_mode = record.mask_mode or "channel"
    tiles = make_tiles(sample_volume(), sample_mask(), preprocessing=record.preprocessing, mask_mode=mask_mode)
    local = classifier.explain(tiles.images, class_index=1).probabilities[:, 1]
    return _parity([(answer["tile_probability"], local)], mask_voxels=0)


def _of_pipeline(folder: Path, segmenter: Segmenter, classifiers: Sequence[Classifier]) -> Parity:
    # Classify with the drawn mask, because some segmenters miss the drawn lesion.
    (answer, drawn), volume = _served(folder, _sample(), SERVING_DEFAULT, WITH_MASK), sample_volume()
    local = segment_volume(volume, segmenter, SegmentationOptions(), Stopwatch())
    diagnosis = classify_volume(volume, sample_mask(), classifiers)
    return _of_case({**answer, **drawn}, answer["mask"], local, diagnosis)


def _of_case(
    answer: Mapping[str, np.ndarray], mask: np.ndarray, local: Segmentation, diagnosis: Classification | None
) -> Parity:
    pairs, mask_voxels = [(answer["probability"], local.probability)], _differing(mask > 0, local.mask)
    if diagnosis is None:
        return _parity(pairs, mask_voxels=mask_voxels)
    tasks = np.array([result.probability for result in diagnosis.tasks])
    diagnoses = np.array([diagnosis.posterior[one] for one in tree().diagnoses])
    pairs += [(answer["task_probability"], tasks), (answer["posterior"], diagnoses)]
    heat = np.stack([result.heatmap for result in diagnosis.tasks])
    return _parity(pairs, mask_voxels=mask_voxels, gradcam=_largest(answer["gradcam"], heat))


def _parity(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], *, mask_voxels: int, gradcam: float | None = None
) -> Parity:
    return Parity(
        lowest=min(float(local.min()) for _, local in pairs),
        highest=max(float(local.max()) for _, local in pairs),
        probability=max(_largest(served, local) for served, local in pairs),
        mask_voxels=mask_voxels,
        gradcam=gradcam,
    )


def _largest(served: np.ndarray, local: np.ndarray) -> float:
    return float(np.abs(served - local).max())


def _differing(served: np.ndarray, local: np.ndarray) -> int:
    return int(np.count_nonzero(served != local))
