"""Units, qform and sform: where the voxels lie, and that results lie there too in other programs."""

from __future__ import annotations

import struct

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813, its own documentation's name

from spinal_tf.errors import VolumeError
from spinal_tf.images.image_header import read_header
from spinal_tf.images.volume import read_mask, read_volume, write_on_grid

UNITS_AT = 123
UNIT_MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}
BROKEN_SFORM = {
    "zero": ((0,) * 12, "unusable (nearly zero, huge or not a number)"),
    "nan": ((1, 0, 0, 0, 0, 1, 0, 0, 0, 0, float("nan"), 0), "unusable (nearly zero, huge or not a number)"),
    "singular": ((1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0), "singular, the axes are not three directions"),
}
BROKEN_QFORM = {
    "zero spacing": (80, "<3f", 0.0, 0.0, 0.0),
    "one zero": (84, "<f", 0.0),
    "nan spacing": (80, "<f", float("nan")),
    "long quaternion": (256, "<3f", 1.0, 1.0, 1.0),
    "nan quaternion": (256, "<f", float("nan")),
    "offset": (268, "<f", float("inf")),
}


def _patched(path, *changes):
    content = bytearray(path.read_bytes())
    for offset, layout, *values in changes:
        struct.pack_into(layout, content, offset, *values)
    path.write_bytes(content)
    return path


def _sform(name):
    return 280, "<12f", *BROKEN_SFORM[name][0]


@pytest.fixture
def scan(tmp_path, write_nifti, phantom_data, oblique_affine):
    def write(codes=(1, 1), scale=1.0, **more):
        affine = np.diag([scale, scale, scale, 1]) @ oblique_affine
        return write_nifti(tmp_path / "scan.nii", phantom_data, affine, axes="PSR", codes=codes, **more)

    return write


def _refusal(path):
    with pytest.raises(VolumeError) as caught:
        read_volume(path)
    return str(caught.value)


def _same_place(path, scan):
    """SimpleITK's geometry of two files."""
    one, other = sitk.ReadImage(str(path)), sitk.ReadImage(str(scan))
    np.testing.assert_allclose(one.GetOrigin(), other.GetOrigin(), rtol=1e-6)
    np.testing.assert_allclose(one.GetSpacing(), other.GetSpacing(), rtol=1e-6)
    np.testing.assert_allclose(one.GetDirection(), other.GetDirection(), atol=1e-6)


# Units


@pytest.mark.parametrize("unit", UNIT_MM)
@pytest.mark.parametrize("codes", [(1, 1), (1, 0), (0, 1)])
@pytest.mark.parametrize("version", [1, 2])
def test_units_are_scaled_to_mm(tmp_path, scan, phantom_data, oblique_affine, unit, codes, version):
    path = scan(codes, 1 / UNIT_MM[unit], version=version)
    image = nib.load(path)
    image.header.set_xyzt_units(unit, "sec")
    path = tmp_path / "units.nii"
    nib.save(image, path)
    volume = read_volume(path)
    np.testing.assert_allclose(volume.affine, oblique_affine, atol=1e-4)
    assert "disagree" not in str(volume.warnings)
    assert volume.spacing_mm == pytest.approx((3.3, 0.7, 0.8), abs=1e-5)
    np.testing.assert_array_equal(volume.data, phantom_data)
    write_on_grid(volume.data > 400, tmp_path / "mask.nii.gz", like=volume)
    written = nib.load(tmp_path / "mask.nii.gz")
    assert written.header.get_xyzt_units()[0] == unit
    np.testing.assert_array_equal(written.affine, image.affine)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii.gz", like=volume), phantom_data > 400)


@pytest.mark.parametrize("unit", UNIT_MM)
@pytest.mark.parametrize("codes", [(1, 1), (1, 0), (0, 1)])
def test_itk_puts_the_mask_on_the_scan_whatever_the_unit(tmp_path, scan, phantom_data, unit, codes):
    code = {"meter": 1, "mm": 2, "micron": 3}[unit]
    path = _patched(scan(codes, 1 / UNIT_MM[unit]), (UNITS_AT, "B", code + 8))
    volume = read_volume(path)
    write_on_grid(volume.data > 400, tmp_path / "mask.nii", like=volume)
    theirs, reference = sitk.ReadImage(str(tmp_path / "mask.nii")), sitk.ReadImage(str(path))
    assert theirs.GetSpacing() == reference.GetSpacing() == pytest.approx((0.8, 0.7, 3.3), rel=1e-5)
    assert theirs.GetOrigin() == reference.GetOrigin()
    assert theirs.GetDirection() == reference.GetDirection()
    index = (5, 31, 2)
    at_lps = (volume.affine @ [*index[::1], 1])[:3] * (-1, -1, 1)
    found = reference.TransformPhysicalPointToIndex([float(value) for value in at_lps])
    assert reference.GetPixel(found) == phantom_data[index]
    sitk.WriteImage(sitk.Cast(reference > 400, sitk.sitkUInt8), str(tmp_path / "drawn.nii.gz"))
    np.testing.assert_array_equal(read_mask(tmp_path / "drawn.nii.gz", like=volume), phantom_data > 400)


