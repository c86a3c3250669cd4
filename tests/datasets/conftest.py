"""An examination as the training reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spinal_tf.cohort.case import Case
from spinal_tf.datasets.case_source import Examination
from spinal_tf.images.volume import new_volume
from spinal_tf.taxonomy import NMOSD, Diagnosis

AFFINE = np.array([[-3.5, 0, 0, 10], [0, 0, -0.7, 20], [0, -1.1, 0, 30], [0, 0, 0, 1.0]])
"""Slices of 3.5 mm, rows of 1.1 mm, columns of 0.7 mm."""

SHAPE = (7, 40, 48)


def make_case(name: str = "case-1", diagnosis: Diagnosis | None = NMOSD) -> Case:
    return Case(row=2, name=name, patient=name, t2=Path("t2.nii.gz"), diagnosis=diagnosis)


def make_examination(
    name: str = "case-1", *, t1c: bool = False, cord: bool = True, lesion: bool = True, model_mask: bool = False
) -> Examination:
    rng = np.random.default_rng(0)
    t2, other = (new_volume(rng.gamma(2, 100, SHAPE), AFFINE, source=kind) for kind in ("t2", "t1c"))
    mask, course = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    mask[2:4, 10:20, 20:25] = lesion
    course[3, 2:38, 21:24] = True
    found = np.roll(mask, 1, axis=0)
    return Examination(
        case=make_case(name, NMOSD if lesion else None),
        t2=t2,
        mask=mask,
        cord=course if cord else None,
        t1c=other if t1c else None,
        model_mask=found if model_mask else None,
    )


@pytest.fixture
def examination():
    """Makes one, with or without T1c, cord mask, lesion and a segmenter's mask, one slice further on."""
    return make_examination
