"""The commands of the documents, run in order in one folder as a newcomer would type them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from click.testing import CliRunner

from spinal_tf.cli.main import main

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)

RECORDS = {"weights/HISTORY.md": "a record of trainings on scans and simulated cases that are not here"}
"""Pages whose commands nobody types again, and why."""

SERVER = "needs a TensorFlow Serving server, which runs in Docker"
INSTALLATION = "installs from the network; tests/test_packaging.py installs the wheel"
SUITE = "runs this suite, or makes its environment"
TRAINING_DATA = "makes the released weights in hours, from scans that are not here"
NOT_RUN = {
    "make ": SUITE,
    "git clone": INSTALLATION,
    "cd spinal-tf": INSTALLATION,
    "python3 -m venv": INSTALLATION,
    "venv/bin/python -m pip": INSTALLATION,
    "python -m pytest": SUITE,
    "spinal-tf serve-check": SERVER,
    "#": "a line of a script for Slurm",
    "srun ": "needs Slurm",
    "python data_prep/simulate_training_set.py": TRAINING_DATA,
    "python data_prep/stored_cases_to_cohort.py": TRAINING_DATA,
    "python data_prep/measure_segmenter.py": TRAINING_DATA,
}
"""Beginnings of lines that no test runs, and why."""

NOT_RUN_WITH = {
    "--server": SERVER,
    "--device gpu": "needs a GPU",
    "--template DIR": "needs an average spine and scans",
    "simulate paper": "takes minutes; the same command with --cases is run",
    " SHARED": TRAINING_DATA,
    "release RUN --into WEIGHTS": TRAINING_DATA,
}
"""Parts of lines that no test runs, and why."""


def pages() -> dict[str, list[str]]:
    """Lines of the ``sh`` blocks of every page that has some, by its path in the repository."""
    found = {}
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("weights/*.md"), *ROOT.glob("data_prep/*.md")]:
        blocks = BLOCK.findall(path.read_text(encoding="utf-8"))
        lines = [line for block in blocks for line in block.splitlines() if line.strip()]
        if lines:
            found[path.relative_to(ROOT).as_posix()] = lines
    return found


def why_not_run(line: str) -> str:
    """Reason why no test runs a line; empty if one does."""
    begun = (reason for begin, reason in NOT_RUN.items() if line.startswith(begin))
    within = (reason for part, reason in NOT_RUN_WITH.items() if part in line)
    return next(begun, "") or next(within, "")


def run_page(
    page: str,
    *,
    cheaper: Mapping[str, str] | None = None,
    before: Mapping[str, Callable[[], object]] | None = None,
    setenv: Callable[[str, str], object] = os.environ.__setitem__,
) -> list[str]:
    """Run the commands of a page, one after the other, in the current folder; each has to succeed.

    Args:
        page: path of the page in the repository.
        cheaper: options to add to lines with this beginning, so that they take seconds.
        before: what a reader does by hand before the line with this beginning, such as naming a file.
        setenv: function for ``export``.

    Returns:
        The lines that were run.
    """
    done = []
    for line in pages()[page]:
        if why_not_run(line):
            continue
        for begin, act in (before or {}).items():
            if line.startswith(begin):
                act()
        added = [options for begin, options in (cheaper or {}).items() if line.startswith(begin)]
        _run(" ".join([line.partition("  #")[0].partition(" # ")[0], *added]), setenv)
        done.append(line)
    return done


def _run(line: str, setenv: Callable[[str, str], object]) -> None:
    program, *words = shlex.split(line)
    if program == "export":
        setenv(*words[0].split("=", 1))
        return
    words = [name for word in words for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
    if program == "python":
        ended = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
        assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"
        return
    assert program.removeprefix("venv/bin/") == "spinal-tf", f"{line}: who runs this?"
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, f"{line}\n{result.output}"