@pytest.mark.parametrize("code", [0, 4, 7])
def test_unknown_units_count_as_mm(scan, oblique_affine, code):
    np.testing.assert_allclose(read_volume(_patched(scan(), (UNITS_AT, "B", code))).affine, oblique_affine, atol=1e-4)


# Broken forms


@pytest.mark.parametrize("broken", BROKEN_SFORM)
def test_the_qform_is_used_if_the_sform_is_broken(tmp_path, scan, phantom_data, oblique_affine, broken):
    path = _patched(scan(), _sform(broken))
    volume = read_volume(path)
    np.testing.assert_allclose(volume.affine, oblique_affine, atol=1e-4)
    assert volume.warnings[0] == f"scan.nii: its sform is {BROKEN_SFORM[broken][1]}; the qform was used"
    write_on_grid(volume.data > 400, tmp_path / "mask.nii", like=volume)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii", like=volume), phantom_data > 400)
    if broken == "zero":  # ITK uses the qform, too
        _same_place(tmp_path / "mask.nii", path)
        np.testing.assert_allclose(sitk.ReadImage(str(path)).GetSpacing(), (0.8, 0.7, 3.3), rtol=1e-5)


@pytest.mark.parametrize("broken", BROKEN_QFORM)
def test_the_sform_is_used_if_the_qform_is_broken(scan, oblique_affine, broken):
    volume = read_volume(_patched(scan(), BROKEN_QFORM[broken]))
    np.testing.assert_allclose(volume.affine, oblique_affine, atol=1e-4)
    assert volume.warnings[0] == "scan.nii: its qform cannot be read; the sform was used"


@pytest.mark.parametrize("broken", BROKEN_QFORM)
def test_a_broken_qform_alone_is_refused(scan, broken):
    """A spacing of 0 would be 1 mm for nibabel."""
    assert "its qform cannot be read; convert it again" in _refusal(_patched(scan((1, 0)), BROKEN_QFORM[broken]))


@pytest.mark.parametrize("broken", BROKEN_SFORM)
def test_a_broken_sform_alone_is_refused(scan, broken):
    assert f"its affine is {BROKEN_SFORM[broken][1]}; convert" in _refusal(_patched(scan((0, 1)), _sform(broken)))


def test_two_broken_forms_are_refused(scan):
    path = _patched(scan(), _sform("zero"), BROKEN_QFORM["one zero"])
    assert "neither its sform nor its qform can be used; convert it again" in _refusal(path)


@pytest.mark.filterwarnings("error")
def test_a_huge_number_in_a_form_is_no_warning_of_numpy(scan):
    path = _patched(scan((0, 1)), (280, "<f", 3e38))
    with pytest.raises(VolumeError, match="its affine is unusable"):
        read_header(path)
    assert "its affine is unusable" in _refusal(path)


def test_a_spacing_of_zero_without_orientation_is_refused(scan):
    path = _patched(scan((0, 0)), BROKEN_QFORM["one zero"])
    assert "its affine is unusable" in _refusal(path)


@pytest.mark.parametrize(("excess", "read"), [(2e-6, True), (1e-4, False)])
def test_a_turn_by_180_degrees_may_be_rounded(scan, excess, read):
    """As single precision rounds quaternions; ITK reads any."""
    path = _patched(scan((1, 0)), (256, "<3f", np.sqrt(1 + excess), 0.0, 0.0))
    if read:
        assert read_volume(path, allow_plane=True).spacing_mm == pytest.approx((0.8, 3.3, 0.7), abs=1e-5)
    else:
        assert "its qform cannot be read" in _refusal(path)


# Two forms that differ


def _turned_qform(path, moved_mm):
    before = nib.load(path).header["qoffset_x"]
    return _patched(path, (268, "<f", float(before) + moved_mm))


@pytest.mark.parametrize("moved_mm", [0.05, 0.3])
def test_a_mask_on_either_form_fits_if_they_differ_by_less_than_half_a_voxel(
    tmp_path, scan, write_nifti, phantom_data, oblique_affine, moved_mm
):
    volume = read_volume(_turned_qform(scan(), moved_mm))
    assert ("qform and sform disagree by up to 0.3 mm" in str(volume.warnings)) == (moved_mm > 0.1)
    for shift_mm in (0, moved_mm):
        affine = oblique_affine + shift_mm * np.eye(4, k=3)
        mask = write_nifti(tmp_path / "mask.nii", (phantom_data > 400).astype(np.uint8), affine, axes="RAS")
        np.testing.assert_array_equal(read_mask(mask, like=volume), phantom_data > 400)
    mask = write_nifti(tmp_path / "mask.nii", phantom_data, oblique_affine - moved_mm * np.eye(4, k=3))
    with pytest.raises(VolumeError, match=f"shifted by {moved_mm} mm along L"):
        read_mask(mask, like=volume)


def test_a_mask_on_a_qform_farther_away_is_refused(tmp_path, scan, write_nifti, phantom_data, oblique_affine):
    volume = read_volume(_turned_qform(scan(), 2.0))
    assert "qform and sform disagree by up to 2 mm" in str(volume.warnings)
    mask = write_nifti(tmp_path / "mask.nii", phantom_data, oblique_affine + 2 * np.eye(4, k=3))
    with pytest.raises(VolumeError, match="shifted by 2 mm along R"):
        read_mask(mask, like=volume)
