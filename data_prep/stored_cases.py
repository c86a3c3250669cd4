"""Reads cases as simulate_training_set.py stores them: one .npz file each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spinal_tf.cohort.case import Split
from spinal_tf.images.volume import Volume, new_volume
from spinal_tf.taxonomy import Diagnosis, tree

BLOCK, BLOCKS = 50, 8
"""Cases in a block, in which each disease occurs with each kind of background; every eighth block is for validation."""

TEST_FROM = 1000
"""First number of the test cases."""


def split_of(number: int) -> Split:
    """Return the split of a case by its number."""
    if number >= TEST_FROM:
        return Split.TEST
    return Split.VALIDATION if number // BLOCK % BLOCKS == BLOCKS - 1 else Split.TRAIN


def simulated_volume(path: Path) -> tuple[Volume, np.ndarray, Diagnosis | None]:
    """Return T2w, mask and diagnosis of a stored case; the diagnosis is None for a healthy person."""
    stored = np.load(path)
    slice_mm, row_mm, column_mm = stored["spacing"]
    affine = np.array([[-slice_mm, 0, 0, 0], [0, 0, -column_mm, 0], [0, -row_mm, 0, 0], [0, 0, 0, 1]])
    volume = new_volume(stored["t2"], affine, source=path.name)
    return volume, stored["mask"], _diagnosis(stored)


def _diagnosis(stored: Mapping[str, np.ndarray]) -> Diagnosis | None:
    return None if stored["diagnosis"] == "healthy" else tree().diagnosis(str(stored["diagnosis"]))
