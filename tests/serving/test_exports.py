"""Exports, loaded as TensorFlow Serving loads them, give the answers of the command line and refuse plainly."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from spinal_tf.images.volume import Volume
from spinal_tf.models import load_classifiers, load_segmenter
from spinal_tf.pipeline import classify_volume
from spinal_tf.prediction_options import SegmentationOptions
from spinal_tf.scaling import normalise
from spinal_tf.segmentation import segment_volume
from spinal_tf.serving.cascade import NOT_CLASSIFIED
from spinal_tf.serving.sample import sample_mask, sample_volume
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.taxonomy import tree

pytestmark = pytest.mark.slow

TASK = tree().tasks[0].name
CUTOFF = 0.5
FOLDERS = ("", "padded/", "neighbours/")
GRIDS = {"shrunk": (4, 4.0), "thin": (9, 1.0), "tie": (8, 1.2), "few": (3, 0.7), "sample": (5, 3.3)}
"""Number and distance of the slices; neighbours are one slice away or three, in the last but one four, were they there.

The segmenter's pixels of 0.7 mm are finer than those of the last, and coarser than those of the others.
"""


def volume_of(name: str) -> Volume:
    if name == "sample":
        return sample_volume()
    count, slice_mm = GRIDS[name]
    # The gap to the bright voxels is too narrow for outliers, which reading would clip.
    data = np.random.default_rng(2).normal(300, 60, (count, 91, 67)).astype(np.float32)
    data[1:-1, 30:52, 20:31] = 1000
    data[0, 2:5, 2:5] = 1100  # 9 voxels, 0.009 mL or less
    affine = np.diag([-slice_mm, -0.55, -0.45, 1.0])[[0, 2, 1, 3]]
    return dataclasses.replace(sample_volume(), data=data, affine=affine)


VOLUMES = {name: volume_of(name) for name in GRIDS}
MASKS = {**{name: volume.data > 900 for name, volume in VOLUMES.items()}, "sample": sample_mask()}


def inputs(volume: Volume, **more: np.ndarray) -> dict[str, np.ndarray]:
    slice_mm, *spacing_mm = volume.spacing_mm
    return {"slices": volume.data, "spacing_mm": np.array(spacing_mm), "slice_mm": np.array(slice_mm), **more}


def contrast(volume: Volume) -> Volume:
    return dataclasses.replace(volume, data=volume.data[:, ::-1].copy())


def sound_requests() -> dict[str, dict[str, np.ndarray]]:
    requests = {}
    for name, volume in VOLUMES.items():
        mask, t1c = MASKS[name].astype(np.uint8), contrast(volume).data
        requests[f"{TASK}/1|serving_default|{name}"] = inputs(volume, mask=mask)
        requests[f"{TASK}/1|with_t1c|{name}"] = inputs(volume, mask=mask, t1c=t1c)
        for folder in FOLDERS:
            for model in ("segmenter", "pipeline"):
                requests[f"{folder}{model}/1|serving_default|{name}"] = inputs(volume)
            requests[f"{folder}pipeline/1|with_mask_and_t1c|{name}"] = inputs(volume, mask=mask, t1c=t1c)
    dark = np.random.default_rng(4).normal(0, 1, (3, 20, 24)).astype(np.float32)
    dark[0, 0, 0] = 60  # one voxel above all others: a speck of less than 0.02 mL
    empty = dataclasses.replace(VOLUMES["shrunk"], data=dark)
    requests["pipeline/1|serving_default|empty"] = inputs(empty)
    for folder, channels in (("", 1), ("neighbours/", 3)):
        tiles = np.random.default_rng(6).random((3, 32, 48, channels), np.float32)
        requests[f"{folder}segmenter/1|tiles|batch"] = {"tiles": tiles}
    requests[f"{TASK}/1|tiles|batch"] = {"tiles": np.random.default_rng(6).random((3, 64, 64, 3), np.float32)}
    return requests


SOUND = inputs(VOLUMES["shrunk"])
SLICES, LESION = SOUND["slices"], MASKS["shrunk"].astype(np.uint8)
REFUSED = {
    "rank 2": ("segmenter", {"slices": SLICES[0]}, "slices must have three axes"),
    "rank 4": ("segmenter", {"slices": SLICES[np.newaxis]}, "slices must have three axes"),
    "two slices": ("segmenter", {"slices": SLICES[:2]}, "slices must have at least 3 voxels along every axis"),
    "NaN": ("segmenter", {"slices": np.where(SLICES > 1090, np.float32(np.nan), SLICES)}, "not finite numbers"),
    "infinite": ("pipeline", {"slices": np.where(SLICES > 1090, np.float32(np.inf), SLICES)}, "not finite numbers"),
    "constant": ("segmenter", {"slices": np.ones_like(SLICES)}, "slices has constant intensity"),
    "spacing of three": ("segmenter", {"spacing_mm": np.ones(3)}, "spacing_mm must be two numbers"),
    "spacing of zero": ("segmenter", {"spacing_mm": np.array([0.0, 1.0])}, "spacing_mm must be positive"),
    "spacing in metres": ("segmenter", {"spacing_mm": np.full(2, 700.0)}, "more than 2048 pixels a side"),
    "empty mask": (TASK, {"mask": np.zeros_like(LESION)}, "mask is empty"),
    "mask of two labels": (TASK, {"mask": LESION + np.roll(LESION, 1, 2)}, "mask must hold 0 and one other value"),
    "mask of another shape": (TASK, {"mask": LESION[:, 1:]}, "mask must have the shape of the slices"),
    "mask of rank 2": (TASK, {"mask": LESION[0]}, "mask must have three axes"),
    "no distance of slices": ("segmenter", {"slice_mm": np.array(0.0)}, "slice_mm must be a positive number"),
    "slices infinitely apart": ("pipeline", {"slice_mm": np.array(np.inf)}, "slice_mm must be a positive number"),
    "distances of slices": ("pipeline", {"slice_mm": np.ones(2)}, "slice_mm must be a single number"),
    "no distance of neighbours": (
        "neighbours/segmenter",
        {"slice_mm": np.array(np.nan)},
        "slice_mm must be a positive",
    ),
    "NaN in T1c": (f"{TASK} with_t1c", {"t1c": np.full_like(SLICES, np.nan)}, "t1c has voxels that are not finite"),
    "T1c of another shape": (f"{TASK} with_t1c", {"t1c": SLICES[:, 1:]}, "t1c must have the shape of the slices"),
    "reviewed mask without lesion": ("pipeline with_mask", {"mask": np.zeros_like(LESION)}, "mask is empty"),
    "volume of other type": ("segmenter", {"slices": SLICES.astype(np.float64)}, "float"),
    "mask of other type": (TASK, {"mask": LESION.astype(np.float32)}, "uint8"),
    "slice of rank 3": ("segmenter tiles", {"tiles": np.zeros((32, 48, 1), np.float32)}, "must have four axes"),
    "odd slice": ("segmenter tiles", {"tiles": np.zeros((1, 32, 40, 1), np.float32)}, "columns multiples of 16"),
    "slice in colour": ("segmenter tiles", {"tiles": np.zeros((1, 32, 48, 3), np.float32)}, "tiles, rows, columns, 1;"),
    "slice alone": (
        "neighbours/segmenter tiles",
        {"tiles": np.zeros((1, 32, 48, 1), np.float32)},
        "tiles, rows, columns, 3;",
    ),
    "tile of rank 3": (f"{TASK} tiles", {"tiles": np.zeros((64, 64, 3), np.float32)}, "must have four axes"),
    "small tile": (f"{TASK} tiles", {"tiles": np.zeros((1, 32, 64, 3), np.float32)}, "tiles, 64, 64, 3"),
}
MORE = {
    "segmenter": SOUND,
    TASK: {**SOUND, "mask": LESION},
    f"{TASK} with_t1c": {**SOUND, "mask": LESION},
    "pipeline": SOUND,
    "neighbours/segmenter": SOUND,
    "pipeline with_mask": SOUND,
}


def refused_case(name: str) -> str:
    model, _, signature = REFUSED[name][0].partition(" ")
    return f"{model}/1|{signature or 'serving_default'}|0 {name}"


@pytest.fixture(scope="module")
def answers(tiny_models, session_loader, tmp_path_factory):
    """Every request of this module, asked in one process; the server stays up after refusals, so they come first."""
    requests = {
        refused_case(name): {**MORE.get(asked, {}), **wrong} for name, (asked, wrong, _) in REFUSED.items()
    } | sound_requests()
    flat = {f"{case}|{name}": value for case, given in requests.items() for name, value in given.items()}
    return session_loader(tiny_models, flat, tmp_path_factory.mktemp("session"))


@pytest.fixture(scope="module")
def weights(tiny_weights, padded_weights, neighbour_weights):
    return dict(zip(FOLDERS, (tiny_weights, padded_weights, neighbour_weights), strict=True))


@pytest.fixture(scope="module")
def local(weights):
    """What the command line finds in each volume, with each folder's weights."""
    segmenters = {folder: load_segmenter(path) for folder, path in weights.items()}
    return {
        (folder, name): segment_volume(volume, segmenter, SegmentationOptions(), Stopwatch())
        for folder, segmenter in segmenters.items()
        for name, volume in VOLUMES.items()
    }


