"""A learning curve: a training for each fraction and seed, none of them done twice."""

from __future__ import annotations

import csv
from dataclasses import replace

import keras
import numpy as np
import pytest

from spinal_tf.cohort.case import Split
from spinal_tf.datasets.crop_samples import CropPlan
from spinal_tf.datasets.tile_samples import TilePlan
from spinal_tf.errors import BusyError, DeviceError, OutputError, StoppedError, TrainingError
from spinal_tf.locks import locked
from spinal_tf.networks import densenet, multiresunet
from spinal_tf.preprocess import Preprocessing
from spinal_tf.taxonomy import TUMOR_VS_DEMYELINATING
from spinal_tf.training import keeper, learning_curve
from spinal_tf.training import train_segmenter as segmenter
from spinal_tf.training.curve_files import draw_curve
from spinal_tf.training.data import open_cohort
from spinal_tf.training.learning_curve import CurvePlan, classifier_curve, segmenter_curve
from spinal_tf.training.run_folder import RunFolder
from spinal_tf.training.setting import Setting
from spinal_tf.training.train_classifier import ClassifierPlan
from spinal_tf.training.train_segmenter import SegmenterPlan
from spinal_tf.training.training_choices import TrainingOptions

SEGMENTER = SegmenterPlan(crops=CropPlan(size=(16, 16), augmentation="none"), tight_share=0.0)
CLASSIFIER = ClassifierPlan(preprocessing=Preprocessing(size=(32, 32)), tiles=TilePlan(augmentation="none"))
OPTIONS = TrainingOptions(batch=2, steps=2, validation_every=1, learning_rate=0.01)


def small_segmenter(*, channels: int) -> keras.Model:
    inputs = keras.Input((None, None, channels))
    return keras.Model(inputs, keras.layers.Conv2D(1, 1, activation="sigmoid", name="head")(inputs))


def small_classifier(**arguments) -> keras.Model:
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="head")(x))


@pytest.fixture(autouse=True)
def small_networks(monkeypatch):
    for module, build in ((multiresunet, small_segmenter), (densenet, small_classifier)):
        monkeypatch.setattr(module, "NETWORK", replace(module.NETWORK, build=build))
    monkeypatch.setattr(keeper, "draw_curves", lambda path, rows, *, title: None)


@pytest.fixture
def drawn(monkeypatch):
    """How many points were drawn, each time."""
    counts = []

    def draw(path, rows, *, measure, title):
        counts.append(len(rows))
        path.touch()

    monkeypatch.setattr(learning_curve, "draw_curve", draw)
    return counts


@pytest.fixture
def trained(monkeypatch):
    """Fractions and seeds that were trained, by folder."""
    folders, run_job = [], learning_curve.run_job

    def run(job, options, out, setting, *, resume):
        folders.append(out.name)
        return run_job(job, options, out, setting, resume=resume)

    monkeypatch.setattr(learning_curve, "run_job", run)
    return folders


