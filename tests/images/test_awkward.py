"""What every unusual or unsuitable input gives: a result with warnings, or one plain sentence."""

from __future__ import annotations

import gzip
import logging
import os
import struct
import warnings

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813, its own documentation's name
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spinal_tf.errors import VolumeError
from spinal_tf.images.image_format import MAXIMUM_VOXELS
from spinal_tf.images.plausibility import slice_roughness
from spinal_tf.images.volume import Volume, read_mask, read_volume, write_on_grid

SOUND = {
    "AIL.nii.gz": ((64, 67, 79), "in-plane spacing of 2.37 x 2.39 mm"),
    "LIP.nii.gz": ((64, 67, 79), "in-plane spacing of 2.37 x 2.39 mm"),
    "PSR.nii.gz": ((64, 67, 79), "in-plane spacing of 2.37 x 2.39 mm"),
    "RAS.nii.gz": ((64, 67, 79), "in-plane spacing of 2.37 x 2.39 mm"),
    "anatomical.nii": ((33, 25, 41), "very small field of view, 50 mm"),  # big-endian
}
REFUSED = {
    "complex_image.nii.gz": "complex voxels",
    "example_nifti2.nii.gz": "4 axes (32 x 20 x 12 x 2)",
    "fnndsc_adi_slice.nii.gz": "too few slices (192 x 192 x 1 voxels)",
    "functional.nii": "4 axes (17 x 21 x 3 x 20)",
    "lfs_pointer.nii.gz": "is a Git LFS pointer",
    "low_res.nii.gz": "holds two values only, like a mask",  # 70 bytes
    "minimal.nii.gz": "has no orientation",
    "pcasl.nii.gz": "4 axes (52 x 68 x 20 x 10)",
    "standard.nii.gz": "is not a sagittal acquisition but coronal",
    "torsoLabel.nii.gz": "is not a sagittal acquisition but axial",
    "zero_byte.nii.gz": "is empty",
    "zstat1.nii.gz": "is not a sagittal acquisition but axial",  # big-endian, trailing axis of length 1
}
REAL = {
    "errsm11": (52, 216, 384),
    "errsm18": (52, 215, 384),
    "errsm20": (52, 185, 384),
    "sct_example": (52, 185, 384),
    "sct_fake_lesion": (29, 99, 99),
}


