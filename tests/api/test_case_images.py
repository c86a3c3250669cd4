"""Scans and masks as files, arrays and volumes: the same voxels, whatever they are given as."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from spinal_tf import VolumeError, read
from spinal_tf.api.case_images import ARRAY, as_mask, as_t1c, as_volume, as_weights
from spinal_tf.loaded_weights import load_weights


@pytest.fixture
def image(bright_file):
    return nib.load(bright_file)


@pytest.fixture
def array(image):
    return np.asarray(image.dataobj)


def test_an_array_with_its_affine_is_the_file(bright_file, image, array):
    of_file, of_array = read(bright_file), read(array, affine=image.affine)
    np.testing.assert_array_equal(of_array.data, of_file.data)
    np.testing.assert_allclose(of_array.affine, of_file.affine, atol=1e-5)
    assert of_array.spacing_mm == pytest.approx(of_file.spacing_mm, abs=1e-5)
    assert of_array.grid.shape == array.shape


@pytest.mark.parametrize("axes", ["PSR", "RAS", "LIP", "SAL", "ARI"])
def test_arrays_in_any_axis_order_are_the_same_volume(bright_data, oblique_affine, write_nifti, tmp_path, axes):
    turned = nib.load(write_nifti(tmp_path / "turned.nii", bright_data, oblique_affine, axes=axes))
    volume = read(np.asarray(turned.dataobj), affine=turned.affine)
    np.testing.assert_array_equal(volume.data, bright_data)
    np.testing.assert_allclose(volume.affine, oblique_affine, atol=1e-4)


def test_a_file_is_read_by_its_name_as_text_or_path(bright_file):
    np.testing.assert_array_equal(read(str(bright_file)).data, read(bright_file).data)


def test_a_volume_is_taken_as_it_is(bright_file):
    volume = read(bright_file)
    assert as_volume(volume, None) is volume


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[..., None], "give one 3D volume"),
        (lambda data: data[:0], "give one 3D volume"),
        (lambda data: data + 1j, "holds complex128"),
        (lambda data: data.astype(str), "give integers or floats"),
        (lambda data: np.full(data.shape, np.nan), "not numbers"),
        (lambda data: data * 1e300, "beyond single precision"),
        (lambda data: data * 0, "constant intensity"),
        (lambda data: data[:, :2], "too few slices"),
    ],
)
def test_an_array_is_refused_as_a_file_would_be(array, image, change, words):
    with pytest.raises(VolumeError, match=words):
        read(change(array), affine=image.affine, name="sub-017")


@pytest.mark.parametrize(
    ("affine", "words"),
    [
        (np.eye(3), "give 4 x 4"),
        (np.diag([1.0, 1, 0, 1]), "affine is unusable"),
        (np.full((4, 4), np.nan), "affine is unusable"),
        ([[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], "unusable"),
        (np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "singular"),
        ("nothing", "holds no numbers"),
        (None, "give its affine"),
    ],
)
def test_an_affine_that_leads_nowhere_is_refused(array, affine, words):
    with pytest.raises(VolumeError, match=words):
        read(array, affine=affine)


def test_an_axial_array_is_refused_unless_it_is_allowed(array):
    axial = np.diag([0.7, 0.7, 4.0, 1])
    with pytest.raises(VolumeError, match="sub-017: .*sagittal"):
        read(array, affine=axial, name="sub-017")
    assert read(array, affine=axial, allow_plane=True).data.size == array.size


def test_a_second_affine_is_refused(bright_file, image):
    for given in (bright_file, read(bright_file)):
        with pytest.raises(VolumeError, match="own affine"):
            as_volume(given, image.affine)


def test_a_mask_is_the_same_as_file_and_as_array(bright_file, lesion, oblique_affine, write_nifti, tmp_path, image):
    volume = read(bright_file)
    path = write_nifti(tmp_path / "mask.nii.gz", lesion.astype(np.uint8), oblique_affine, axes="PSR")
    array = np.asarray(nib.load(path).dataobj)
    for given in (path, str(path), array, array.astype(bool), array * 0.5):
        np.testing.assert_array_equal(as_mask(given, like=volume).mask, lesion)
    assert (as_mask(path, like=volume).source, as_mask(array, like=volume).source) == ("mask.nii.gz", ARRAY)
    assert not as_mask(array, like=volume).automatic


def test_a_mask_of_another_shape_is_refused_with_both_shapes(bright_file, array):
    with pytest.raises(VolumeError, match=r"48 x 40 x 6 voxels against 48 x 40 x 7; .* of case.nii.gz"):
        as_mask(np.zeros((48, 40, 6)), like=read(bright_file))


def test_a_t1c_array_has_the_scans_axis_order(bright_file, array, tmp_path, image):
    volume = read(bright_file)
    rooted = np.sqrt(array.astype(np.float32))
    np.testing.assert_array_equal(as_t1c(rooted, like=volume).data, np.sqrt(volume.data))
    assert as_t1c(None, like=volume) is None
    nib.save(nib.Nifti1Image(rooted, image.affine), tmp_path / "t1c.nii.gz")
    np.testing.assert_array_equal(as_t1c(tmp_path / "t1c.nii.gz", like=volume).data, np.sqrt(volume.data))


def test_a_t1c_that_is_the_scan_itself_is_refused(bright_file, array):
    volume = read(bright_file)
    for contrast in (array * 2 + 1, bright_file):
        with pytest.raises(VolumeError, match=r"is the T2w scan case\.nii\.gz itself, at most rescaled"):
            as_t1c(contrast, like=volume)


def test_weights_are_a_folder_or_what_was_opened(stub_networks):
    opened = load_weights(stub_networks)
    assert as_weights(opened) is opened
    assert as_weights(str(stub_networks)).folder == stub_networks
    assert as_weights(None).folder == stub_networks
