"""A cohort of small scans: two training cases and one validation case of each disease and of the healthy."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from spinal_tf.taxonomy import Diagnosis
from spinal_tf.volume import new_volume, write_on_grid

SHAPE = (3, 36, 44)
AFFINE = np.array([[-4.0, 0, 0, 5], [0, 0, -0.8, 20], [0, -0.8, 0, 30], [0, 0, 0, 1]])
COLUMNS = ("case", "patient", "t2", "t1c", "mask", "cord", "diagnosis", "split")
KINDS = (*Diagnosis, None)


def _write_case(folder: Path, number: int, diagnosis: Diagnosis | None, split: str, *, empty: bool = False) -> dict:
    """Write a case; its lesion is a bright block whose height tells the disease."""
    name, rng = f"case-{number:02d}", np.random.default_rng(number)
    mask = np.zeros(SHAPE, bool)
    if diagnosis is not None and not empty:
        left = 14 + number  # no two masks alike
        mask[1:, 8 : 16 + 4 * list(Diagnosis).index(diagnosis), left : left + 7] = True
    cord = np.zeros(SHAPE, bool)
    cord[1, 4:32, 22:25] = True
    t2 = rng.gamma(4, 20, SHAPE) + 200 * mask
    volume = new_volume(t2, AFFINE, source=name)
    images = {"t2": volume.data, "mask": mask, "cord": cord}
    images |= {"t1c": (300 - volume.data)} if number % 2 else {}
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
