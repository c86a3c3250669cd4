"""The run folder: what it refuses, and what it keeps when a training goes on."""

from __future__ import annotations

import json

import pytest

from spinal_tf.errors import BusyError, OutputError, TrainingError
from spinal_tf.locks import locked
from spinal_tf.training.job import run_job
from spinal_tf.training.run_folder import RunFolder, held_run, open_run
from spinal_tf.training.setting import Setting
from spinal_tf.training.training_choices import TrainingOptions


def record(**changes):
    given = {
        "name": "segmenter",
        "network": "multiresunet",
        "arguments": {"channels": 3},
        "preprocessing": {"size": [64, 64], "spacing_mm": 0.8},
        "plan": {"loss": "dice_bce"},
        "options": {"batch": 8, "steps": 10},
        "cohort": {"hash": "a" * 64},
        "begun": "2026-01-01",
    }
    return given | changes


def test_a_run_is_begun_with_its_record(tmp_path):
    run = open_run(tmp_path / "deep" / "run", record(), resume=False)
    assert run.read_record() == {**record(), "format": 1, "resumed": []}
    assert [path.name for path in run.path.iterdir()] == ["run.json"]


def test_a_run_that_is_there_is_not_overwritten(tmp_path):
    open_run(tmp_path, record(), resume=False)
    with pytest.raises(
        OutputError, match="holds a training run already; add --resume to continue it, or choose another --out"
    ):
        open_run(tmp_path, record(), resume=False)


def test_a_run_that_another_process_trains_is_refused_and_left_as_it_is(tmp_path):
    with locked(tmp_path / "run.json"):
        for resume in (False, True):
            with pytest.raises(BusyError, match=r"run\.json: another process is writing there; wait until"):
                run_job(None, TrainingOptions(), tmp_path, Setting(), resume=resume)
        assert [path.name for path in tmp_path.iterdir()] == [".spinal-tf-run.json.lock"]


def test_a_run_is_held_while_it_is_trained_and_free_afterwards(tmp_path):
    with held_run(tmp_path / "run"), pytest.raises(BusyError), held_run(tmp_path / "run"):
        pytest.fail("two processes train in one folder")
    with held_run(tmp_path / "run"):
        pass
    assert list((tmp_path / "run").iterdir()) == []


def test_weights_that_a_training_replaces_while_they_are_read_are_the_new_ones(tmp_path, monkeypatch):
    run = RunFolder(path=tmp_path)
    run.best_weights(2).write_bytes(b"new")
    records = iter(
        [{"step": 1, "file": run.best_weights(1).name}] + 2 * [{"step": 2, "file": run.best_weights(2).name}]
    )
    monkeypatch.setattr(RunFolder, "read_best", lambda self: next(records))
    assert run.read_best_weights() == ({"step": 2, "file": run.best_weights(2).name}, b"new")


def test_best_weights_that_are_not_there_are_told(tmp_path):
    run = RunFolder(path=tmp_path)
    run.best.write_text('{"file": "best-0000001.weights.h5"}')
    with pytest.raises(TrainingError, match=r"best-0000001\.weights\.h5: cannot be read \(No such file.*--resume"):
        run.read_best_weights()


def test_to_go_on_with_nothing_begins(tmp_path):
    assert open_run(tmp_path, record(), resume=True).read_record()["begun"] == "2026-01-01"


def test_going_on_keeps_when_it_was_begun_and_takes_a_new_end(tmp_path):
    open_run(tmp_path, record(), resume=False)
    later = record(options={"batch": 8, "steps": 99}, begun="2026-02-02")
    found = open_run(tmp_path, later, resume=True).read_record()
    assert found["begun"] == "2026-01-01"
    assert found["resumed"] == ["2026-02-02"]
    assert found["options"]["steps"] == 99


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"options": {"batch": 4, "steps": 10}},
            r"was started with batch 8 \(now 4\); give --resume the same options",
        ),
        ({"plan": {"loss": "bce"}}, r"was started with loss dice_bce \(now bce\);"),
        ({"network": "small_unet"}, r"was started with network multiresunet \(now small_unet\);"),
        ({"arguments": {}}, r"was started with channels 3 \(now None\);"),
        (
            {"preprocessing": {"size": [96, 96], "spacing_mm": 0.6}},
            r"was started with size \[64, 64\] \(now \[96, 96\]\), spacing_mm 0\.8 \(now 0\.6\);",
        ),
        ({"cohort": {"hash": "b" * 64}}, "the cohort has changed since the run was started"),
        ({"name": "ms_vs_nmosd"}, "holds a run of segmenter, not of ms_vs_nmosd"),
    ],
)
def test_another_training_does_not_go_on_here(tmp_path, changes, words):
    open_run(tmp_path, record(), resume=False)
    with pytest.raises(TrainingError, match=words):
        open_run(tmp_path, record(**changes), resume=True)
    assert RunFolder(path=tmp_path).read_record()["options"] == record()["options"]


def test_a_run_of_another_version_is_refused(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({**record(), "format": 0}))
    with pytest.raises(TrainingError, match="a run of another version"):
        open_run(tmp_path, record(), resume=True)


def test_what_is_no_run_or_has_nothing_yet_is_told(tmp_path):
    run = RunFolder(path=tmp_path)
    with pytest.raises(TrainingError, match="holds no training run; give the folder that a training wrote"):
        run.read_record()
    with pytest.raises(TrainingError, match="has no validation yet; resume the run with --resume"):
        run.read_best()
    run.record.write_text("{")
    with pytest.raises(TrainingError, match=r"run\.json: damaged, not JSON"):
        run.read_record()


@pytest.mark.parametrize(
    ("changes", "entry"),
    [({"plan": None}, "plan"), ({"resumed": "no"}, "resumed"), ({"cohort": []}, "cohort"), ({"name": 3}, "name")],
)
def test_a_record_with_an_invalid_entry_is_damaged(tmp_path, changes, entry):
    (tmp_path / "run.json").write_text(json.dumps({**record(), "resumed": [], "format": 1, **changes}))
    with pytest.raises(TrainingError, match=rf"run\.json: damaged, without a valid entry {entry}; train again"):
        open_run(tmp_path, record(), resume=True)


def test_a_best_validation_without_its_file_is_damaged(tmp_path):
    (tmp_path / "best.json").write_text('{"step": 3}')
    with pytest.raises(TrainingError, match=r"best\.json: damaged, without a valid entry file"):
        RunFolder(path=tmp_path).read_best_weights()
    (tmp_path / "best.json").write_text("[]")
    with pytest.raises(TrainingError, match=r"best\.json: damaged, not a record"):
        RunFolder(path=tmp_path).read_best()


def test_a_file_in_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(OutputError, match="run: cannot be made .* choose another folder with --out"):
        open_run(tmp_path / "run", record(), resume=False)
