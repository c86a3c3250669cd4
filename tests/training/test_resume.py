"""A training that is killed goes on to the same end, bit for bit."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
STEPS = 9


def start(table: Path, cache: Path, out: Path, *more: str) -> subprocess.Popen:
    """Train a segmenter of the bundled one's width; a narrow one comes to the same bits more easily."""
    arguments = (
        f"train segmenter --crop 96 --batch 4 --steps {STEPS} --validation-every 2 --deterministic "
        "--schedule cosine --warm-up 3 --learning-rate 1e-3"
    ).split()
    program = "from spinal_tf.cli.main import main; main()"
    command = [sys.executable, "-c", program, *arguments, "--cohort", str(table), "--cache", str(cache)]
    return subprocess.Popen(
        [*command, "--out", str(out), *more],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=1800)
    assert process.returncode == 0, errors


def kill_after(process: subprocess.Popen, words: str) -> None:
    for line in process.stdout:
        if line.startswith(words):
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait(timeout=600) == -signal.SIGKILL


def log_without_seconds(run: Path) -> list[dict[str, str]]:
    with (run / "log.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files if name != "record"}


@pytest.mark.slow
def test_a_training_killed_and_gone_on_with_equals_one_that_was_left_alone(tmp_path, cohort_table, shared_cache):
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    finish(start(cohort_table, shared_cache, alone))
    kill_after(start(cohort_table, shared_cache, killed), "step 4:")
    lines_before = log_without_seconds(killed)
    assert len(lines_before) < len(log_without_seconds(alone))
    finish(start(cohort_table, shared_cache, killed, "--resume"))
    assert log_without_seconds(killed) == log_without_seconds(alone)
    assert [row["step"] for row in log_without_seconds(killed)] == ["2", "4", "6", "8", "9"]
    ours, theirs = arrays(killed / "state.npz"), arrays(alone / "state.npz")
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])
    assert (killed / "best.json").read_bytes() == (alone / "best.json").read_bytes()
    [best] = killed.glob("best-*.weights.h5")
    assert best.read_bytes() == (alone / best.name).read_bytes()
