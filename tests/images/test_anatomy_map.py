"""Label maps: what their values say about each structure, and which files are refused."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from spinal_tf.errors import VolumeError
from spinal_tf.images.anatomy_map import (
    AXIS,
    BODY,
    CANAL,
    CORD,
    DISC,
    SACRUM,
    UNKNOWN,
    read_anatomy_map,
    what_labels_say,
)
from spinal_tf.images.volume import new_volume, write_on_grid
from spinal_tf.structures import STRUCTURES, Structure

AFFINE = np.array([[-3.5, 0, 0, 10], [0, 0, -0.7, 20], [0, -1.1, 0, 30], [0, 0, 0, 1.0]])
SHAPE = (3, 5, 4)


def said(value, *structures):
    """What a value says about cord, canal, body, disc, sacrum and C2."""
    return what_labels_say(structures or STRUCTURES)[value].tolist()


def test_the_order_of_structures_is_that_of_these_tests():
    assert [one.value for one in STRUCTURES] == ["cord", "canal", "body", "disc", "sacrum", "c2"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, [0, 0, 0, 0, 0, 0]),
        (CORD, [1, 1, 0, 0, 0, 0]),
        (CANAL, [0, 1, 0, 0, 0, 0]),
        (BODY, [0, 0, 1, 0, 0, 0]),
        (DISC, [0, 0, 0, 1, 0, 0]),
        (SACRUM, [0, 0, 0, 0, 1, 0]),
        (AXIS, [0, 0, 1, 0, 0, 1]),
        (UNKNOWN, [-1, -1, -1, -1, -1, -1]),
    ],
)
def test_a_whole_map_says_everything_about_every_voxel(value, expected):
    assert said(value) == expected


def test_a_map_of_bodies_knows_bodies_everywhere_and_the_rest_within_them():
    assert said(0, Structure.BODY) == [-1, -1, 0, -1, -1, -1]
    assert said(BODY, Structure.BODY) == [0, 0, 1, 0, 0, -1]  # C2 may be among them
    assert said(BODY, Structure.BODY, Structure.C2) == [0, 0, 1, 0, 0, 0]
    assert said(AXIS, Structure.BODY) == [0, 0, 1, 0, 0, 1]


def test_a_map_of_the_cord_knows_that_the_cord_is_canal():
    assert said(0, Structure.CORD) == [0, -1, -1, -1, -1, -1]
    assert said(CORD, Structure.CORD) == [1, 1, 0, 0, 0, 0]


def test_a_canal_that_was_drawn_as_a_whole_may_be_cord_anywhere():
    assert said(CANAL, Structure.CANAL) == [-1, 1, 0, 0, 0, 0]


@pytest.fixture
def scan():
    return new_volume(np.random.default_rng(0).random(SHAPE), AFFINE, source="t2")


def written(tmp_path, scan, labels):
    write_on_grid(labels, tmp_path / "map.nii.gz", like=scan)
    return tmp_path / "map.nii.gz"


def test_labels_come_back_as_written(tmp_path, scan):
    labels = np.random.default_rng(1).choice([0, 1, 2, 3, 4, 5, 6, 255], SHAPE).astype(np.uint8)
    found = read_anatomy_map(written(tmp_path, scan, labels), like=scan)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize("value", [7, 254, 256, -1, 2.5])
def test_other_values_are_refused_in_one_sentence(tmp_path, scan, value):
    labels = np.zeros(SHAPE, np.float32)
    labels[1, 2, 3], labels[0, 0, 0] = value, BODY
    with pytest.raises(VolumeError, match=rf"^map\.nii\.gz: holds the value {value}, which is no label") as told:
        read_anatomy_map(written(tmp_path, scan, labels), like=scan)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("value", [0, UNKNOWN])
def test_a_map_without_a_label_is_refused(tmp_path, scan, value):
    with pytest.raises(VolumeError, match="holds no label of the anatomy"):
        read_anatomy_map(written(tmp_path, scan, np.full(SHAPE, value, np.uint8)), like=scan)


def test_a_map_on_another_grid_is_refused(tmp_path, scan):
    path = tmp_path / "map.nii.gz"
    nib.save(nib.Nifti1Image(np.ones((3, 5, 4), np.uint8), np.diag([3.0, 3, 3, 1])), path)
    with pytest.raises(VolumeError, match="grid"):
        read_anatomy_map(path, like=scan)
