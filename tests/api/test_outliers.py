"""One bad voxel neither hides nor makes a lesion, and whoever asks is told."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner

import spinal_tf
from spinal_tf.cli.main import main

CLIPPED = "1 voxel was far outside the intensities of the others and had to be clipped; see the warnings"


@pytest.fixture
def spoiled_file(tmp_path, bright_data, oblique_affine, write_nifti):
    """The phantom with a bright lesion, and one voxel of padding far from it."""
    data = bright_data.copy()
    data[6, 38, 2] = -32768
    return write_nifti(tmp_path / "spoiled.nii.gz", data, oblique_affine, axes="PSR")


def test_segment_finds_the_same_lesion_and_asks_for_a_review(bright_file, spoiled_file, stub_networks):
    sound, spoiled = (spinal_tf.segment(path, weights=stub_networks) for path in (bright_file, spoiled_file))
    assert sound.mask.any()
    np.testing.assert_array_equal(spoiled.mask, sound.mask)
    assert CLIPPED not in sound.review.reasons
    assert spoiled.review.needed
    assert CLIPPED in spoiled.review.reasons
    assert any("-32768 at voxel (2, 1, 0)" in warning for warning in spoiled.warnings), spoiled.warnings


@pytest.mark.parametrize("command", ["segment", "classify"])
def test_commands_say_it_in_terminal_and_record(spoiled_file, stub_networks, tmp_path, command):
    result = CliRunner().invoke(main, [command, str(spoiled_file), "--weights", str(stub_networks)])
    assert result.exit_code == 0, result.output
    assert f"please review: {CLIPPED}" in result.output
    assert "1 voxel lies far below the others" in result.output
    name = {"segment": "spoiled_lesion.json", "classify": "spoiled_diagnosis.json"}[command]
    record = json.loads((tmp_path / name).read_text(encoding="utf-8"))
    assert record["review"]["needed"]
    assert CLIPPED in record["review"]["reasons"]
    assert any("1 voxel lies far below the others" in warning for warning in record["warnings"])


def test_the_page_says_it(spoiled_file, stub_networks, tmp_path):
    CliRunner().invoke(main, ["classify", str(spoiled_file), "--weights", str(stub_networks)])
    page = (tmp_path / "spoiled_diagnosis.html").read_text(encoding="utf-8")
    assert CLIPPED in page
    assert "1 voxel lies far below the others" in page


@pytest.fixture
def cohort(write_cohort, write_table, write_nifti, bright_data, oblique_affine, stub_networks, tmp_path):
    """A cohort of one case; one voxel of the T2w scan and two of the T1c scan are far outside."""
    [row] = write_cohort(1)
    t2, t1c = bright_data.copy(), bright_data[::-1].copy()
    t2[6, 38, 2] = -32768
    t1c[0, 0, :2] = 30000
    write_nifti(tmp_path / row["t2"], t2, oblique_affine)
    write_nifti(tmp_path / row["t1c"], t1c, oblique_affine)
    return write_table([{**row, "split": "test"}])


def test_a_cohort_check_names_outliers_of_both_scans(cohort):
    result = CliRunner().invoke(main, ["cohort", "check", str(cohort)])
    assert "c1/t2.nii.gz: 1 voxel lies far below the others" in result.output
    assert "c1/t1c.nii.gz: 2 voxels lie far above the others" in result.output


def test_a_predicted_cohort_flags_the_case(cohort, tmp_path):
    said = []
    predicted = spinal_tf.predict_cohort(cohort, tmp_path / "out", progress=lambda one: said.append(one))
    assert predicted.failed == {}
    [row] = csv.DictReader((tmp_path / "out" / "predictions.csv").open(encoding="utf-8"))
    assert row["flagged"] == "1"
