"""Cores that a process may use: its affinity, and the limits of its control groups."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from spinal_tf import cores
from spinal_tf.cores import NATIVE, limit_native_threads, usable_cores


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """The function that plants a process with 16 cores in its control groups: membership, and files by path."""
    monkeypatch.setattr(cores, "ROOT", tmp_path / "cgroup")
    monkeypatch.setattr(cores, "MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(cores, "_allowed", lambda: 16)

    def plant(membership: str, files: dict[str, str]) -> None:
        (tmp_path / "membership").write_text(membership)
        for name, text in files.items():
            file = tmp_path / "cgroup" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    return plant


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "400000 100000\n"}, 4),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 16),
        ("0::/job/step\n", {"job/cpu.max": "300000 100000\n", "job/step/cpu.max": "max 100000\n"}, 3),
        ("0::/docker/1f\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "nonsense\n"}, 16),
        ("0::/\n", {"cpu.max": "3200000 100000\n"}, 16),
        (
            "4:cpu,cpuacct:/job\n3:memory:/job\n",
            {"cpu,cpuacct/job/cpu.cfs_quota_us": "500000\n", "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n"},
            5,
        ),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 16),
        ("1:cpuset:/\n", {}, 16),
    ],
)
def test_limits_of_control_groups(groups, membership, files, expected):
    groups(membership, files)
    assert usable_cores() == expected


def test_without_control_groups_the_affinity_counts(groups):
    assert usable_cores() == 16


@pytest.mark.skipif(shutil.which("taskset") is None, reason="needs taskset")
def test_the_affinity_is_respected():
    command = ["taskset", "-c", "0", sys.executable, "-c", "from spinal_tf.cores import *; print(usable_cores())"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"


def test_native_libraries_are_told_a_limit_that_they_do_not_see(groups, monkeypatch):
    for name in NATIVE:
        monkeypatch.delenv(name, raising=False)
    groups("0::/\n", {"cpu.max": "max 100000\n"})
    limit_native_threads()
    assert not any(name in os.environ for name in NATIVE)
    monkeypatch.setenv("OPENCV_FOR_THREADS_NUM", "7")
    groups("0::/\n", {"cpu.max": "300000 100000\n"})
    limit_native_threads()
    chosen = {name: os.environ.pop(name) for name in NATIVE}
    assert chosen == {**dict.fromkeys(NATIVE, "3"), "OPENCV_FOR_THREADS_NUM": "7"}
