"""``python -m spinal_tf``, and modules that are no programs."""

from __future__ import annotations

import subprocess
import sys

import pytest


def python_m(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False)


def test_the_package_runs_as_the_command():
    done = python_m("spinal_tf", "segment", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: python -m spinal_tf segment [OPTIONS] CASE...")


@pytest.mark.parametrize("module", ["spinal_tf.cli", "spinal_tf.cli.main", "spinal_tf.pipeline", "spinal_tf.nowhere"])
def test_a_module_that_is_no_program_says_so(module):
    done = python_m(module, "--help")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"spinal-tf: {module} is no program; run spinal-tf, or python -m spinal_tf\n"


def test_a_program_of_another_package_may_import_this_one():
    done = python_m("timeit", "-n", "1", "-r", "1", "import spinal_tf.taxonomy")
    assert done.returncode == 0, done.stderr