def _refusal(path, **options) -> str:
    """The sentence a file is refused with, once it is clear that it is one and that nothing else was said."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(VolumeError) as caught:
            read_volume(path, **options)
    message = str(caught.value)
    assert message.startswith(f"{path.name}: ")
    assert "\n" not in message
    assert "Error" not in message
    assert "nibabel" not in message
    assert caught.value.exit_code == 3
    return message


def _volume_or_refusal(path) -> Volume | VolumeError:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return read_volume(path, assume_orientation=True, allow_plane=True)
        except VolumeError as refusal:
            return refusal


@pytest.fixture
def scan(tmp_path, write_nifti, phantom_data, oblique_affine):
    """Uncompressed phantom, to be damaged."""
    return write_nifti(tmp_path / "scan.nii", phantom_data, oblique_affine)


def _patched(path, **fields):
    """Overwrite NIfTI-1 header fields of a file, given as name=(offset, format, values...)."""
    content = bytearray(path.read_bytes())
    for offset, layout, *values in fields.values():
        struct.pack_into(layout, content, offset, *values)
    path.write_bytes(content)
    return path


# The public files


@pytest.mark.real_data
def test_every_awkward_file_has_its_outcome(real_data):
    found = {path.name for path in (real_data / "awkward").iterdir() if not path.name.startswith("LICENCE")}
    assert found == SOUND.keys() | REFUSED.keys()


@pytest.mark.real_data
@pytest.mark.parametrize("name", SOUND)
def test_unusual_but_sound_file_is_read_with_a_warning(real_data, name):
    shape, warning = SOUND[name]
    volume = read_volume(real_data / "awkward" / name)
    assert volume.data.shape == shape
    assert len(volume.warnings) == 1
    assert volume.warnings[0].startswith(f"{name}: {warning}")


@pytest.mark.real_data
def test_one_brain_stored_in_four_axis_orders_is_one_volume(real_data):
    volumes = [read_volume(real_data / "awkward" / f"{axes}.nii.gz") for axes in ("AIL", "LIP", "PSR", "RAS")]
    for volume in volumes[1:]:
        np.testing.assert_allclose(volume.affine, volumes[0].affine, atol=1e-3)
        assert np.corrcoef(volume.data.ravel(), volumes[0].data.ravel())[0, 1] > 0.999


@pytest.mark.real_data
@pytest.mark.parametrize("name", REFUSED)
def test_unsuitable_file_is_refused_in_one_sentence(real_data, name):
    assert REFUSED[name] in _refusal(real_data / "awkward" / name)


@pytest.mark.real_data
def test_refusals_can_be_overruled_where_the_rules_say_so(real_data):
    unoriented = read_volume(real_data / "awkward" / "minimal.nii.gz", assume_orientation=True)
    assert unoriented.data.shape == (64, 10, 64)
    assert "assumed" in unoriented.warnings[0]
    axial = read_volume(real_data / "awkward" / "zstat1.nii.gz", allow_plane=True)
    assert axial.data.shape == (64, 21, 64)
    assert "is axial, not sagittal" in axial.warnings[0]


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["emri_no_geometry", "emri_no_geometry/emri_small.dcm", "ge_sag"])
def test_dicom_is_told_to_come_later(real_data, name):
    message = _refusal(real_data / "dicom" / name)
    assert "DICOM comes in a later version" in message
    assert "dcm2niix" in message


@pytest.mark.real_data
def test_axial_scan_is_refused(real_data):
    assert "not a sagittal acquisition but axial" in _refusal(real_data / "real" / "axial_ms" / "t2.nii.gz")


@pytest.mark.real_data
@pytest.mark.parametrize("name", REAL)
def test_real_sagittal_scan_is_read(real_data, name):
    path = real_data / "real" / name / "t2.nii.gz"
    volume = read_volume(path)
    assert volume.data.shape == REAL[name]
    # The public scans are PSR: their first slice is our last, and so on for every axis.
    np.testing.assert_array_equal(volume.data, nib.load(path).get_fdata()[:, ::-1, ::-1].transpose(2, 1, 0))
    small = ("t2.nii.gz: very small field of view, 79 mm cranio-caudal by 79 mm antero-posterior",)
    assert volume.warnings == (small if name == "sct_fake_lesion" else ())


@pytest.mark.real_data
def test_real_lesion_mask_lies_on_its_scan(real_data):
    folder = real_data / "real" / "sct_fake_lesion"
    volume = read_volume(folder / "t2.nii.gz")
    lesion, cord = (read_mask(folder / f"t2_{name}.nii.gz", like=volume) for name in ("lesion", "cord"))
    assert 0 < lesion.sum() < cord.sum()
    assert (lesion & cord).sum() > 0.9 * lesion.sum()
    assert volume.data[lesion].mean() > volume.data[cord & ~lesion].mean()


# Not an image


def test_missing_file(tmp_path):
    assert "no such file" in _refusal(tmp_path / "scan.nii.gz")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty (zero bytes)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer"),
        ("Größe: 3 mm\nSchichten: 11\n".encode(), "is a text file"),
        (bytes(128) + b"DICM" + bytes(400), "is a DICOM file"),
        (bytes(344) + b"ni1\0" + bytes(400), ".hdr and .img pair"),
        (b"\\\x01\0\0" + bytes(344), "is an Analyze file, which does not tell left from right"),
        (b"/annex/objects/SHA256E-s9--0.nii.gz\n", "git-annex file without its content; fetch"),
        (b"ObjectType = Image\nNDims = 3\n", "is a MetaImage file"),
        (b"CDF\x01" + bytes(600), "is a MINC file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "is an HDF5 file, perhaps MINC"),
        (b"\0\0\0\x01" + bytes(600), "is a FreeSurfer volume; convert it with: mri_convert scan.nii.gz scan.nii.gz"),
        (b"\x28\xb5\x2f\xfd" + bytes(600), "is packed with Zstandard; unpack it with: zstd -d scan.nii.gz"),
        (b"BZh9" + bytes(600), "is packed with bzip2"),
        (b"\xfd7zXZ\0" + bytes(600), "is packed with xz"),
        (b"PK\x03\x04" + bytes(600), "is a ZIP archive"),
        (bytes(257) + b"ustar" + bytes(600), "is a tar archive"),
        (b"\x89PNG\r\n\x1a\n" + bytes(600), "is not a NIfTI file"),
        (b"\\\x01\0\0" + bytes(100), "is not a NIfTI file"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_no_nifti_is_named(tmp_path, content, says, packed):
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(gzip.compress(content) if packed else content)
    assert says in _refusal(path)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("IM1.dcm", "is a DICOM file"),
        ("scan.IMA", "is a DICOM file"),
        ("scan.mha", "is a MetaImage file"),
        ("scan.mhd", "is a MetaImage file"),
        ("scan.mnc", "is a MINC file"),
        ("scan.mgz", "mri_convert scan.mgz scan.nii.gz"),
        ("scan.img", "is one of a .hdr and .img pair"),
        ("scan.nii.zst", "zstd -d scan.nii.zst"),
        ("scan.zip", "is a ZIP archive"),
        ("{scan}.nii", "is not a NIfTI file"),
    ],
)
def test_unknown_content_is_named_by_its_name(tmp_path, name, says):
    path = tmp_path / name
    path.write_bytes(bytes(600))
    assert says in _refusal(path)


def test_files_of_other_programs_are_named(tmp_path, phantom_data, oblique_affine):
    """Written by the programs' own libraries rather than by hand."""
    image = sitk.GetImageFromArray(phantom_data)
    for name, says in (("a.mha", "MetaImage"), ("b.mhd", "MetaImage"), ("c.hdr", "pair")):
        sitk.WriteImage(image, str(tmp_path / name))
        assert says in _refusal(tmp_path / name)
    nib.save(nib.MGHImage(phantom_data, oblique_affine), tmp_path / "d.mgz")
    assert "is a FreeSurfer volume" in _refusal(tmp_path / "d.mgz")
    nib.save(nib.AnalyzeImage(phantom_data, None), tmp_path / "e.hdr")
    assert "is an Analyze file" in _refusal(tmp_path / "e.hdr")
    assert "is one of a .hdr and .img pair" in _refusal(tmp_path / "e.img")


