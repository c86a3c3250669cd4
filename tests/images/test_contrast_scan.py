"""A contrast-enhanced scan is refused if it is a mask, a label map, constant, or the T2w scan itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from spinal_tf.errors import VolumeError
from spinal_tf.images.contrast_scan import read_t1c


def refusal(write_nifti, tmp_path, volume, data):
    path = write_nifti(tmp_path / "t1c.nii", np.asarray(data), volume.affine)
    with pytest.raises(VolumeError) as error:
        read_t1c(path, like=volume)
    return str(error.value)


def test_another_scan_on_the_grid_is_taken(phantom_volume, phantom_data, tmp_path, write_nifti):
    path = write_nifti(tmp_path / "t1c.nii", phantom_data[:, ::-1], phantom_volume.affine, axes="RAS")
    np.testing.assert_array_equal(read_t1c(path, like=phantom_volume).data, phantom_volume.data[:, ::-1])


@pytest.mark.parametrize("slope", [1, 2.5, -3])
def test_the_t2w_scan_itself_is_refused_also_if_rescaled(phantom_volume, tmp_path, write_nifti, slope):
    data = (slope * phantom_volume.data + 40).astype(np.float32)
    message = refusal(write_nifti, tmp_path, phantom_volume, data)
    assert message == "t1c.nii: is the T2w scan phantom.nii.gz itself, at most rescaled; name the T1w scan"


def test_a_copy_of_the_scan_in_8_bits_is_refused(phantom_volume, tmp_path, write_nifti):
    low, high = phantom_volume.data.min(), phantom_volume.data.max()
    data = ((phantom_volume.data - low) / (high - low) * 255).astype(np.uint8)
    assert "is the T2w scan" in refusal(write_nifti, tmp_path, phantom_volume, data)


def test_masks_and_label_maps_are_refused(phantom_volume, lesion, tmp_path, write_nifti):
    soft = ndimage.gaussian_filter(lesion.astype(np.float32), 0.6, truncate=1)
    assert len(np.unique(soft)) > 2
    for mask in (lesion.astype(np.uint8), soft):
        expected = "t1c.nii: is a mask, not a scan; name the contrast-enhanced T1w scan"
        assert refusal(write_nifti, tmp_path, phantom_volume, mask) == expected
    levels = np.indices(lesion.shape)[1].astype(np.uint8) // 2
    assert "is a label map of 20 values" in refusal(write_nifti, tmp_path, phantom_volume, levels)


def test_a_constant_image_is_refused(phantom_volume, tmp_path, write_nifti):
    assert "constant intensity" in refusal(write_nifti, tmp_path, phantom_volume, np.ones((7, 40, 48), np.uint8))
