"""Folders as arguments of ``segment`` and ``classify``: what is taken, told and listed, and where outputs go."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from spinal_tf.case_files import CaseFiles
from spinal_tf.claims import Claims


@pytest.fixture
def study(tmp_path, bright_data, phantom_data, oblique_affine, write_nifti, stub_networks):
    """A data set of two people: one with a lesion, one without, and what else lies in such folders."""
    folder, healthy = tmp_path / "study", phantom_data.copy()
    healthy[2:5, 10:15, 20:24] = 1500  # 0.11 mL; the other has 0.31 mL
    for subject, data in (("01", bright_data), ("02", healthy)):
        anat = folder / f"sub-{subject}" / "anat"
        anat.mkdir(parents=True)
        for end in ("T2w", "T1w"):
            write_nifti(anat / f"sub-{subject}_{end}.nii.gz", data, oblique_affine)
    (folder / "participants.tsv").touch()
    return folder


def below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def outputs(subject):
    return [f"sub-{subject}/anat/sub-{subject}_T2w_lesion.{end}" for end in ("json", "nii.gz", "png")]


def test_a_study_is_segmented_and_its_structure_kept(run, study, tmp_path):
    result = run("segment", study, "-o", tmp_path / "out", "--min-volume", "0.2")
    assert result.exit_code == 0, result.output
    assert below(tmp_path / "out") == [*outputs("01"), *outputs("02")]
    lines = result.stderr.splitlines()
    assert lines[0] == f"{study}: 2 scans; left out: T1w by name (2), other file (1); --list shows each"
    assert re.fullmatch(r"2 cases: 1 with lesion, 1 without, \d flagged for review, 0 failed, 0 skipped", lines[-1])


def test_a_second_run_beside_the_scans_takes_the_same(run, study):
    assert run("segment", study).exit_code == 0
    before = below(study)
    result = run("segment", study, "--resume")
    assert (result.exit_code, result.stdout, below(study)) == (0, "", before)
    assert "2 of 2 cases have their outputs and are skipped" in result.stderr
    assert result.stderr.endswith("0 failed, 2 skipped\n")


def test_a_pattern_narrows(run, study):
    result = run("segment", study, "--pattern", "sub-01/anat/*T2w*")
    assert result.exit_code == 0
    assert [name for name in below(study) if "lesion" in name] == outputs("01")
    assert run("segment", study, "--pattern", "").exit_code == 2
    assert "0 scans; left out: does not match the pattern (5)" in run("segment", study, "--pattern", "sub-3*/*").stderr


@pytest.mark.parametrize("command", ["segment", "classify"])
def test_the_list_shows_every_image_and_does_nothing(run, study, monkeypatch, command):
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", "/nowhere")
    before = below(study)
    (study / "sub-02" / "anat" / "sub-02_T2w.nii.gz").write_bytes(b"")
    result = run(command, study, study.parent / "gone.nii.gz", "--list")
    assert (result.exit_code, below(study)) == (0, before)
    rows = [re.split(r"  +", line) for line in result.stdout.splitlines()]
    assert rows[0] == ["path", "plane", "voxel mm", "size", "looks like", "taken"]
    assert rows[1][-2:] == [f"gone.nii.gz: there is no such file in {study.parent}; check the path", "yes"]
    anat = study / "sub-01" / "anat"
    known = ["sagittal", "3.3 x 0.7 x 0.8", "7 x 40 x 48"]
    assert rows[2] == [f"{anat}/sub-01_T1w.nii.gz", *known, "T1w by name", "no: T1w by name"]
    assert rows[3] == [f"{anat}/sub-01_T2w.nii.gz", *known, "T2w by name", "yes"]
    assert rows[5][1].startswith("sub-02_T2w.nii.gz: is empty")


def test_the_list_needs_no_tensorflow(study):
    code = "import sys; from spinal_tf.cli.main import main; main(sys.argv[1:], standalone_mode=False); "
    code += "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    words = [sys.executable, "-c", code, "segment", str(study), "--list"]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    assert ended.stdout.endswith("\n[]\n"), ended.stdout


def test_a_case_that_another_run_works_on_is_left_to_it(run, study):
    scan = study / "sub-01" / "anat" / "sub-01_T2w.nii.gz"
    case = CaseFiles(case=scan, folder=scan.parent)
    with Claims([case], lambda case: case.lesion_outputs()).hold(case):
        result = run("segment", study, "--resume")
        alone = run("segment", scan, "--overwrite")
        resumed = run("segment", scan, "--resume")
    assert result.exit_code == 0
    assert f"{scan}: another run is working on it; left to it for now" in result.stdout
    assert result.stderr.endswith("0 failed, 0 skipped, 1 left to another run\n")
    assert [name for name in below(study) if "lesion" in name] == outputs("02")
    assert alone.exit_code == 3
    assert f"{scan}: another run is working on this case; wait until that has ended" in alone.stderr
    assert resumed.exit_code == 0


def test_two_scans_of_one_name_are_refused_before_anything_runs(refused, study, tmp_path):
    scans = [study / f"sub-{subject}" / "anat" / f"sub-{subject}_T2w.nii.gz" for subject in ("01", "02")]
    scans = [scan.rename(scan.with_name("t2.nii.gz")) for scan in scans]
    sentence = refused("segment", *scans, "-o", tmp_path / "out")
    assert sentence.startswith(f"{scans[0]} and {scans[1]} would write the same files in {tmp_path / 'out'}; give the")
    assert not (tmp_path / "out").exists()