def test_git_annex_link_without_its_content(tmp_path):
    path = tmp_path / "scan.nii.gz"
    path.symlink_to("../.git/annex/objects/0/1/SHA256E-s9--0.nii.gz/SHA256E-s9--0.nii.gz")
    assert _refusal(path).endswith(
        "is a DataLad or git-annex link without its content; fetch the content with: datalad get scan.nii.gz"
    )
    path.unlink()
    path.symlink_to("elsewhere.nii.gz")
    assert "is a link to a file that does not exist" in _refusal(path)


def test_folder_without_images(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    assert "is a folder" in _refusal(tmp_path)


def test_folder_of_dicom_files(tmp_path):
    (tmp_path / "nested").mkdir()
    (tmp_path / "IM0001").write_bytes(bytes(128) + b"DICM" + bytes(10))
    assert "is a DICOM folder" in _refusal(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "scan.nii")
    assert "not a regular file" in _refusal(tmp_path / "scan.nii")


# Damaged


@pytest.mark.parametrize("left", [2, 10, 300, 0.5, -9, -1])
def test_truncated_gzip(tmp_path, write_nifti, phantom_data, oblique_affine, left):
    path = write_nifti(tmp_path / "scan.nii.gz", phantom_data, oblique_affine)
    content = path.read_bytes()
    path.write_bytes(content[: int(left * len(content)) if isinstance(left, float) else left])
    assert "truncated or damaged" in _refusal(path)


@pytest.mark.parametrize("left", [352, -1])
def test_truncated_file(scan, left):
    scan.write_bytes(scan.read_bytes()[:left])
    assert "is truncated" in _refusal(scan)


@pytest.mark.parametrize("rest", [b"x", b"<html>", bytes(9) + b"\x1f", b"\x1e\x8b" * 99_999])
def test_bytes_behind_the_gzip_data_are_ignored_with_a_warning(
    tmp_path, write_nifti, phantom_data, oblique_affine, rest
):
    path = write_nifti(tmp_path / "scan.nii.gz", phantom_data, oblique_affine)
    path.write_bytes(path.read_bytes() + rest)
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.data, phantom_data)
    assert volume.warnings[0] == "scan.nii.gz: has other bytes behind its gzip data; they were ignored"


def test_zeros_behind_the_gzip_data_are_padding(tmp_path, write_nifti, phantom_data, oblique_affine):
    path = write_nifti(tmp_path / "scan.nii.gz", phantom_data, oblique_affine)
    path.write_bytes(path.read_bytes() + bytes(300_000))
    assert "behind" not in str(read_volume(path).warnings)


