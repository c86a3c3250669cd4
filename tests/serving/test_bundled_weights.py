"""The bundled weights, exported, against the command line's own path: a simulated case both ways, and real scans."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import zoom

from spinal_tf.images.volume import Volume, new_volume, read_volume
from spinal_tf.models import load_classifiers, load_segmenter
from spinal_tf.phantom.simulated_case import simulate_case
from spinal_tf.pipeline import classify_volume
from spinal_tf.prediction_options import SegmentationOptions
from spinal_tf.segmentation import segment_volume
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.taxonomy import EPENDYMOMA

BUNDLED = Path(__file__).parents[2] / "weights"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BUNDLED / "manifest.json").is_file(), reason="the checkout holds no weights yet"),
]

PIXELS_MM = {"shrunk": (0.47, 0.53), "grown": (1.3, 1.1)}
"""Row and column size, finer and coarser than the segmenter's 0.8 mm and the classifiers' pixels."""

VIEW_MM = 110.0
"""Rows and columns that are kept, around the lesion: enough for both networks, little to compute."""

SCANS = {"errsm11": 25, "errsm18": 25, "errsm20": 25, "sct_example": 25, "sct_fake_lesion": None}
"""Public scans, and the first of the three slices that are compared; None compares all."""


def simulated(name: str) -> Volume:
    """Five slices through a simulated ependymoma, both sides odd."""
    case, pixel_mm = simulate_case(np.random.default_rng(1), EPENDYMOMA), PIXELS_MM[name]
    centre = np.round(np.argwhere(case.mask).mean(axis=0)).astype(int)
    kept = [slice(max(0, centre[0] - 2), centre[0] + 3)]
    for middle, size_mm in zip(centre[1:], case.spacing_mm[1:], strict=True):
        half = round(VIEW_MM / 2 / size_mm)
        kept.append(slice(max(0, middle - half), middle + half))
    factors = (1, *(old / new for old, new in zip(case.spacing_mm[1:], pixel_mm, strict=True)))
    data = zoom(case.t2[tuple(kept)], factors, order=1)
    data = data[:, : data.shape[1] - (data.shape[1] + 1) % 2, : data.shape[2] - (data.shape[2] + 1) % 2]
    affine = np.diag([-case.spacing_mm[0], -pixel_mm[0], -pixel_mm[1], 1.0])[[0, 2, 1, 3]]
    return new_volume(data, affine, source=name)


def part(volume: Volume, first: int | None) -> Volume:
    return volume if first is None else dataclasses.replace(volume, data=volume.data[first : first + 3].copy())


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Segmenter and pipeline of the bundled weights, exported in version 1."""
    from spinal_tf.serving.write_export import export_saved_model, serve_pipeline, serve_segmenter

    folder = tmp_path_factory.mktemp("bundled")
    for model in (serve_segmenter(BUNDLED), serve_pipeline(BUNDLED)):
        export_saved_model(model, BUNDLED, folder)
    return folder


@pytest.fixture(scope="module")
def ask(models, session_loader, tmp_path_factory):
    """The function that gives the answers of both models to some volumes."""

    def answers(volumes: dict[str, Volume]) -> dict[str, np.ndarray]:
        requests = {}
        for name, volume in volumes.items():
            for model in ("segmenter", "pipeline"):
                case = f"{model}/1|serving_default|{name}"
                requests[f"{case}|slices"] = volume.data
                requests[f"{case}|spacing_mm"] = np.array(volume.spacing_mm[1:])
                requests[f"{case}|slice_mm"] = np.array(volume.spacing_mm[0])
        return session_loader(models, requests, tmp_path_factory.mktemp("session"))

    return answers


@pytest.fixture(scope="module")
def agree(same_diagnosis):
    """The function that compares the answers to one volume with the command line's path."""
    segmenter, classifiers = load_segmenter(BUNDLED), load_classifiers(BUNDLED)
    cutoff = segmenter.checkpoint.operating_point

    def compare(answers: dict[str, np.ndarray], name: str, volume: Volume) -> np.ndarray:
        expected = segment_volume(volume, segmenter, SegmentationOptions(), Stopwatch())
        for model in ("segmenter", "pipeline"):
            found = answers[f"{model}/1|serving_default|{name}|probability"]
            np.testing.assert_allclose(found, expected.probability, atol=1e-4)
            np.testing.assert_array_equal(found >= cutoff, expected.probability >= cutoff)
        prefix = f"pipeline/1|serving_default|{name}|"
        found = {key.removeprefix(prefix): value for key, value in answers.items() if key.startswith(prefix)}
        np.testing.assert_array_equal(found["mask"], expected.mask)
        classification = classify_volume(volume, expected.mask, classifiers) if expected.mask.any() else None
        if classification is not None:
            same_diagnosis(found, classification)
        return expected.mask

    return compare


@pytest.fixture(scope="module")
def simulated_volumes():
    return {name: simulated(name) for name in PIXELS_MM}


@pytest.fixture(scope="module")
def simulated_answers(ask, simulated_volumes):
    return ask(simulated_volumes)


@pytest.mark.parametrize("name", PIXELS_MM)
def test_a_simulated_case_has_the_same_mask_and_answer(simulated_answers, simulated_volumes, agree, name):
    volume = simulated_volumes[name]
    assert volume.data.shape[1] % 2 == volume.data.shape[2] % 2 == 1
    assert agree(simulated_answers, name, volume).any()


@pytest.fixture(scope="module")
def real_volumes(real_data):
    return {name: part(read_volume(real_data / "real" / name / "t2.nii.gz"), first) for name, first in SCANS.items()}


@pytest.fixture(scope="module")
def real_answers(ask, real_volumes):
    return ask(real_volumes)


@pytest.mark.real_data
@pytest.mark.parametrize("name", SCANS)
def test_a_real_scan_has_the_same_mask_and_answer(real_answers, real_volumes, agree, name):
    agree(real_answers, name, real_volumes[name])
