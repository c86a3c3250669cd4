"""What a served model's answers differ by from those of the command line, on the made-up volume of `sample`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from spinal_tf.models import SEGMENTER, load_classifiers, load_segmenter
from spinal_tf.pipeline import SegmentationOptions, classify_volume, segment_volume
from spinal_tf.results import Classification, Segmentation
from spinal_tf.serving.names import SERVING_DEFAULT, WITH_MASK
from spinal_tf.serving.sample import sample_mask, sample_request, sample_volume
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.taxonomy import TASKS, Diagnosis


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Differences on the sample.

    Attributes:
        probability: largest of any lesion, tile, task or diagnosis.
        mask_voxels: voxels that are lesion in one mask alone.
        gradcam: largest of any voxel's heat, None where the model gives no heat maps.
    """

    probability: float
    mask_voxels: int
    gradcam: float | None = None

    def __str__(self) -> str:
        """The differences in one line."""
        heat = "" if self.gradcam is None else f", heat maps by up to {self.gradcam:.1e}"
        return f"probabilities by up to {self.probability:.1e}, masks in {self.mask_voxels} voxels{heat}"


def compare_with_command_line(folder: Path, model: str, weights: Path) -> Parity:
    """Run an exported version and the command line's own path on the sample.

    Args:
        folder: of the version.
        model: its name.
        weights: folder that it was made from.

    Raises:
        WeightsError: the weights are missing or damaged.
    """
    answer = _served(folder)
    volume = sample_volume()
    if model == SEGMENTER:
        segmenter = load_segmenter(weights)
        local = segment_volume(volume, segmenter, SegmentationOptions(), Stopwatch())
        cutoff = segmenter.checkpoint.operating_point
        return Parity(
            probability=_largest(answer["probability"], local.probability),
            mask_voxels=_differing(answer["probability"] >= cutoff, local.probability >= cutoff),
        )
    classifiers = load_classifiers(weights)
    if model in {task.name for task in TASKS}:
        diagnosis = classify_volume(volume, sample_mask(), classifiers)
        results = () if diagnosis is None else diagnosis.tasks
        tiles = next((result.tile_probabilities for result in results if result.task.name == model), ())
        return Parity(probability=_largest(answer["tile_probability"], tiles), mask_voxels=0)
    local = segment_volume(volume, load_segmenter(weights), SegmentationOptions(), Stopwatch())
    # With the drawn mask, since not every segmenter finds the drawn lesion.
    drawn = _served(folder, WITH_MASK)
    return _of_pipeline({**answer, **drawn}, answer["mask"], local, classify_volume(volume, sample_mask(), classifiers))


def _served(folder: Path, signature: str = SERVING_DEFAULT) -> Mapping[str, np.ndarray]:
    graph = tf.saved_model.load(str(folder)).signatures[signature]
    names = graph.structured_input_signature[1]
    request = {name: tf.constant(value) for name, value in sample_request(sample_volume()).items() if name in names}
    return {name: value.numpy() for name, value in graph(**request).items()}


def _of_pipeline(
    answer: Mapping[str, np.ndarray], mask: np.ndarray, local: Segmentation, diagnosis: Classification | None
) -> Parity:
    lesion, mask_voxels = _largest(answer["probability"], local.probability), _differing(mask > 0, local.mask)
    if diagnosis is None:
        return Parity(probability=lesion, mask_voxels=mask_voxels)
    tasks = np.array([result.probability for result in diagnosis.tasks])
    heat = np.stack([result.heatmap for result in diagnosis.tasks])
    diagnoses = np.array([diagnosis.posterior[one] for one in Diagnosis])
    others = _largest(answer["task_probability"], tasks), _largest(answer["posterior"], diagnoses)
    return Parity(probability=max(lesion, *others), mask_voxels=mask_voxels, gradcam=_largest(answer["gradcam"], heat))


def _largest(served: np.ndarray, local: Sequence[float] | np.ndarray) -> float:
    return float(np.abs(served - np.asarray(local)).max(initial=0))


def _differing(served: np.ndarray, local: np.ndarray) -> int:
    return int(np.count_nonzero(served != local))
