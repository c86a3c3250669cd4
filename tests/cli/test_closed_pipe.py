"""A reader that has gone, as after ``| head -1``, ends a command without a word and leaves no case half done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from stubbed_command import WITH_STUBS

from spinal_tf.cli.failures import READER_GONE

ROOT = Path(__file__).parents[2]


def run_unread(*words, lines: int = 0) -> tuple[int, str]:
    """Run the command, close its output after some lines, and return exit status and standard error."""
    command = [sys.executable, "-c", WITH_STUBS, *map(str, words)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(lines):
        process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    return process.wait(timeout=60), errors


def test_each_case_is_complete_or_not_begun(tmp_path, bright_data, oblique_affine, write_nifti, stub_networks, names):
    cases = [write_nifti(tmp_path / f"{name}.nii.gz", bright_data, oblique_affine) for name in "abc"]
    status, errors = run_unread("segment", *cases, "--weights", stub_networks)
    assert status == READER_GONE
    assert errors == ""
    outputs = ["a_lesion.json", "a_lesion.nii.gz", "a_lesion.png"]
    assert names(tmp_path) == sorted([*(case.name for case in cases), *outputs])


def test_simulated_cases_are_complete_and_can_be_resumed(tmp_path, run, names):
    status, errors = run_unread("simulate", tmp_path, "--cases", 3, "--workers", 1, lines=1)
    assert (status, errors) == (READER_GONE, "")
    made = names(tmp_path)
    assert set(made) <= {"sim-0001", "sim-0002", "sim-0003"}
    assert all("parameters.json" in names(tmp_path / case) for case in made)


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["segment", "--help"], ["weights", "list"], ["cohort", "check", "--help"]]
)
def test_every_command_that_prints_ends_quietly(words):
    assert run_unread(*words) == (READER_GONE, "")


def test_an_error_that_nobody_reads_ends_quietly_too(tmp_path):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "spinal_tf", "segment", str(tmp_path / "nowhere.nii.gz"), "--fast"]
    done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=write, check=False)
    os.close(write)
    assert done.returncode == READER_GONE
