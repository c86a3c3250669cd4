"""Lesion masks on a scan: the scan itself and implausible masks are refused, unlikely ones are doubted."""

from __future__ import annotations

import numpy as np
import pytest

from spinal_tf.errors import VolumeError
from spinal_tf.images.array_image import array_image
from spinal_tf.images.lesion_doubts import LARGE_ML, WIDEST_MM, lesion_doubts
from spinal_tf.images.lesion_mask import LARGEST_SHARE, lesion_mask_of, read_lesion_mask
from spinal_tf.images.volume import new_volume, read_mask, read_volume
from spinal_tf.prediction_options import MaskValues

SHAPE = (13, 150, 120)
AFFINE = np.array([[-4.0, 0, 0, 20], [0, 0, -2.0, 40], [0, -2.0, 0, 50], [0, 0, 0, 1.0]])
SPACING_MM = (4.0, 2.0, 2.0)
VOXEL_ML = 0.016


@pytest.fixture(scope="module")
def scan():
    """A body of 160 mm front to back between air, 240 x 300 mm, in 13 slices."""
    data = np.random.default_rng(0).gamma(1, 2, SHAPE)
    data[:, :, 20:100] += 100 + 200 * np.random.default_rng(1).random((13, 150, 80))
    return new_volume(data, AFFINE, source="t2.nii.gz")


def block(rows=(60, 80), columns=(55, 62), slices=(5, 8)):
    mask = np.zeros(SHAPE, bool)
    mask[slice(*slices), slice(*rows), slice(*columns)] = True
    return mask


def lesions_of(scan, data, **values):
    image = array_image(np.asarray(data, np.float32), scan.grid.affine, source="m.nii")
    return lesion_mask_of(image, like=scan, values=MaskValues(**values))


def refusal(scan, data, **values):
    with pytest.raises(VolumeError) as error:
        lesions_of(scan, data, **values)
    return str(error.value)


def test_a_lesion_in_the_body_is_taken_without_doubt(scan):
    found = lesions_of(scan, 255 * block())
    np.testing.assert_array_equal(found.mask, block())
    assert found.doubts == ()
    assert lesions_of(scan, np.zeros(SHAPE)).doubts == ()


def test_a_label_and_a_threshold_choose_the_lesion(scan):
    cord = block(rows=(0, 150), columns=(54, 63))
    np.testing.assert_array_equal(lesions_of(scan, np.where(block(), 2, cord), mask_label=2).mask, block())
    soft = np.where(block(), 0.8, np.random.default_rng(2).random(SHAPE) * 0.4)
    np.testing.assert_array_equal(lesions_of(scan, soft, mask_threshold=0.5).mask, block())


@pytest.mark.parametrize("values", [{}, {"mask_label": 200}, {"mask_threshold": 200.0}])
def test_the_scan_itself_is_refused_however_it_is_read(scan, values):
    for same in (scan.data, 3 * scan.data + 7, np.rint(scan.data)):
        assert refusal(scan, same, **values) == "m.nii: is the scan t2.nii.gz itself, not a mask; name the lesion mask"


def test_a_copy_of_a_scan_with_an_outlier_is_refused(scan, tmp_path, write_nifti):
    spiked = scan.data.copy()
    spiked[6, 70, 60] = -32768
    volume = read_volume(write_nifti(tmp_path / "spiked.nii", spiked, AFFINE))
    assert volume.outliers == 1
    with pytest.raises(VolumeError, match=r"is the scan spiked\.nii itself"):
        read_lesion_mask(tmp_path / "spiked.nii", like=volume, values=MaskValues(mask_threshold=200))
    soft = np.where(block(), 0.8, 0) + np.where(block(rows=(81, 82)), 0.2, 0)
    path = write_nifti(tmp_path / "soft.nii", soft.astype(np.float32), AFFINE)
    found = read_lesion_mask(path, like=volume, values=MaskValues(mask_threshold=0.5))
    np.testing.assert_array_equal(found.mask, block())


def test_labels_that_follow_the_intensities_are_refused(scan):
    classes = np.digitize(scan.data, [50, 150, 200, 250])
    assert "its labels follow the intensities of the scan t2.nii.gz" in refusal(scan, classes, mask_label=4)
    assert "its labels follow the intensities" in refusal(scan, classes)


