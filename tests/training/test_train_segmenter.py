"""The segmenter from a table to released weights that the pipeline uses."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from spinal_tf.checkpoints.manifest import MANIFEST, read_manifest
from spinal_tf.datasets.crop_samples import CropPlan
from spinal_tf.errors import OutputError, TrainingError
from spinal_tf.models import load_segmenter
from spinal_tf.tables.csv_file import read_numbers
from spinal_tf.training import train_segmenter as segmenter
from spinal_tf.training.data import SPLITS, open_cohort
from spinal_tf.training.release import release_run
from spinal_tf.training.run_folder import RunFolder
from spinal_tf.training.setting import Setting
from spinal_tf.training.train_segmenter import SegmenterPlan, segmenter_job, train_segmenter
from spinal_tf.training.training_choices import TrainingOptions

PLAN = SegmenterPlan(crops=CropPlan(size=(32, 32)), arguments={"width": 4}, tight_share=0.0)
ERRORS = replace(PLAN, crops=CropPlan(size=(32, 32), error_share=0.5))
OPTIONS = TrainingOptions(batch=4, steps=4, validation_every=3, learning_rate=1e-3)


@pytest.fixture(scope="module")
def run(tmp_path_factory, cohort_table, shared_cache) -> RunFolder:
    out, reports = tmp_path_factory.mktemp("runs") / "run", []
    made = train_segmenter(open_cohort(cohort_table, shared_cache), out, PLAN, OPTIONS, Setting(report=reports.append))
    assert [report.step for report in reports if report.validation] == [3, 4]
    return made


def test_the_run_folder_tells_everything(run):
    record = run.read_record()
    assert (record["name"], record["network"], record["arguments"]) == (
        "segmenter",
        "multiresunet",
        {"width": 4, "channels": 3},
    )
    assert record["options"] == OPTIONS.to_dict()
    assert record["plan"]["crop_size"] == [32, 32]
    assert record["plan"]["initial"] == "random"
    assert record["preprocessing"]["spacing_mm"] == 0.8
    assert record["preprocessing"]["neighbour_mm"] == record["preprocessing"]["slab_mm"] == 3.0
    assert len(record["cohort"]["hash"]) == 64
    assert record["cohort"]["cases"]["validation"]["healthy"] == 1
    assert {"spinal-tf", "python", "tensorflow", "keras", "numpy", "cv2"} <= record["versions"].keys()
    assert record["steps_per_epoch"] == 30 // 4
    assert str(run.path) not in run.record.read_text()
    assert run.curves.stat().st_size > 10_000
    assert list(run.tensorboard.iterdir())


def test_the_log_has_the_dice_of_every_disease_and_of_the_healthy(run):
    rows = read_numbers(run.log)
    assert [row["step"] for row in rows] == [3, 4]
    kinds = {"astrocytoma", "ependymoma", "ms", "nmosd", "healthy"}
    assert {f"dice_{kind}" for kind in kinds} < rows[0].keys()
    best = run.read_best()
    assert best["measures"]["dice"] == max(row["dice"] for row in rows)
    assert len(best["cases"]) == 5


@pytest.mark.usefixtures("two_pixels_wide")
def test_the_best_weights_are_judged_on_all_validation_cases_in_the_end(tmp_path, cohort_table, shared_cache, run):
    options = TrainingOptions(batch=4, steps=4, validation_every=3, learning_rate=1e-3, validation_cases=1)
    reports = []
    setting = Setting(report=reports.append)
    few = train_segmenter(open_cohort(cohort_table, shared_cache), tmp_path / "run", PLAN, options, setting)
    best = few.read_best()
    shown = [(report.step, report.cases) for report in reports if report.cases]
    assert shown == [(3, (1, 1)), (4, (1, 1))] + [(best["step"], (done, 5)) for done in range(1, 6)]
    assert {"dice_astrocytoma", "dice_ms"} & read_numbers(few.log)[0].keys() == {"dice_astrocytoma"}
    assert best["measures"].keys() == run.read_best()["measures"].keys()
    assert [case["case"] for case in best["cases"]] == [case["case"] for case in run.read_best()["cases"]]
    assert best["on_all_cases"] is True


@pytest.mark.usefixtures("two_pixels_wide")
def test_a_finished_run_that_is_started_again_is_not_judged_again(tmp_path, cohort_table, shared_cache, monkeypatch):
    options = TrainingOptions(batch=4, steps=2, validation_every=2, validation_cases=1)
    cohort, judged = open_cohort(cohort_table, shared_cache), []
    monkeypatch.setattr(segmenter, "validate_segmenter", _counting(segmenter.validate_segmenter, judged))
    few = train_segmenter(cohort, tmp_path / "run", PLAN, options)
    assert judged == [1, 5]
    before = few.best.read_bytes()
    train_segmenter(cohort, tmp_path / "run", PLAN, options, resume=True)
    assert (judged, few.best.read_bytes()) == ([1, 5], before)


def _counting(validate, counts):
    def validated(predict, cases, progress):
        counts.append(len(cases))
        return validate(predict, cases, progress=progress)

    return validated


def test_released_weights_are_the_best_ones_with_their_record(run, tmp_path):
    folder = tmp_path / "weights"
    assert release_run(run, folder, data="simulated blocks", notes="## Seen\n\nNothing.") == "installed"
    assert sorted(path.name for path in folder.iterdir()) == [MANIFEST, "segmenter.md", "segmenter.weights.h5"]
    checkpoint, best = read_manifest(folder)["segmenter"], run.read_best()
    assert checkpoint.operating_point == best["operating_point"]
    assert checkpoint.minimum_peak == best["minimum_peak"]
    assert checkpoint.preprocessing == PLAN.preprocessing
    assert checkpoint.training["data"] == "simulated blocks"
    assert checkpoint.training["cohort"] == run.read_record()["cohort"]["hash"]
    assert checkpoint.training["measured"]["dice"] == round(best["measures"]["dice"], 4)
    planes = np.random.default_rng(0).random((1, 32, 32, 3)).astype(np.float32)
    assert load_segmenter(folder).engine(planes).shape == (1, 32, 32, 1)
    card = (folder / "segmenter.md").read_text()
    title = "**Trained on simulated blocks. Research use only. Not a medical device.**"
    for words in (title, "2 healthy", f"step {best['step']} of the run, the best of 2 validated", "Nothing."):
        assert words in card


def test_a_network_that_learned_the_cord_is_released_with_one_answer(cohort_table, shared_cache, tmp_path):
    plan, options = replace(PLAN, within_cord=True), replace(OPTIONS, steps=1)
    made = train_segmenter(open_cohort(cohort_table, shared_cache), tmp_path / "run", plan, options)
    release_run(made, tmp_path / "weights", data="simulated blocks")
    assert read_manifest(tmp_path / "weights")["segmenter"].arguments["within_cord"] is True
    planes = np.random.default_rng(0).random((1, 32, 32, 3)).astype(np.float32)
    assert load_segmenter(tmp_path / "weights").engine(planes).shape == (1, 32, 32, 1)


@pytest.mark.parametrize(
    ("plan", "whose"),
    [
        (replace(PLAN, within_cord=True), "the cord, which --within-cord learns; add a column cord"),
        (ERRORS, "a segmenter, whose errors --error-share shows; add a column model_mask"),
    ],
)
def test_a_mask_that_no_training_case_has_cannot_be_learned_from(cohort_table, tmp_path, plan, whose):
    table = _changed(cohort_table, "without.csv", lambda case: case.pop("cord"))
    with pytest.raises(TrainingError, match=rf"without\.csv: no training case has a mask of {whose}"):
        train_segmenter(open_cohort(table, tmp_path / "cache"), tmp_path / "run", plan, OPTIONS)
    assert not (tmp_path / "run").exists()


def test_errors_come_from_the_training_cases_alone(cohort_table, tmp_path):
    """Masks of the cord stand for those of a segmenter that takes the cord for a lesion."""
    table = _changed(cohort_table, "errors.csv", lambda case: case.update(model_mask=case["cord"]))
    opened = open_cohort(table, tmp_path / "cache")
    job = segmenter_job(opened, ERRORS, OPTIONS)
    assert job.plan["crop_error_share"] == 0.5
    for case in job.sampler.cases:
        spine, errors = ({tuple(voxel) for voxel in voxels} for voxels in (case.spine_voxels, case.error_voxels))
        false = {voxel for voxel in errors if not case.mask[voxel]}
        assert false
        assert false <= spine
    files = [{path.name for path in (tmp_path / "cache").glob(f"segmenter-{split.value}-*/*.bin")} for split in SPLITS]
    assert files[0] - files[1] == {"errors.bin"}


def _changed(table, name, change):
    """A table beside another, each of its rows changed."""
    with table.open(newline="") as file:
        cases = list(csv.DictReader(file))
    for case in cases:
        change(case)
    with table.with_name(name).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(cases[0]))
        writer.writeheader()
        writer.writerows(cases)
    return table.with_name(name)


def test_released_weights_of_the_same_name_are_kept_unless_told_otherwise(run, tmp_path):
    folder = tmp_path / "weights"
    release_run(run, folder, data="one")
    before = (folder / MANIFEST).read_bytes()
    assert release_run(run, folder, data="two") == "kept"
    assert (folder / MANIFEST).read_bytes() == before
    assert release_run(run, folder, data="two", overwrite=True) == "replaced"
    assert json.loads((folder / MANIFEST).read_text())["checkpoints"]["segmenter"]["training"]["data"] == "two"


def test_an_unfinished_run_cannot_be_released(tmp_path, run):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_bytes(run.record.read_bytes())
    with pytest.raises(TrainingError, match="has no validation yet"):
        release_run(RunFolder(path=tmp_path / "run"), tmp_path / "weights", data="x")
    (tmp_path / "run" / "best.json").write_bytes(run.best.read_bytes())
    with pytest.raises(TrainingError, match=r"best-\d+\.weights\.h5: cannot be read .* resume the run"):
        release_run(RunFolder(path=tmp_path / "run"), tmp_path / "weights", data="x")
    assert not (tmp_path / "weights").exists()


def test_a_second_training_in_the_same_folder_is_refused(run, cohort_table, shared_cache):
    with pytest.raises(OutputError, match="holds a training run already"):
        train_segmenter(open_cohort(cohort_table, shared_cache), run.path, PLAN, OPTIONS, Setting(report=print))