@pytest.mark.parametrize("pieces", [[100, 300, 20_000], [1, 2, 351, 352, 353], [1] * 30])
@pytest.mark.parametrize("padding", [b"", bytes(7)])
def test_several_gzip_members_are_one_file(tmp_path, scan, phantom_data, pieces, padding):
    content, packed = scan.read_bytes(), b""
    for size in pieces:
        packed, content = packed + gzip.compress(content[:size]) + padding, content[size:]
    path = tmp_path / "members.nii.gz"
    path.write_bytes(packed + gzip.compress(content))
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.data, phantom_data)
    assert "behind" not in str(volume.warnings)
    for damaged in (path.read_bytes()[:-3], path.read_bytes()[:-9], packed[:20]):
        path.write_bytes(damaged)
        assert "truncated or damaged" in _refusal(path)


def test_flipped_bit_is_found_by_the_checksum(tmp_path, write_nifti, phantom_data, oblique_affine):
    path = write_nifti(tmp_path / "scan.nii.gz", phantom_data, oblique_affine)
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # the checksum itself
    path.write_bytes(content)
    assert "damaged" in _refusal(path)


def test_header_that_claims_more_than_the_file_holds(scan):
    path = _patched(scan, dim=(40, "<4h", 3, 600, 600, 600))
    assert "is truncated, it is too small for the 600 x 600 x 600 voxels" in _refusal(path)


def test_compressed_header_that_claims_more_than_gzip_can_hold(tmp_path, scan):
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(gzip.compress(_patched(scan, dim=(40, "<4h", 3, 640, 640, 640)).read_bytes()))
    assert "is truncated, it is too small" in _refusal(path)


def test_claim_beyond_the_limit_takes_no_memory(tmp_path, scan):
    path = tmp_path / "scan.nii.gz"
    content = bytearray(_patched(scan, dim=(40, "<4h", 3, 32767, 32767, 32767)).read_bytes())
    path.write_bytes(gzip.compress(bytes(content)))
    assert f"more than the {MAXIMUM_VOXELS} that are read" in _refusal(path)


def test_bytes_after_the_voxels_are_ignored(tmp_path, scan, phantom_data):
    path = tmp_path / "longer.nii.gz"
    path.write_bytes(gzip.compress(scan.read_bytes() + bytes(1000)))
    np.testing.assert_array_equal(read_volume(path).data, phantom_data)


def test_too_little_memory(scan, monkeypatch):
    def no_memory(*_, **__):
        raise MemoryError

    monkeypatch.setattr("spinal_tf.images.nifti.read_voxels", no_memory)
    assert "too large for this machine's free memory" in _refusal(scan)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_that_may_not_be_read(scan):
    scan.chmod(0)
    assert "cannot be read (Permission denied)" in _refusal(scan)


def test_name_the_system_refuses(tmp_path):
    assert "cannot be read (File name too long)" in _refusal(tmp_path / ("n" * 300))


@pytest.mark.parametrize(
    "dim", [(0, 7, 40, 48), (8, 7, 40, 48), (-3, 7, 40, 48), (3, 0, 40, 48), (3, -7, 40, 48)], ids=str
)
def test_impossible_size(scan, dim):
    assert "header is damaged" in _refusal(_patched(scan, dim=(40, "<4h", *dim)))


def test_two_axes(scan):
    assert "2 axes (7 x 40), not three" in _refusal(_patched(scan, dim=(40, "<4h", 2, 7, 40, 1)))


@pytest.mark.parametrize(("code", "says"), [(128, "color"), (2304, "color"), (32, "complex"), (1, "unknown type")])
def test_voxels_that_are_no_grey_values(scan, code, says):
    assert says in _refusal(_patched(scan, datatype=(70, "<h", code)))


@pytest.mark.parametrize("offset", [float("nan"), float("inf"), 1e30])
def test_impossible_place_of_the_voxels(scan, offset):
    assert "is truncated" in _refusal(_patched(scan, vox_offset=(108, "<f", offset)))