def rows(out):
    with (out / "learning-curve.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_segmenters_curve_grows_and_nothing_is_done_twice(tmp_path, cohort_table, shared_cache, drawn, trained):
    reports = []
    setting = Setting(report=reports.append)
    curve = segmenter_curve(open_cohort(cohort_table, shared_cache), tmp_path, SEGMENTER, setting)
    curve.draw(CurvePlan(fractions=(1.0, 0.5)), OPTIONS, resume=False)
    shares = [report.share for report in reports]
    assert shares == sorted(shares)
    assert {0.5, 1.0} <= set(shares)
    assert trained == ["0.5-seed-0", "1-seed-0"]
    assert drawn == [1, 2]
    found = rows(tmp_path)
    assert [(row["fraction"], row["patients"], row["cases"]) for row in found] == [
        ("0.5", "5", "5"),
        ("1.0", "10", "10"),
    ]
    assert {"training_dice", "validation_dice", "training_dice_ms", "validation_dice_healthy"} < found[0].keys()
    half = RunFolder(path=tmp_path / "0.5-seed-0").read_record()
    assert half["cohort"]["cases"]["train"] == dict.fromkeys(["astrocytoma", "ependymoma", "healthy", "ms", "nmosd"], 1)
    assert half["cohort"]["cases"]["validation"]["ms"] == 1
    with pytest.raises(OutputError, match="add --resume"):
        curve.draw(CurvePlan(fractions=(1.0,)), OPTIONS, resume=False)
    curve.draw(CurvePlan(fractions=(0.5, 1.0), repeats=2), OPTIONS, resume=True)
    assert trained[2:] == ["0.5-seed-1", "1-seed-1"]
    assert [(row["fraction"], row["seed"]) for row in rows(tmp_path)] == [
        ("0.5", "0"),
        ("0.5", "1"),
        ("1.0", "0"),
        ("1.0", "1"),
    ]
    for change in ({"learning_rate": 0.5}, {"steps": 9}):
        with pytest.raises(TrainingError, match=rf"started with (each_)?{next(iter(change))} "):
            curve.draw(CurvePlan(), replace(OPTIONS, **change), resume=True)


def test_the_classifiers_curve_is_of_its_tasks_cases(tmp_path, cohort_table, shared_cache, drawn):
    curve = classifier_curve(open_cohort(cohort_table, shared_cache), TUMOR_VS_DEMYELINATING, tmp_path, CLASSIFIER)
    told = []
    curve.draw(CurvePlan(fractions=(0.5,)), OPTIONS, resume=False, report=told.append)
    [row] = rows(tmp_path)
    learned, validated = (float(row[f"{part}_auc"]) for part in ("training", "validation"))
    assert told == [
        f"fraction 0.5, patients 4, seed 0: auc {learned:.3f} of training cases, {validated:.3f} of validation cases"
    ]
    assert {"training_loss", "validation_loss"} < row.keys()
    assert (row["patients"], row["cases"]) == ("4", "4")  # no healthy
    assert 0 <= float(row["training_auc"]) <= 1
    assert 0 <= float(row["validation_auc"]) <= 1


def test_the_training_measure_is_of_the_cases_learned_from(tmp_path, cohort_table, shared_cache, drawn):
    cohort = open_cohort(cohort_table, shared_cache)
    names = {case.name for case in cohort.cohort.of_split(Split.TRAIN)[:5]}
    job = segmenter.segmenter_job(cohort, SEGMENTER, OPTIONS, only=names)
    judged = job.judge_training(lambda batch: np.zeros(batch.shape, np.float32))
    assert {case["case"] for case in judged.cases} == names
    assert {case.name for case in job.sampler.cases} == names


def test_a_curve_that_is_stopped_goes_on_in_the_middle(tmp_path, cohort_table, shared_cache, drawn, trained):
    from contextlib import nullcontext

    cohort, asked = open_cohort(cohort_table, shared_cache), []

    def listen():
        asked.append(len(asked))
        return nullcontext(lambda: len(asked) == 2)  # in the second training

    plan = CurvePlan(fractions=(0.5, 1.0))
    with pytest.raises(StoppedError):
        segmenter_curve(cohort, tmp_path, SEGMENTER, Setting(listen=listen)).draw(plan, OPTIONS, resume=False)
    assert len(rows(tmp_path)) == 1
    segmenter_curve(cohort, tmp_path, SEGMENTER).draw(plan, OPTIONS, resume=True)
    assert trained == ["0.5-seed-0", "1-seed-0", "1-seed-0"]
    assert len(rows(tmp_path)) == 2


def test_a_curve_that_another_process_draws_is_refused_and_left_as_it_is(tmp_path, cohort_table, shared_cache):
    curve = segmenter_curve(open_cohort(cohort_table, shared_cache), tmp_path, SEGMENTER)
    with locked(tmp_path / "run.json"), pytest.raises(BusyError, match="another process is writing there"):
        curve.draw(CurvePlan(), OPTIONS, resume=True)
    assert list(tmp_path.iterdir()) == []


def test_several_processes_cannot_share_it(tmp_path, cohort_table, shared_cache):
    class Two:
        alone = False

    class Shared(Setting):
        workers = Two()

    curve = segmenter_curve(open_cohort(cohort_table, shared_cache), tmp_path, SEGMENTER, Shared())
    with pytest.raises(DeviceError, match="by one process"):
        curve.draw(CurvePlan(), OPTIONS, resume=False)


def test_the_picture_is_drawn_and_the_table_read_back(tmp_path):
    points = [
        {"fraction": share, "seed": seed, "patients": 4, "training_auc": 0.9, "validation_auc": 0.5 + share / 4}
        for share in (0.5, 1.0)
        for seed in (0, 1)
    ]
    draw_curve(tmp_path / "curve.png", points, measure="auc", title="ms_vs_nmosd")
    assert (tmp_path / "curve.png").stat().st_size > 5_000
    learning_curve.replace_csv(tmp_path / "curve.csv", points)
    assert learning_curve.read_numbers(tmp_path / "curve.csv") == points
    assert learning_curve.read_numbers(tmp_path / "none.csv") == []
