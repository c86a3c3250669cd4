"""Reading the cases of a cohort, and how each fault names its case."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spinal_tf.cohort.case import Case
from spinal_tf.cohort.cells import CORD_COLUMN, MODEL_MASK_COLUMN
from spinal_tf.datasets.cache import Entry
from spinal_tf.datasets.case_source import entries, read_examination
from spinal_tf.errors import TrainingError
from spinal_tf.images.volume import new_volume, write_on_grid
from spinal_tf.taxonomy import EPENDYMOMA

SHAPE = (3, 12, 16)
CORD, MODEL = (CORD_COLUMN,), (MODEL_MASK_COLUMN,)
AFFINE = np.array([[-4.0, 0, 0, 5], [0, 0, -0.8, 20], [0, -0.8, 0, 30], [0, 0, 0, 1]])


@pytest.fixture
def case(tmp_path) -> Case:
    volume = new_volume(np.random.default_rng(0).random(SHAPE), AFFINE, source="t2")
    mask = np.zeros(SHAPE, bool)
    mask[1, 4:6, 5] = True
    for name, array in {
        "t2": volume.data,
        "t1c": 1 - volume.data[:, ::-1],
        "mask": mask,
        "cord": ~mask,
        "model": np.roll(mask, 1, axis=1),
        "none": mask & False,
    }.items():
        write_on_grid(array, tmp_path / f"{name}.nii.gz", like=volume)
    return Case(
        row=2,
        name="case-7",
        patient="p",
        t2=tmp_path / "t2.nii.gz",
        t1c=tmp_path / "t1c.nii.gz",
        mask=tmp_path / "mask.nii.gz",
        diagnosis=EPENDYMOMA,
        extra={"cord": "cord.nii.gz", "model_mask": "model.nii.gz"},
    )


def test_the_segmenter_gets_the_cord_and_the_classifiers_get_t1c_and_its_mask(case, tmp_path):
    found = read_examination(case, folder=tmp_path, with_t1c=False, masks=CORD)
    assert found.t1c is None
    assert found.mask.sum() == 2
    assert found.model_mask is None
    np.testing.assert_array_equal(found.cord, ~found.mask)
    found = read_examination(case, folder=tmp_path, with_t1c=True, masks=MODEL)
    assert found.cord is None
    np.testing.assert_array_equal(found.model_mask, np.roll(found.mask, 1, axis=1))
    np.testing.assert_allclose(found.t1c.data, 1 - found.t2.data[:, ::-1], atol=1e-6)
    both = read_examination(case, folder=tmp_path, with_t1c=False, masks=CORD + MODEL)
    np.testing.assert_array_equal(both.cord, ~found.mask)
    np.testing.assert_array_equal(both.model_mask, found.model_mask)


def test_what_a_case_has_not_is_none_or_empty(case, tmp_path):
    bare = replace(case, t1c=None, extra={}, mask=None, diagnosis=None)
    for with_t1c in (True, False):
        found = read_examination(bare, folder=tmp_path, with_t1c=with_t1c, masks=CORD + MODEL)
        assert found.t1c is None
        assert found.cord is None
        assert found.model_mask is None
        assert not found.mask.any()
    empty = replace(case, extra={"cord": "", "model_mask": ""})
    assert read_examination(empty, folder=tmp_path, with_t1c=False, masks=CORD).cord is None
    assert read_examination(empty, folder=tmp_path, with_t1c=True, masks=MODEL).model_mask is None


def test_a_file_gone_missing_is_named_with_its_case(case, tmp_path):
    case.t2.unlink()
    with pytest.raises(TrainingError, match=r"^case-7: t2\.nii\.gz: there is no such file"):
        read_examination(case, folder=tmp_path, with_t1c=False, masks=CORD)


def test_a_case_with_a_disease_needs_a_lesion_in_its_mask(case, tmp_path):
    empty = replace(case, mask=tmp_path / "none.nii.gz")
    words = (
        r"^case-7: the mask none\.nii\.gz holds no lesion, but the diagnosis is ependymoma; correct the mask or leave"
    )
    with pytest.raises(TrainingError, match=words):
        read_examination(empty, folder=tmp_path, with_t1c=False, masks=CORD)
    with pytest.raises(TrainingError, match="^case-7: has no mask, but the diagnosis is ependymoma"):
        read_examination(replace(case, mask=None), folder=tmp_path, with_t1c=False, masks=CORD)
    assert not read_examination(replace(empty, diagnosis=None), folder=tmp_path, with_t1c=False, masks=CORD).mask.any()


def test_cases_come_in_order_with_their_progress(case, tmp_path):
    cases, seen = [replace(case, name=f"case-{number}") for number in range(11)], []

    def prepare(found):
        return Entry(facts={"name": found.case.name}, arrays={})

    made = entries(
        cases, prepare, folder=tmp_path, with_t1c=False, masks=CORD, progress=lambda *numbers: seen.append(numbers)
    )
    assert [entry.facts["name"] for entry in made] == [case.name for case in cases]
    assert seen == [(done, 11) for done in range(1, 12)]
    assert list(entries(cases[:1], prepare, folder=tmp_path, with_t1c=False, masks=CORD, progress=None))
