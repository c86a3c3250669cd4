"""``spinal_tf.predict_cohort`` and ``spinal_tf.evaluate``: the command's tables, without the command."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import spinal_tf
from spinal_tf.api import evaluating
from spinal_tf.cli.main import main
from spinal_tf.evaluation.evaluation_options import Resampling


@pytest.fixture
def cohort(tmp_path, bright_data, lesion, oblique_affine, write_nifti, write_table, stub_networks):
    """A case of each subtype of demyelination, one of validation, one of test."""
    rows = []
    for name, diagnosis, split in (("a", "ms", "validation"), ("b", "nmosd", "test")):
        write_nifti(tmp_path / f"{name}.nii.gz", bright_data + np.int16(len(rows)), oblique_affine)
        write_nifti(tmp_path / f"{name}-mask.nii.gz", lesion.astype(np.uint8), oblique_affine)
        images = {"t2": f"{name}.nii.gz", "mask": f"{name}-mask.nii.gz", "t1c": ""}
        rows.append({"case": name, "patient": name, **images, "diagnosis": diagnosis, "split": split})
    return write_table(rows)


@pytest.fixture
def options():
    return spinal_tf.EvaluationOptions(point=0.5, resampling=Resampling(resamples=100))


def test_a_cohort_is_predicted_and_judged_as_by_the_command(cohort, options, tmp_path):
    told = []
    predicted = spinal_tf.predict_cohort(cohort, tmp_path / "api", progress=told.append)
    assert [(one.name, one.number, one.total, one.error) for one in told] == [("a", 1, 2, None), ("b", 2, 2, None)]
    assert (predicted.failed, predicted.warnings) == ({}, ())
    result = spinal_tf.evaluate(predicted, options=options, note="simulated")
    saved = result.save(tmp_path / "api", figures=False)
    arguments = ["--cohort", cohort, "--out", tmp_path / "command", "--operating-point", "0.5", "--resamples", "100"]
    command = CliRunner().invoke(main, ["evaluate", *map(str, arguments), "--note", "simulated", "--no-figures"])
    assert command.exit_code == 0, command.output
    assert result.text in command.stdout
    assert {path.name for path in saved} == {path.name for path in (tmp_path / "command").iterdir()} - {
        "masks",
        "predictions.csv",
        "predictions.json",
        "lesions.csv",
    }
    for path in (*saved, predicted.predictions, predicted.lesions):
        assert path.read_bytes() == (tmp_path / "command" / path.name).read_bytes(), path.name
    assert result.metrics == json.loads((tmp_path / "api/metrics.json").read_text())
    assert {row["mean"] for row in result.metrics["masks"] if row["measure"] == "dice"} == {1}


def test_what_is_predicted_is_not_predicted_again(cohort, tmp_path):
    spinal_tf.predict_cohort(cohort, tmp_path / "out")
    told = []
    spinal_tf.predict_cohort(cohort, tmp_path / "out", progress=told.append)
    assert told == []


def test_a_case_that_fails_stops_nothing(cohort, tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(b"")
    predicted = spinal_tf.predict_cohort(cohort, tmp_path / "out")
    assert predicted.failed == {"a": "a.nii.gz: is empty (zero bytes); copy or export it again"}


def test_an_unforeseen_error_is_named_without_the_commands_options(cohort, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("oh\nno")

    monkeypatch.setattr("spinal_tf.prediction.cohort_prediction.predict_case", fail)
    failed = spinal_tf.predict_cohort(cohort, tmp_path / "out").failed
    assert set(failed.values()) == {"an error of ours: ZeroDivisionError: oh no"}


def test_scans_with_contrast_that_no_network_uses_are_a_warning(cohort, tmp_path):
    cohort.write_text(cohort.read_text().replace("a-mask.nii.gz,", "a-mask.nii.gz,a.nii.gz"))
    [warning] = spinal_tf.predict_cohort(cohort, tmp_path / "out").warnings
    assert warning.startswith("contrast-enhanced scans are not used")


def test_a_table_of_predictions_is_judged_without_images(cohort, options, tmp_path):
    predicted = spinal_tf.predict_cohort(cohort, tmp_path / "out")
    result = spinal_tf.evaluate(str(predicted.predictions), lesions=predicted.lesions, options=options)
    assert result.metrics == spinal_tf.evaluate(predicted, options=options).metrics
    assert result.pictures(result.evaluation) == {}


def test_results_that_exist_are_kept_before_figures_are_drawn(cohort, options, tmp_path, monkeypatch):
    result = spinal_tf.evaluate(spinal_tf.predict_cohort(cohort, tmp_path / "out"), options=options)
    result.save(tmp_path / "out", figures=False)
    monkeypatch.setattr(evaluating.EvaluationResult, "_figures", None)
    with pytest.raises(spinal_tf.OutputError, match=r"metrics.json: already exists and was kept"):
        result.save(tmp_path / "out")


def test_a_fault_of_a_table_is_named(cohort, tmp_path):
    predicted = spinal_tf.predict_cohort(cohort, tmp_path / "out")
    with pytest.raises(spinal_tf.CohortError, match=r"predictions.csv: row 1, .*there is no such column to divide by"):
        spinal_tf.evaluate(predicted, options=spinal_tf.EvaluationOptions(point=0.5, subgroups=("sit",)))