def test_slope_with_an_intercept_that_is_no_number(scan):
    assert "scaling is not a number" in _refusal(_patched(scan, scl=(112, "<2f", 2.0, float("nan"))))


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(4, 351), st.integers(0, 255)), min_size=1, max_size=6),
    packed=st.booleans(),
)
def test_any_header_damage_gives_a_volume_or_one_sentence(
    tmp_path, phantom_data, write_nifti, oblique_affine, changes, packed
):
    path = write_nifti(tmp_path / "scan.nii", phantom_data, oblique_affine, axes="PSR")
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[place] = value
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    outcome = _volume_or_refusal(path)
    if isinstance(outcome, VolumeError):
        assert str(outcome).startswith("scan.nii: ")
        assert "\n" not in str(outcome)
        return
    assert np.isfinite(outcome.data).all()
    drawn = outcome.data > np.median(outcome.data)
    write_on_grid(drawn, tmp_path / "mask.nii", like=outcome)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii", like=outcome), drawn)


def test_the_reader_logs_nothing(scan, caplog):
    scan.write_bytes(scan.read_bytes() + b"\0")
    with caplog.at_level(logging.DEBUG):
        read_volume(_patched(scan, bitpix=(72, "<h", 3), qfac=(76, "<f", 0.0), offset=(108, "<f", 353.0)))
    assert caplog.records == []


# Unsuitable intensity, geometry, plane


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers(tmp_path, write_nifti, phantom_data, oblique_affine, value):
    data = phantom_data.astype(np.float32)
    data[3, 20, 11] = value
    assert "not numbers" in _refusal(write_nifti(tmp_path / "scan.nii", data, oblique_affine))


def test_values_beyond_single_precision(tmp_path, write_nifti, phantom_data, oblique_affine):
    data = phantom_data.astype(np.float64) * 1e300
    assert "beyond single precision" in _refusal(write_nifti(tmp_path / "scan.nii", data, oblique_affine))


def test_constant_intensity(tmp_path, write_nifti, oblique_affine):
    path = write_nifti(tmp_path / "scan.nii.gz", np.full((7, 40, 48), 9, np.int16), oblique_affine)
    assert "constant intensity" in _refusal(path)


def test_a_mask_in_place_of_the_scan_is_refused(tmp_path, write_nifti, oblique_affine):
    mask = np.zeros((7, 40, 48), np.uint8)
    mask[2:5, 10:30, 20:24] = 1
    assert _refusal(write_nifti(tmp_path / "mask.nii", mask, oblique_affine)) == (
        "mask.nii: holds two values only, like a mask; name the T2w scan"
    )


def test_a_label_map_in_place_of_the_scan_is_a_warning(tmp_path, write_nifti, oblique_affine):
    levels = np.indices((7, 40, 48))[1].astype(np.uint8) // 2
    warnings = read_volume(write_nifti(tmp_path / "levels.nii", levels, oblique_affine)).warnings
    assert "levels.nii: holds only 20 different values, like a label map; check that this is the scan" in warnings


@pytest.mark.parametrize("shape", [(2, 40, 48), (7, 1, 48)])
def test_too_few_slices(tmp_path, write_nifti, oblique_affine, shape):
    data = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    assert "too few slices" in _refusal(write_nifti(tmp_path / "scan.nii", data, oblique_affine), allow_plane=True)


def test_three_slices_are_enough(tmp_path, write_nifti, phantom_data, oblique_affine):
    assert read_volume(write_nifti(tmp_path / "scan.nii", phantom_data[:3], oblique_affine)).data.shape == (3, 40, 48)


def test_no_orientation(tmp_path, write_nifti, phantom_data, oblique_affine):
    path = write_nifti(tmp_path / "scan.nii", phantom_data, oblique_affine, codes=(0, 0))
    assert "--assume-orientation" in _refusal(path)


