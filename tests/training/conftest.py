"""A cohort of small scans, two training cases and one for validation of each kind; programs that share a training."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from spinal_tf.images.volume import new_volume, write_on_grid
from spinal_tf.taxonomy import Diagnosis, tree

SHAPE = (3, 36, 44)
AFFINE = np.array([[-4.0, 0, 0, 5], [0, 0, -0.8, 20], [0, -0.8, 0, 30], [0, 0, 0, 1]])
COLUMNS = ("case", "patient", "t2", "t1c", "mask", "cord", "diagnosis", "split")
KINDS = (*tree().diagnoses, None)

ROOT = Path(__file__).parents[2]
LONGEST_S = 600
"""For programs that never come to an end; on an idle machine they take seconds."""


def _write_case(folder: Path, number: int, diagnosis: Diagnosis | None, split: str, *, empty: bool = False) -> dict:
    """Write a case; its lesion is a bright block whose height tells the disease."""
    name, rng = f"case-{number:02d}", np.random.default_rng(number)
    mask = np.zeros(SHAPE, bool)
    if diagnosis is not None and not empty:
        left = 14 + number  # no two masks alike
        mask[1:, 8 : 16 + 4 * list(tree().diagnoses).index(diagnosis), left : left + 7] = True
    cord = np.zeros(SHAPE, bool)
    cord[1, 4:32, 22:25] = True
    t2 = rng.gamma(4, 20, SHAPE) + 200 * mask
    volume = new_volume(t2, AFFINE, source=name)
    images = {"t2": volume.data, "mask": mask, "cord": cord}
    images |= {"t1c": (300 - volume.data[:, ::-1])} if number % 2 else {}
    (folder / name).mkdir()
    for kind, array in images.items():
        write_on_grid(array, folder / name / f"{kind}.nii.gz", like=volume)
    row = {kind: f"{name}/{kind}.nii.gz" for kind in images}
    return row | {
        "case": name,
        "patient": f"patient-{number:02d}",
        "diagnosis": diagnosis.value if diagnosis else "healthy",
        "split": split,
    }


def _write_table(path: Path, rows: list[dict]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        table.writerows(rows)
    return path


def _write_cohort(folder: Path) -> Path:
    splits = ("train", "train", "validation")
    rows = [
        _write_case(folder, len(KINDS) * turn + kind, diagnosis, split)
        for turn, split in enumerate(splits)
        for kind, diagnosis in enumerate(KINDS)
    ]
    return _write_table(folder / "cohort.csv", rows)


@pytest.fixture(scope="session")
def cohort_table(tmp_path_factory) -> Path:
    """Table of the cohort; not to be changed."""
    return _write_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory) -> Path:
    """Cache of the prepared images of `cohort_table`."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def small_cohort(tmp_path):
    """Makes a cohort of cases, each given by diagnosis and split; those numbered in ``empty`` have no lesion."""

    def make(*cases: tuple[Diagnosis | None, str], empty: tuple[int, ...] = ()) -> Path:
        rows = [
            _write_case(tmp_path, number, diagnosis, split, empty=number in empty)
            for number, (diagnosis, split) in enumerate(cases)
        ]
        return _write_table(tmp_path / "cohort.csv", rows)

    return make


def _start(*arguments: object, **environment: str) -> subprocess.Popen:
    """Start Python with arguments; what it prints is kept."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "TF_CONFIG"))}
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env={**inherited, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(*processes: subprocess.Popen, status: int = 0) -> list[str]:
    """Wait for the end of all, expect a status of each, and return what they printed; none outlives this."""
    try:
        printed = [process.communicate(timeout=LONGEST_S) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, errors) in zip(processes, printed, strict=True):
        assert process.returncode == status, errors
    return [output for output, _ in printed]


def _two_workers() -> list[dict[str, str]]:
    """Environments of two processes that TF_CONFIG brings together."""
    with socket.socket() as one, socket.socket() as other:
        for free in (one, other):
            free.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{free.getsockname()[1]}" for free in (one, other)]
    tasks = ({"type": "worker", "index": index} for index in range(2))
    return [{"TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": task})} for task in tasks]


def _two_slurm_tasks(first_port: int, ports: int) -> list[dict[str, str]]:
    """Environments of two processes as srun would start them; the job's number makes the ports free ones."""
    job = next(job for job in range(ports) if all(_is_free(first_port + job + task) for task in range(2)))
    step = {
        "SLURM_JOB_ID": str(3 * ports + job),
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_STEP_TASKS_PER_NODE": "2",
    }
    return [{**step, "SLURM_PROCID": str(rank)} for rank in range(2)]


def _is_free(port: int) -> bool:
    with socket.socket() as free:
        try:
            free.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture(scope="session")
def processes():
    """Functions that start Python programs, wait for their end, and give them the environment of a cluster."""
    return SimpleNamespace(start=_start, finish=_finish, two_workers=_two_workers, two_slurm_tasks=_two_slurm_tasks)