def test_a_mask_of_much_of_the_scan_is_refused(scan):
    assert refusal(scan, scan.data > 50).startswith("m.nii: marks 67% of the scan; give a mask that is 0 outside")
    assert refusal(scan, ~block()).startswith("m.nii: marks 100% of the scan")  # inverted
    small = block(rows=(0, 75), columns=(20, 60), slices=(0, 13))
    assert small.mean() < LARGEST_SHARE
    assert lesions_of(scan, small).doubts


@pytest.mark.parametrize("value", [1, 7])
def test_a_constant_mask_is_refused(scan, value):
    assert refusal(scan, np.full(SHAPE, value)).startswith("m.nii: marks every voxel, so it has no background")


def test_a_large_mask_is_doubted(scan):
    just, more = block(rows=(0, 108), columns=(50, 60)), block(rows=(0, 109), columns=(50, 60))
    assert just.sum() * VOXEL_ML < LARGE_ML < more.sum() * VOXEL_ML
    assert lesions_of(scan, just).doubts == ()
    assert lesions_of(scan, more).doubts == ("m.nii: marks 52 mL; lesions above 52 mL are very rare",)


def test_a_mask_that_is_wider_than_a_canal_at_one_level_is_doubted(scan):
    assert WIDEST_MM == (68, 40)
    assert lesions_of(scan, block(columns=(50, 70), rows=(60, 62))).doubts == ()
    apart = block(columns=(40, 42)) | block(columns=(70, 72))
    expected = "extends over 12 mm right to left and 64 mm front to back at one level, beyond any canal"
    assert lesions_of(scan, apart).doubts == (f"m.nii: {expected}",)
    # The same two columns at different levels are the course of a curved cord.
    assert lesions_of(scan, block(columns=(40, 42)) | block(columns=(70, 72), rows=(90, 99))).doubts == ()


@pytest.mark.parametrize("columns", [(2, 8), (20, 22), (98, 100), (105, 110)])
def test_a_mask_in_air_or_at_the_surface_is_doubted(scan, columns):
    (doubt,) = lesions_of(scan, block(columns=columns)).doubts
    assert doubt == "m.nii: lies to 100% in air, at the surface of the body or at the edge of the field of view"


def test_a_mask_half_in_air_is_not_doubted(scan):
    half = block(columns=(26, 28)) | block(columns=(18, 20))
    assert not lesion_doubts(half, scan.data, SPACING_MM, VOXEL_ML)
    assert lesion_doubts(half | block(columns=(17, 18)), scan.data, SPACING_MM, VOXEL_ML)


def test_a_cord_mask_may_be_anywhere_but_follows_the_rule_of_values(scan, tmp_path, write_nifti):
    cord = block(columns=(0, 60), rows=(0, 150), slices=(0, 13))
    path = write_nifti(tmp_path / "cord.nii", cord.astype(np.uint8), AFFINE)
    np.testing.assert_array_equal(read_mask(path, like=scan), cord)
    path = write_nifti(tmp_path / "labels.nii", np.where(block(), 2, cord).astype(np.uint8), AFFINE)
    with pytest.raises(VolumeError, match="holds the values 0, 1 and 2, but this mask may hold 0 and one other value"):
        read_mask(path, like=scan)


@pytest.mark.parametrize("axes", ["LIP", "RAS", "SAL"])
def test_a_file_scaled_by_its_header_in_any_axis_order_is_read(scan, tmp_path, write_nifti, axes):
    stored = np.where(block(), 255, 0).astype(np.uint8)
    path = write_nifti(tmp_path / "mask.nii", stored, AFFINE, axes=axes, slope=1 / 255)
    np.testing.assert_array_equal(read_lesion_mask(path, like=scan).mask, block())


def test_a_bool_nrrd_is_read(scan, tmp_path):
    nrrd = pytest.importorskip("nrrd")
    header = {"space": "RAS", "space directions": AFFINE[:3, :3].T, "space origin": AFFINE[:3, 3]}
    nrrd.write(str(tmp_path / "mask.nrrd"), block().astype(np.uint8), header)
    np.testing.assert_array_equal(read_lesion_mask(tmp_path / "mask.nrrd", like=scan).mask, block())
    np.testing.assert_array_equal(lesion_mask_of(array_image(block(), AFFINE, source="m"), like=scan).mask, block())
