"""File names that are not UTF-8, and terminals that print little: every command works to its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from stubbed_command import WITH_STUBS

ROOT = Path(__file__).parents[2]
LATIN_1 = os.fsdecode(b"M\xfcller.nii.gz")
PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""A terminal, and a file system, that Python takes for ASCII."""


@pytest.fixture
def case(bright_file) -> Path:
    return bright_file.rename(bright_file.with_name(LATIN_1))


def written(case: Path, ending: str) -> str:
    return case.with_name(os.fsdecode(b"M\xfcller" + ending.encode())).read_text(encoding="utf-8")


def test_a_case_with_a_name_in_latin_1_is_segmented_and_classified(run, case, stub_networks):
    assert run("segment", case).exit_code == 0
    result = run("classify", case, "--with-mask")
    assert result.exit_code == 0, result.output
    assert rb"M\xfcller.nii.gz: 1 lesion" in result.stdout_bytes
    assert b"/M\xfcller_diagnosis.html\n" in result.stdout_bytes
    record = json.loads(written(case, "_diagnosis.json"))
    assert record["input"] == {"file": r"M\xfcller.nii.gz"}
    assert record["mask"]["file"] == r"M\xfcller_lesion.nii.gz"
    assert r"<h1>M\xfcller.nii.gz" in written(case, "_diagnosis.html")


def test_a_damaged_case_with_such_a_name_is_told_in_a_sentence(refused, case):
    case.write_bytes(b"")
    assert refused("segment", case).endswith("ller.nii.gz: is empty (zero bytes); copy or export it again")


@pytest.mark.parametrize("name", [b"M\xfcller", "Müller".encode()], ids=["latin-1", "utf-8"])
def test_an_ascii_terminal_gets_the_names_own_bytes(bright_file, stub_networks, name):
    case = bright_file.rename(bright_file.with_name(os.fsdecode(name + b".nii.gz")))
    command = [sys.executable, "-c", WITH_STUBS, "segment", case, "--weights", stub_networks]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **PLAIN}, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"/" + name + b"_lesion.png\n" in done.stdout
    record = json.loads(case.with_name(os.fsdecode(name + b"_lesion.json")).read_text(encoding="utf-8"))
    assert record["input"]["file"] == name.decode("utf-8", "backslashreplace") + ".nii.gz"


def test_help_is_printed_on_an_ascii_terminal():
    command = [sys.executable, "-m", "spinal_tf", "evaluate", "--help"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **PLAIN}, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