@pytest.fixture(scope="module")
def classifiers(weights):
    return {folder: load_classifiers(path) for folder, path in weights.items()}


def answer(answers, case: str) -> dict[str, np.ndarray]:
    return {key.rsplit("|", 1)[1]: value for key, value in answers.items() if key.startswith(f"{case}|")}


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("name", GRIDS)
def test_segmenter_gives_the_probability_of_the_command_line(answers, local, name, folder):
    found = answer(answers, f"{folder}segmenter/1|serving_default|{name}")["probability"]
    expected = local[folder, name].probability
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_array_equal(found >= CUTOFF, expected >= CUTOFF)
    assert (found >= CUTOFF).sum() > 100


def test_slabs_and_neighbours_three_slices_away_are_seen(answers):
    found = answer(answers, "neighbours/segmenter/1|serving_default|thin")["probability"]
    data, bright = VOLUMES["thin"].data, np.s_[:, 36:46, 23:28]  # bright but for the first slice and the last
    ends = np.pad(data, ((1, 1), (0, 0), (0, 0)), mode="edge")
    planes = normalise((ends[:-2] + ends[1:-1] + ends[2:]) / 3, intensity="zscore_clip", source="")
    # The fourth slice sees the first and the seventh, the fifth two bright ones, the sixth the third and the last.
    before, own, after = planes[bright][0:3], planes[bright][3:6], planes[bright][6:9]
    expected = 1 / (1 + np.exp(-10 * (0.25 * before + 0.9 * own - 0.15 * after - 0.7)))
    middle = found[bright][3:6].mean(axis=(1, 2))
    assert middle[0] < 0.9 < middle[1]
    np.testing.assert_allclose(middle, expected.mean(axis=(1, 2)), atol=0.02)


