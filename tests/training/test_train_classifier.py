"""A classifier from a table to released weights, and the refusals of its data."""

from __future__ import annotations

import shutil

import keras
import numpy as np
import pytest

from spinal_tf.checkpoints.manifest import load_network, read_manifest
from spinal_tf.datasets.tile_samples import TilePlan
from spinal_tf.errors import SpinalTfError, TrainingError
from spinal_tf.networks.densenet import NETWORK
from spinal_tf.preprocess import Preprocessing
from spinal_tf.tables.csv_file import read_numbers
from spinal_tf.taxonomy import ASTROCYTOMA, ASTROCYTOMA_VS_EPENDYMOMA, MS_VS_NMOSD, NMOSD, TUMOR_VS_DEMYELINATING, tree
from spinal_tf.training.data import open_cohort
from spinal_tf.training.release import release_run
from spinal_tf.training.run_folder import RunFolder, write_json
from spinal_tf.training.train_classifier import ClassifierPlan, train_classifier
from spinal_tf.training.training_choices import TrainingOptions

PLAN = ClassifierPlan(
    preprocessing=Preprocessing(size=(32, 32)), arguments={"last_convolution": "pool2_relu"}, momentum=0.8
)
OPTIONS = TrainingOptions(batch=4, steps=3, validation_every=2)


def train(table, cache, out, task=TUMOR_VS_DEMYELINATING, plan=PLAN, options=OPTIONS):
    return train_classifier(open_cohort(table, cache), task, out, plan, options)


@pytest.fixture(scope="module")
def run(tmp_path_factory, cohort_table, shared_cache):
    return train(cohort_table, shared_cache, tmp_path_factory.mktemp("runs") / "run")


def test_the_run_folder_tells_everything(run):
    record = run.read_record()
    assert (record["name"], record["network"]) == ("tumor_vs_demyelinating", "densenet121")
    assert record["arguments"] == {"last_convolution": "pool2_relu", "size": [32, 32]}
    assert record["mask_mode"] == "channel"
    assert record["modalities"] == ["t2w", "t1c"]
    assert record["plan"]["monitor"] == "accuracy"
    assert record["cohort"]["cases"]["train"] == dict.fromkeys(["astrocytoma", "ependymoma", "ms", "nmosd"], 2)
    assert record["steps_per_epoch"] == 8 // 2  # 2 tiles of each of 4 cases, 2 of a class in a batch


def test_validation_is_logged_and_the_best_keeps_its_cases(run):
    rows = read_numbers(run.log)
    assert [row["step"] for row in rows] == [2, 3]
    assert {"accuracy", "auc", "validation_loss", "operating_point"} < rows[0].keys()
    best = run.read_best()
    assert [case["label"] for case in best["cases"]] == [0, 0, 1, 1]
    assert 0 <= best["operating_point"] <= 1


def test_released_weights_are_built_again_from_the_manifest(run, tmp_path):
    assert release_run(run, tmp_path / "weights", data="simulated blocks") == "installed"
    checkpoint = read_manifest(tmp_path / "weights")["tumor_vs_demyelinating"]
    model = load_network(tmp_path / "weights", checkpoint)
    assert model.input_shape == (None, 32, 32, 3)
    assert checkpoint.modalities == ("t2w", "t1c")
    assert checkpoint.mask_mode == "channel"
    best = run.read_best()
    points = best["operating_point"], best["with_t1c"]["operating_point"]
    assert (checkpoint.point(with_t1c=False), checkpoint.point(with_t1c=True)) == points
    assert checkpoint.training["measured"]["operating_point_with_t1c"] == round(points[1], 4)
    probability = model(np.zeros((1, 32, 32, 3), np.float32))
    assert float(keras.ops.sum(probability)) == pytest.approx(1)
    card = (tmp_path / "weights" / "tumor_vs_demyelinating.md").read_text()
    assert "Classifies lesions as tumor or demyelinating from T2w and, if available, T1c" in card
    assert f"| operating point | {points[0]:.3f} for T2w, {points[1]:.3f} for T2w + T1c, chosen on" in card
    assert f"- auc with t1c: {best['with_t1c']['auc']:.3f}\n" in card


