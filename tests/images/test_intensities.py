"""Outliers are clipped and named; large numbers keep their differences, or are refused."""

from __future__ import annotations

import numpy as np
import pytest

from spinal_tf.errors import VolumeError
from spinal_tf.images.array_image import array_image
from spinal_tf.images.volume import read_aligned, read_mask, read_volume, volume_of
from spinal_tf.images.voxels import real_voxels

UPRIGHT = np.array([[0, 0, -3.0, 30.0], [-1, 0, 0, 20.0], [0, -1, 0, 10.0], [0, 0, 0, 1]])
"""Affine of an array with axes PIL: k are sagittal slices."""


@pytest.fixture
def scan():
    """Noise and a ramp, whole numbers from 0 to 1000, (40, 48, 9)."""
    rng = np.random.default_rng(3)
    data = rng.gamma(2, 60, (40, 48, 9)) + 10 * np.arange(40)[:, np.newaxis, np.newaxis]
    data -= data.min()
    return np.round(data / data.max() * 1000).astype(np.int32)


def read(data):
    return volume_of(array_image(data, UPRIGHT, source="scan.nii"))


def outlier_warnings(volume):
    return [warning for warning in volume.warnings if "far" in warning]


def test_a_sound_scan_is_handed_on_bit_for_bit(scan):
    volume = read(scan)
    assert volume.outliers == 0
    assert outlier_warnings(volume) == []
    np.testing.assert_array_equal(volume.data, scan.transpose(2, 1, 0))


def test_one_voxel_is_clipped_and_named_by_its_place_in_the_file(scan):
    sound = read(scan)
    scan[12, 30, 7] = -1024
    volume = read(scan)
    assert volume.outliers == 1
    assert outlier_warnings(volume) == [
        "scan.nii: 1 voxel lies far below the others (0 to 1000): -1024 at voxel (12, 30, 7), (9.0, 8.0, -20.0) mm; "
        "clipped to 0, so check the scan for padding and artifacts"
    ]
    assert np.count_nonzero(volume.data != sound.data) == 1
    assert (volume.data.min(), volume.data.max()) == (0, 1000)


def test_a_region_is_named_by_its_corners_and_both_sides_by_a_sentence_each(scan):
    scan[:20, :, :2] = -32768
    scan[5, 5, 5], scan[6, 6, 6] = 30000, 40000
    volume = read(scan)
    assert volume.outliers == 20 * 48 * 2 + 2
    below, above = outlier_warnings(volume)
    assert "1920 voxels lie far below the others" in below
    assert "-32768 in the region from voxel (0, 0, 0), (30.0, 20.0, 10.0) mm to voxel (19, 47, 1)" in below
    assert "2 voxels lie far above the others" in above
    assert "30000 to 40000 at voxel (5, 5, 5), (15.0, 15.0, 5.0) mm, voxel (6, 6, 6)" in above


def test_the_given_array_is_left_as_it_was(scan):
    data = scan.astype(np.float32)
    data[1, 2, 3] = 1e30
    before = data.copy()
    assert read(data).outliers == 1
    np.testing.assert_array_equal(data, before)


def test_outliers_of_a_contrast_scan_are_clipped_and_named(tmp_path, write_nifti, phantom_data, oblique_affine):
    scan = write_nifti(tmp_path / "scan.nii", phantom_data, oblique_affine, axes="PSR")
    spoiled = phantom_data.copy()
    spoiled[3, 20, 11] = -32768
    t1c = read_aligned(write_nifti(tmp_path / "t1c.nii", spoiled, oblique_affine), like=read_volume(scan))
    assert t1c.outliers == 1
    assert t1c.data.min() == phantom_data.min()
    assert "t1c.nii: 1 voxel lies far below the others" in t1c.warnings[-1]
    assert "voxel (3, 20, 11)" in t1c.warnings[-1]


def test_a_mask_is_never_clipped(tmp_path, write_nifti, phantom_volume, phantom_data, oblique_affine):
    mask = np.zeros(phantom_data.shape, np.uint8)
    mask[3, 20, 11] = 1
    path = write_nifti(tmp_path / "mask.nii", mask, oblique_affine)
    assert np.argwhere(read_mask(path, like=phantom_volume)).tolist() == [[3, 20, 11]]


@pytest.mark.parametrize(
    "stored",
    [
        lambda scan: scan + 2**30,
        lambda scan: scan - 2**30,
        lambda scan: (scan.astype(np.int64) + 2**31).astype(np.uint32),
        lambda scan: scan.astype(np.int64) + 2**40,
        lambda scan: scan + 1e12,
    ],
)
def test_an_offset_does_not_cost_differences(scan, stored):
    volume, sound = read(stored(scan)), read(scan)
    assert volume.data.dtype == np.float32
    np.testing.assert_allclose(volume.data - volume.data.min(), sound.data, atol=1e-3)


def test_an_offset_is_kept_where_it_costs_nothing(scan):
    np.testing.assert_array_equal(read(scan + 5000).data, read(scan).data + 5000)


def test_padding_does_not_hide_that_an_offset_costs_differences(scan):
    sound = read(scan)
    stored = scan + 2**30
    stored[:, :, :3] = 0
    volume = read(stored)
    assert volume.outliers == 40 * 48 * 3
    scanned = volume.data[sound.data.shape[0] - 6 :]
    np.testing.assert_allclose(np.diff(scanned.ravel()), np.diff(sound.data[3:].ravel()), atol=1e-3)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 2.0**30), (1.0, -(2.0**30)), (0.5, 1e8), (-1.0, 1e9)])
def test_slope_and_intercept_are_applied_in_double_precision(
    tmp_path, write_nifti, phantom_data, oblique_affine, slope, intercept
):
    stored = phantom_data.astype(np.int32)
    volume = read_volume(write_nifti(tmp_path / "a.nii", stored, oblique_affine, slope=slope, intercept=intercept))
    expected = slope * stored.astype(np.float64)
    np.testing.assert_allclose(volume.data - volume.data.min(), expected - expected.min(), atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_differences_that_are_lost_are_noticed(scan, dtype):
    stored = scan.astype(dtype) + dtype(2**30 if dtype == np.float32 else 2**62)
    with pytest.raises(VolumeError, match=r"scan\.nii: .*so far from zero .*rounded away"):
        read(stored)


def test_values_beyond_single_precision_are_refused_unless_they_are_outliers(scan):
    data = scan.astype(np.float64)
    with pytest.raises(VolumeError, match=r"scan\.nii: .*beyond single precision"):
        read(data * 1e300)
    data[1, 2, 3] = 1e300
    assert read(data).outliers == 1


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<i2", ">i2", "u1", "<f8", ">f4", "<i4", "?"])
def test_voxels_become_single_precision_whatever_the_file_stores(dtype, order):
    stored = np.asarray(np.random.default_rng(0).integers(0, 2, (3, 4, 5)).astype(dtype), order=order)
    voxels = real_voxels(stored)
    assert voxels.dtype == np.float32
    assert not np.shares_memory(voxels, stored)
    np.testing.assert_array_equal(voxels, stored.astype(np.float64))
    np.testing.assert_array_equal(real_voxels(stored, slope=2.0, intercept=-1.0), 2.0 * stored.astype(np.float64) - 1)