@pytest.mark.parametrize("signature", ["serving_default", "with_t1c"])
@pytest.mark.parametrize("name", GRIDS)
def test_classifier_gives_the_answer_of_the_command_line(answers, classifiers, name, signature):
    found, volume = answer(answers, f"{TASK}/1|{signature}|{name}"), VOLUMES[name]
    t1c = contrast(volume) if signature == "with_t1c" else None
    expected = classify_volume(volume, MASKS[name], classifiers[""], t1c=t1c)
    result = expected.tasks[0]
    np.testing.assert_array_equal(found["tile_slices"], expected.slices)
    np.testing.assert_allclose(found["tile_probability"], result.tile_probabilities, atol=1e-4)
    np.testing.assert_allclose(found["probability"], result.probability, atol=1e-4)
    assert found["called"].item().decode() == result.called


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("name", GRIDS)
def test_pipeline_gives_everything_that_the_command_line_gives(
    answers, local, classifiers, same_diagnosis, name, folder
):
    found, volume = answer(answers, f"{folder}pipeline/1|serving_default|{name}"), VOLUMES[name]
    expected = local[folder, name]
    np.testing.assert_array_equal(found["mask"], expected.mask)
    assert found["mask"].any()
    # The speck of the first volume is found at the fixed spacing, and removed.
    assert (found["mask"].sum() < (expected.probability >= CUTOFF).sum()) or name == "sample" or folder
    same_diagnosis(found, classify_volume(volume, expected.mask, classifiers[folder]))
    assert (found["gradcam"].max(axis=(1, 2, 3)) > 0.5).all()


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("name", GRIDS)
def test_pipeline_takes_a_reviewed_mask_and_a_contrast_volume(answers, classifiers, same_diagnosis, name, folder):
    found, volume = answer(answers, f"{folder}pipeline/1|with_mask_and_t1c|{name}"), VOLUMES[name]
    expected = classify_volume(volume, MASKS[name], classifiers[folder], t1c=contrast(volume))
    same_diagnosis(found, expected)
    assert [result.called for result in expected.tasks] == [result.task.classes[1] for result in expected.tasks]
    assert expected.tasks[0].probability < CUTOFF  # so the point of T2w would call it otherwise
    assert "mask" not in found


def test_pipeline_without_lesion_has_an_empty_mask_and_no_diagnosis(answers):
    found = answer(answers, "pipeline/1|serving_default|empty")
    assert not found["mask"].any()
    assert found["tile_slices"].shape == (0,)
    assert found["tile_probability"].shape == (0, 3)
    assert np.isnan(found["task_probability"]).all()
    assert np.isnan(found["posterior"]).all()
    assert not found["gradcam"].any()
    assert found["diagnosis"].item().decode() == NOT_CLASSIFIED


@pytest.mark.parametrize(
    ("model", "shape"), [("segmenter", (3, 32, 48, 1)), ("neighbours/segmenter", (3, 32, 48, 1)), (TASK, (3,))]
)
def test_tiles_are_answered_in_batches(answers, model, shape):
    found = answer(answers, f"{model}/1|tiles|batch")["probability"]
    assert found.shape == shape
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_an_invalid_argument_with_a_plain_sentence(answers, name):
    refused, sentence = answer(answers, refused_case(name)), REFUSED[name][2]
    assert list(refused) == ["error"]
    kind, message = refused["error"]
    assert kind == "InvalidArgumentError"
    assert sentence in message
