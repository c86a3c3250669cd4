"""Exports, loaded as TensorFlow Serving loads them, give the answers of the command line and refuse plainly."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from spinal_tf.models import load_classifiers, load_segmenter
from spinal_tf.pipeline import SegmentationOptions, classify_volume, segment_volume
from spinal_tf.serving.sample import sample_volume
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.taxonomy import TASKS, Diagnosis
from spinal_tf.volume import Volume, read_volume

CUTOFF = 0.5


@pytest.fixture(params=["phantom", "sample"])
def volume(request, bright_file) -> Volume:
    """Odd sizes, one enlarged and one shrunk by the segmenter's 0.7 mm."""
    return read_volume(bright_file) if request.param == "phantom" else sample_volume()


def case(volume: Volume, **more: np.ndarray) -> dict[str, np.ndarray]:
    return {"slices": volume.data, "spacing_mm": np.array(volume.spacing_mm[1:]), **more}


def called(signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{signature}/{name}": value for name, value in inputs.items()}


@pytest.fixture
def ask(tmp_path, tiny_models, session_loader):
    """The function that asks version 1 of a model one signature, and returns its answer by name."""

    def run(model: str, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        answers = session_loader(tiny_models / model / "1", called(signature, inputs), tmp_path)
        return {name.split("/", 1)[1]: value for name, value in answers.items()}

    return run


@pytest.mark.slow
def test_segmenter_gives_the_probability_of_the_command_line(ask, volume, tiny_weights):
    expected = segment_volume(volume, load_segmenter(tiny_weights), SegmentationOptions(), Stopwatch()).probability
    found = ask("segmenter", "serving_default", case(volume))["probability"]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_array_equal(found >= CUTOFF, expected >= CUTOFF)
    assert (found >= CUTOFF).sum() > 100


@pytest.mark.slow
@pytest.mark.parametrize("contrast", [False, True])
def test_pipeline_gives_everything_that_the_command_line_gives(ask, volume, tiny_weights, contrast):
    local = segment_volume(volume, load_segmenter(tiny_weights), SegmentationOptions(), Stopwatch())
    diagnosis = classify_volume(volume, local.mask, load_classifiers(tiny_weights))
    answer = ask("pipeline", "serving_default", case(volume, voxel_volume_ml=np.array(volume.voxel_volume_ml)))
    np.testing.assert_array_equal(answer["mask"], local.mask)
    assert answer["mask"].any()
    np.testing.assert_array_equal(answer["tile_slices"], diagnosis.slices)
    for index, (task, result) in enumerate(zip(TASKS, diagnosis.tasks, strict=True)):
        assert result.task == task
        np.testing.assert_allclose(answer["task_probability"][index], result.probability, atol=1e-4)
        np.testing.assert_allclose(answer["tile_probability"][:, index], result.tile_probabilities, atol=1e-4)
        np.testing.assert_allclose(answer["gradcam"][index], result.heatmap, atol=1e-3)
        assert answer["gradcam"][index].max() > 0.5
    np.testing.assert_allclose(answer["posterior"], [diagnosis.posterior[one] for one in Diagnosis], atol=1e-4)
    assert answer["diagnosis"].item().decode() == diagnosis.diagnosis.value