@pytest.mark.parametrize(
    ("data", "kind", "stored", "meaning"),
    [
        ("simulated blocks", None, "simulated", "The cases were simulated: they show how well"),
        ("12 patients", None, None, "For a simulated cohort, they show how well"),
        ("12 patients", "patients", "patients", "\nNone of the figures of Zhuo"),
    ],
)
def test_the_kind_of_the_cases_is_released_with_them(run, tmp_path, data, kind, stored, meaning):
    release_run(run, tmp_path / "weights", data=data, kind=kind)
    assert read_manifest(tmp_path / "weights")["tumor_vs_demyelinating"].training["kind"] == stored
    assert meaning in (tmp_path / "weights" / "tumor_vs_demyelinating.md").read_text()


def test_a_run_of_an_earlier_version_is_released_with_its_one_operating_point(run, tmp_path):
    older = RunFolder(path=shutil.copytree(run.path, tmp_path / "run"))
    best = run.read_best()
    best.pop("with_t1c")
    write_json(older.best, best)
    release_run(older, tmp_path / "weights", data="simulated blocks")
    checkpoint = read_manifest(tmp_path / "weights")["tumor_vs_demyelinating"]
    assert (checkpoint.operating_point, checkpoint.operating_point_t1c) == (best["operating_point"], None)


def test_one_cache_serves_all_tasks_and_t2w_alone_is_recorded(cohort_table, shared_cache, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in shared_cache.glob("classifier-*/*")}
    plan = ClassifierPlan(preprocessing=PLAN.preprocessing, arguments=PLAN.arguments, tiles=TilePlan(t1c_share=0.0))
    made = train(cohort_table, shared_cache, tmp_path / "run", MS_VS_NMOSD, plan, TrainingOptions(batch=2, steps=1))
    assert made.read_record()["modalities"] == ["t2w"]
    assert before == {path: path.stat().st_mtime_ns for path in shared_cache.glob("classifier-*/*")}


@pytest.mark.parametrize(
    ("missing", "split", "task", "words"),
    [
        (NMOSD, "train", MS_VS_NMOSD, "ms_vs_nmosd: the split train has no case of the class nmosd; both"),
        (
            ASTROCYTOMA,
            "validation",
            ASTROCYTOMA_VS_EPENDYMOMA,
            "the split validation has no case of the class astrocytoma",
        ),
    ],
)
def test_one_class_only_is_told(small_cohort, tmp_path, missing, split, task, words):
    cases = [
        (kind, part)
        for part in ("train", "validation")
        for kind in tree().diagnoses
        if (kind, part) != (missing, split)
    ]
    table = small_cohort(*cases)
    with pytest.raises(TrainingError, match=words):
        train(table, tmp_path / "cache", tmp_path / "run", task)
    assert not (tmp_path / "run").exists()


def test_a_tumour_without_lesion_in_its_mask_is_told(small_cohort, tmp_path):
    table = small_cohort(*((kind, part) for part in ("train", "validation") for kind in tree().diagnoses), empty=(1,))
    with pytest.raises(SpinalTfError, match=r"case-01.*ependymoma") as caught:
        train(table, tmp_path / "cache", tmp_path / "run")
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)


def test_the_momentum_of_every_batch_normalisation_is_set():
    from spinal_tf.training.train_classifier import _build

    layers = [layer for layer in _build(NETWORK, PLAN).layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(layers) > 10
    assert {layer.momentum for layer in layers} == {0.8}


def test_a_batch_that_cannot_hold_half_of_each_class_is_refused(cohort_table, shared_cache, tmp_path):
    with pytest.raises(TrainingError, match="batch of 5 tiles"):
        train(cohort_table, shared_cache, tmp_path / "run", options=TrainingOptions(batch=5, steps=1))
