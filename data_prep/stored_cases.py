"""Cases as simulate_training_set.py stores them: a .npz file each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spinal_tf.preprocess import Preprocessing
from spinal_tf.taxonomy import Diagnosis
from spinal_tf.volume import Volume, new_volume

SEGMENTER_INPUT = Preprocessing(fit="spacing", spacing_mm=0.8, intensity="minmax")
BLOCK, BLOCKS = 50, 8
"""The last of so many blocks is for validation; in a block each disease meets each kind of background."""


def case_paths(folder: Path, *, validation: bool) -> list[Path]:
    """The stored cases for training, or those for validation, by number."""
    return [path for path in sorted(folder.glob("?????.npz")) if is_validation(int(path.stem)) == validation]


def is_validation(number: int) -> bool:
    """Whether a case of this number is for validation."""
    return number // BLOCK % BLOCKS == BLOCKS - 1


def simulated_volume(path: Path) -> tuple[Volume, np.ndarray, Diagnosis | None]:
    """T2w, mask and diagnosis of a stored case, None for a healthy person."""
    stored = np.load(path)
    slice_mm, row_mm, column_mm = stored["spacing"]
    affine = np.array([[-slice_mm, 0, 0, 0], [0, 0, -column_mm, 0], [0, -row_mm, 0, 0], [0, 0, 0, 1]])
    volume = new_volume(stored["t2"], affine, source=path.name)
    return volume, stored["mask"], _diagnosis(stored)


def _diagnosis(stored: Mapping[str, np.ndarray]) -> Diagnosis | None:
    return None if stored["diagnosis"] == "healthy" else Diagnosis(str(stored["diagnosis"]))
