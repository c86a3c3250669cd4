"""Some hundreds of damaged files, read as ``make fuzz`` reads ten thousand of each kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("run_fuzz.py")


def _fuzz(*arguments):
    done = subprocess.run([sys.executable, PROGRAM, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_damaged_files_give_a_result_or_one_sentence():
    summaries = _fuzz("--files", "40").splitlines()
    assert len(summaries) == 13
    assert all("'read': " in line or line.startswith("nifti-pair") for line in summaries)
    assert all("'refused': " in line for line in summaries)


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_a_file_that_crashes_the_library_in_the_same_process_gives_a_sentence_apart():
    # With HDF5 1.14.6 "crashed with status -11" comes first.
    assert "weights: {'refused': 1}, 0 findings" in _fuzz("--kind", "weights", "--first", "6292", "--files", "1")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_damaged_programs_give_a_result_or_one_sentence():
    assert "'refused': " in _fuzz("--kind", "saved-model", "--files", "30")