@pytest.mark.parametrize(
    ("spacing_mm", "plane"), [((0.7, 0.8, 3.3), "coronal"), ((0.7, 3.3, 0.8), "axial"), ((1.0, 1.4, 1.0), "axial")]
)
def test_acquisition_that_is_not_sagittal(tmp_path, write_nifti, phantom_data, spacing_mm, plane):
    affine = np.array([[-1, 0, 0, 0], [0, 0, -1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]) @ np.diag([*spacing_mm, 1])
    path = write_nifti(tmp_path / "scan.nii", phantom_data, affine, axes="LAS")
    message = _refusal(path)
    assert f"not a sagittal acquisition but {plane}" in message
    assert "--allow-plane" in message
    allowed = read_volume(path, allow_plane=True)
    assert allowed.data.shape == phantom_data.shape
    assert f"is {plane}, not sagittal" in allowed.warnings[0]


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (0.8, 1.0, 0.8), (0.9, 0.7, 1.1)])
def test_isotropic_volume_is_accepted(tmp_path, write_nifti, phantom_data, spacing_mm):
    affine = np.array([[-1, 0, 0, 0], [0, 0, -1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]) @ np.diag([*spacing_mm, 1])
    assert read_volume(write_nifti(tmp_path / "scan.nii", phantom_data, affine)).spacing_mm == pytest.approx(spacing_mm)


# Warnings


def _warned(tmp_path, write_nifti, data, spacing_mm):
    affine = np.array([[-1, 0, 0, 0], [0, 0, -1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]) @ np.diag([*spacing_mm, 1])
    return " / ".join(read_volume(write_nifti(tmp_path / "scan.nii", data, affine)).warnings)


@pytest.mark.parametrize(
    ("spacing_mm", "expected"),
    [
        ((0.8, 0.5, 0.5), ""),
        ((8.0, 0.5, 0.5), ""),
        ((3.0, 0.3, 2.0), ""),
        ((0.7, 0.5, 0.5), "slice spacing of 0.7 mm is outside the usual 0.8 to 8 mm"),
        ((8.1, 0.5, 0.5), "slice spacing of 8.1 mm is outside"),
        ((3.0, 0.25, 0.5), "in-plane spacing of 0.25 x 0.5 mm is outside the usual 0.3 to 2 mm"),
        ((3.0, 0.5, 2.1), "in-plane spacing of 0.5 x 2.1 mm is outside"),
    ],
)
def test_unusual_spacing(tmp_path, write_nifti, spacing_mm, expected):
    data = np.random.default_rng(1).integers(0, 999, (5, 410, 210)).astype(np.int16)
    said = _warned(tmp_path, write_nifti, data, spacing_mm)
    assert said.startswith(f"scan.nii: {expected}") if expected else "spacing" not in said


def test_field_of_view(tmp_path, write_nifti):
    noise = np.random.default_rng(1).integers(0, 999, (5, 200, 101)).astype(np.int16)
    assert _warned(tmp_path, write_nifti, noise, (3, 1, 1)) == ""
    assert "200 mm cranio-caudal by 99 mm antero-posterior" in _warned(tmp_path, write_nifti, noise[..., 2:], (3, 1, 1))


def _anatomy(slices):
    """Noise with a shape behind it, as a scan has it."""
    rng = np.random.default_rng(5)
    smooth = 400 * np.sin(np.indices((slices, 120, 130)) / np.array([9, 11, 7]).reshape(3, 1, 1, 1)).sum(axis=0)
    return (1500 + smooth + rng.normal(0, 30, smooth.shape)).astype(np.int16)


def test_measured_thin_slices_are_not_called_resampled(tmp_path, write_nifti):
    assert _warned(tmp_path, write_nifti, _anatomy(30), (1, 1, 1)) == ""


def _interpolated():
    """28 slices drawn in straight lines between 10."""
    thick = _anatomy(30)[::3].astype(float)
    at = np.arange(28) / 3
    low = at.astype(int).clip(max=len(thick) - 2)
    part = (at - low)[:, None, None]
    return ((1 - part) * thick[low] + part * thick[low + 1]).astype(np.int16)


@pytest.mark.parametrize(("slice_mm", "said"), [(1.0, True), (1.5, True), (3.0, False)])
def test_thin_slices_interpolated_from_thicker_ones(tmp_path, write_nifti, slice_mm, said):
    warned = _warned(tmp_path, write_nifti, _interpolated(), (slice_mm, 1, 1))
    assert ("resampled: its sagittal slices look interpolated" in warned) == said


def test_repeated_slices(tmp_path, write_nifti):
    said = _warned(tmp_path, write_nifti, np.repeat(_anatomy(8), 3, axis=0), (1, 1, 1))
    assert "resampled: 16 of 24 sagittal slices repeat the one before" in said


def test_empty_slices_at_the_side_are_padding(tmp_path, write_nifti):
    data = _anatomy(30)
    data[:8] = 0
    assert _warned(tmp_path, write_nifti, data, (1, 1, 1)) == ""


def test_roughness_from_its_definition():
    line = np.array([0, 0, 0, 1, 0, 0, 0], np.float32).reshape(7, 1, 1)
    # Over one slice 1, 2, 1 at the middle three; over two slices 0, 2, 0.
    assert slice_roughness(line) == pytest.approx(4 / 2)
    assert np.isnan(slice_roughness(np.ones((7, 2, 2), np.float32)))
