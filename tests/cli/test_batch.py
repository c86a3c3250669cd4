"""Several cases in one run: progress, failures that stop nothing, what is skipped."""

from __future__ import annotations

import json
import re

import pytest

from spinal_tf import loaded_weights, one_by_one
from spinal_tf.cli import session
from spinal_tf.cli.progress import duration
from spinal_tf.errors import DeviceError, WeightsError


@pytest.fixture
def cohort(tmp_path, bright_data, oblique_affine, write_nifti, stub_networks):
    """A folder of three cases, the second of which is not an image."""
    folder = tmp_path / "cohort"
    folder.mkdir()
    for name in ("a", "c"):
        write_nifti(folder / f"{name}.nii.gz", bright_data, oblique_affine)
    (folder / "b.nii.gz").write_bytes(b"")
    return folder


def outputs(*stems):
    return [f"{stem}_lesion.{end}" for stem in stems for end in ("json", "nii.gz", "png")]


def test_one_failure_does_not_stop_the_rest(run, cohort, names):
    result = run("segment", cohort)
    assert result.exit_code == 5
    assert names(cohort) == sorted(["a.nii.gz", "b.nii.gz", "c.nii.gz", *outputs("a", "c")])
    lines = result.stderr.splitlines()
    assert re.fullmatch(rf"\[1/3\] {cohort}/a.nii.gz, about \d+ s left", lines[0])
    assert lines[1] == f"spinal-tf: {cohort}/b.nii.gz: is empty (zero bytes); copy or export it again"
    assert lines[2].startswith("[2/3]")
    assert lines[3].startswith("[3/3]")
    assert lines[4:] == [
        "3 cases: 2 with lesion, 0 without, 0 flagged for review, 1 failed, 0 skipped",
        f"spinal-tf: 1 of 3 cases failed: {cohort}/b.nii.gz",
    ]
    assert result.stdout.count("1 lesion") == 2


def test_cases_can_be_named_one_by_one_beside_one_that_is_not_there(run, cohort, names):
    result = run("segment", cohort / "c.nii.gz", cohort / "nowhere" / "x.nii.gz", cohort / "a.nii.gz")
    assert result.exit_code == 5
    assert f"{cohort}/nowhere/x.nii.gz: there is no such file in {cohort}/nowhere; check the path" in result.stderr
    assert set(outputs("a", "c")) <= set(names(cohort))


def test_resume_works_on_what_is_left(run, cohort):
    run("segment", cohort)
    (cohort / "c_lesion.png").unlink()
    result = run("segment", cohort, "--resume", "--overwrite")
    lines = result.stderr.splitlines()
    assert lines[0] == f"{cohort}: 3 scans; left out: other file (3), output of spinal-tf (2); --list shows each"
    assert lines[1] == "1 of 3 cases have their outputs and are skipped"
    assert "3 cases: 1 with lesion, 0 without, 0 flagged for review, 1 failed, 1 skipped" in lines
    assert result.stdout.startswith("c.nii.gz: 1 lesion")
    assert "a.nii.gz" not in result.stdout
    assert (cohort / "c_lesion.png").exists()


def test_a_second_run_over_everything_takes_no_output_for_a_case(run, cohort, names):
    (cohort / "b.nii.gz").unlink()
    assert run("segment", cohort, "--save-probability").exit_code == 0
    before = names(cohort)
    again = [path for path in sorted(cohort.iterdir()) if path.suffix == ".gz"]
    assert len(again) == 6
    assert run("segment", *again, "--save-probability", "--overwrite").exit_code == 0
    assert names(cohort) == before


def test_an_unforeseen_error_does_not_stop_the_rest_either(run, cohort, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("oh\nno")

    monkeypatch.setattr(session, "outcome", fail)
    result = run("segment", cohort)
    assert result.exit_code == 5
    assert f"{cohort}/a.nii.gz: an error of ours: ZeroDivisionError: oh no; run again with --debug" in result.stderr
    assert "3 of 3 cases failed" in result.stderr
    assert "Traceback" not in result.stderr


def test_debug_shows_the_trace_of_every_failure(run, cohort):
    result = run("segment", cohort, "--debug")
    assert result.exit_code == 5
    assert result.stderr.count("Traceback") == 1


@pytest.mark.parametrize("error", [WeightsError("weights: gone"), DeviceError("gpu: gone")])
def test_what_every_case_would_fail_at_is_said_once(refused, cohort, monkeypatch, names, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(loaded_weights, "load_segmenter", fail)
    before = names(cohort)
    assert refused("segment", cohort, status=error.exit_code) == str(error)
    assert names(cohort) == before


def test_an_interruption_ends_the_batch(run, cohort, monkeypatch, names):
    def interrupt(*_):
        raise KeyboardInterrupt

    before = names(cohort)
    monkeypatch.setattr("spinal_tf.case_files.write_contact_sheet", interrupt)
    result = run("segment", cohort)
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "spinal-tf: interrupted; nothing unfinished was left behind\n"
    assert names(cohort) == before


def test_a_failed_cases_time_is_not_the_next_ones(run, cohort, monkeypatch):
    from spinal_tf import stopwatch

    ticks = iter(range(1000))
    monkeypatch.setattr(stopwatch, "perf_counter", lambda: next(ticks))
    run("segment", cohort)
    timings = [json.loads((cohort / f"{stem}_lesion.json").read_text())["timings_s"] for stem in "ac"]
    # A clock that ticks once a look: every stage takes one, "measure" and "write" are the same in both.
    assert timings[0] == {**timings[1], "weights": 1}
    assert timings[1]["read"] == 1


def test_networks_are_loaded_once(run, cohort, monkeypatch):
    loaded, load = [], loaded_weights.load_segmenter
    monkeypatch.setattr(loaded_weights, "load_segmenter", lambda *a, **k: loaded.append(1) or load(*a, **k))
    run("segment", cohort)
    assert loaded == [1]


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (89.4, "89 s"), (90, "2 min"), (3600, "60 min")])
def test_time_left_in_words(seconds, words):
    assert duration(seconds) == words


def test_time_left_is_the_mean_so_far_times_what_is_left(run, cohort, monkeypatch):
    ticks = iter([0.0, 10.0, 12.0, 30.0])
    monkeypatch.setattr(one_by_one, "perf_counter", lambda: next(ticks))
    lines = [line for line in run("segment", cohort).stderr.splitlines() if line.startswith("[")]
    # After 10 s for one case, two are left; after 12 s for two, one; after three, none.
    assert [line.split(", about ")[1] for line in lines] == ["20 s left", "6 s left", "0 s left"]
