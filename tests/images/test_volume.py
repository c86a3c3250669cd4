from __future__ import annotations

import gzip
import itertools
import struct
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813, its own documentation's name
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spinal_tf.errors import VolumeError
from spinal_tf.files import output_files
from spinal_tf.images.grid import PACKAGE_AXES
from spinal_tf.images.volume import (
    file_slice_axis,
    file_slice_numbers,
    new_volume,
    package_row,
    read_aligned,
    read_mask,
    read_volume,
    write_on_grid,
)

AXIS_ORDERS = [
    "".join(codes) for order in itertools.permutations(("RL", "AP", "SI")) for codes in itertools.product(*order)
]
GEOMETRY_AT = {1: ((40, 56), (76, 108), (123, 124), (252, 328)), 2: ((16, 80), (104, 168), (344, 496), (500, 504))}
"""Bytes of dim, pixdim, units (NIfTI-1) and of all that places the voxels; from the NIfTI-1 and NIfTI-2 headers."""

many = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _raw_header(path):
    content = path.read_bytes()
    content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    return content[:540]


def _geometry(path, version=1):
    header = _raw_header(path)
    return [header[start:end] for start, end in GEOMETRY_AT[version]]


def _marked(shape):
    """A mask without any symmetry: a bar along each axis, of different lengths."""
    mask = np.zeros(shape, dtype=bool)
    mask[1, 2, 3:30] = True
    mask[1, 2:20, 3] = True
    mask[1:5, 2, 3] = True
    return mask


# Reading: one array order


@pytest.mark.parametrize("axes", AXIS_ORDERS)
def test_every_axis_order_gives_the_same_volume(tmp_path, write_nifti, phantom_data, oblique_affine, axes):
    path = write_nifti(tmp_path / "scan.nii", phantom_data, oblique_affine, axes=axes)
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.data, phantom_data)
    np.testing.assert_allclose(volume.affine, oblique_affine, atol=2e-5)
    assert volume.data.dtype == np.float32
    assert volume.data.flags.c_contiguous
    assert "".join(nib.aff2axcodes(volume.affine)) == PACKAGE_AXES


def test_48_different_axis_orders_were_tried(axis_orders):
    assert sorted(set(AXIS_ORDERS)) == sorted(axis_orders)
    assert len(axis_orders) == 48


def test_index_grows_to_the_left_down_and_back(phantom_volume):
    at = phantom_volume.affine @ np.array([[0, 0, 0, 1], [1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1]]).T
    right, superior, anterior = (at[axis, 0] - at[axis, step] for axis, step in ((0, 1), (2, 2), (1, 3)))
    assert right > 3
    assert superior > 0.6
    assert anterior > 0.7


def test_spacing_and_voxel_volume(phantom_volume):
    assert phantom_volume.spacing_mm == pytest.approx((3.3, 0.7, 0.8), abs=1e-5)
    assert phantom_volume.voxel_volume_ml == pytest.approx(3.3 * 0.7 * 0.8 / 1000, rel=1e-5)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".NII.GZ"])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_versions_and_byte_orders(tmp_path, write_nifti, phantom_data, oblique_affine, suffix, version, byte_order):
    path = write_nifti(
        tmp_path / f"scan{suffix}", phantom_data, oblique_affine, axes="AIL", version=version, byte_order=byte_order
    )
    np.testing.assert_array_equal(read_volume(path).data, phantom_data)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "i8", "f4", "f8"])
def test_voxel_types(tmp_path, write_nifti, phantom_data, oblique_affine, dtype):
    data = (phantom_data % 120).astype(dtype)
    np.testing.assert_array_equal(
        read_volume(write_nifti(tmp_path / "scan.nii", data, oblique_affine)).data, phantom_data % 120
    )


def test_scaled_integers(tmp_path, write_nifti, phantom_data, oblique_affine):
    path = write_nifti(tmp_path / "scan.nii", phantom_data, oblique_affine, slope=0.25, intercept=-7.5)
    np.testing.assert_array_equal(read_volume(path).data, phantom_data * 0.25 - 7.5)


@pytest.mark.parametrize("slope", [float("nan"), float("inf"), 0.0])
def test_meaningless_slope_means_no_scaling(tmp_path, write_nifti, phantom_data, oblique_affine, slope):
    path = write_nifti(tmp_path / "scan.nii", phantom_data, oblique_affine)
    content = bytearray(path.read_bytes())
    struct.pack_into("<f", content, 112, slope)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_volume(path).data, phantom_data)


def test_trailing_axes_of_length_one_are_dropped(tmp_path, phantom_data, oblique_affine):
    nib.save(nib.Nifti1Image(phantom_data[..., None, None], oblique_affine), tmp_path / "scan.nii")
    assert read_volume(tmp_path / "scan.nii").data.shape == phantom_data.shape


def test_qform_alone_is_enough(tmp_path, write_nifti, phantom_data, oblique_affine):
    path = write_nifti(tmp_path / "scan.nii", phantom_data, oblique_affine, axes="PSR", codes=(1, 0))
    np.testing.assert_allclose(read_volume(path).affine, oblique_affine, atol=1e-4)


def test_qfac_of_zero_counts_as_one(tmp_path, write_nifti, phantom_data, oblique_affine):
    path = write_nifti(tmp_path / "scan.nii", phantom_data, oblique_affine, axes="LPS", codes=(1, 0))
    content = bytearray(path.read_bytes())
    assert struct.unpack_from("<f", content, 76) == (1.0,)
    struct.pack_into("<f", content, 76, 0.0)
    path.write_bytes(content)
    np.testing.assert_allclose(read_volume(path).affine, oblique_affine, atol=1e-4)


def test_gzip_is_recognised_whatever_the_name_says(tmp_path, write_nifti, phantom_data, oblique_affine):
    packed = write_nifti(tmp_path / "scan.nii.gz", phantom_data, oblique_affine).rename(tmp_path / "packed.nii")
    plain = write_nifti(tmp_path / "scan.nii", phantom_data, oblique_affine).rename(tmp_path / "plain.nii.gz")
    np.testing.assert_array_equal(read_volume(packed).data, read_volume(plain).data)


def test_volume_does_not_depend_on_the_file_afterwards(tmp_path, write_nifti, phantom_data, oblique_affine):
    path = write_nifti(tmp_path / "scan.nii", phantom_data.astype(np.float32), oblique_affine, axes="PIL")
    volume = read_volume(path)
    path.write_bytes(b"")
    np.testing.assert_array_equal(volume.data, phantom_data)


def test_path_with_spaces_and_umlauts(tmp_path, write_nifti, phantom_data, oblique_affine):
    folder = tmp_path / "Ärzte und Größen"
    folder.mkdir()
    path = write_nifti(folder / "Rücken T2 (1).nii.gz", phantom_data, oblique_affine)
    volume = read_volume(str(path))
    assert volume.source == "Rücken T2 (1).nii.gz"
    write_on_grid(_marked(volume.data.shape), folder / "Läsion.nii.gz", like=volume)
    np.testing.assert_array_equal(read_mask(folder / "Läsion.nii.gz", like=volume), _marked(volume.data.shape))


# Writing: the input's own grid


@pytest.mark.parametrize("axes", AXIS_ORDERS)
def test_simpleitk_sees_the_mask_where_the_scan_is(tmp_path, write_nifti, phantom_data, oblique_affine, axes):
    scan, written = tmp_path / "scan.nii.gz", tmp_path / "mask.nii.gz"
    write_nifti(scan, phantom_data, oblique_affine, axes=axes)
    volume = read_volume(scan)
    mask = volume.data > 400
    write_on_grid(mask, written, like=volume)
    assert _geometry(written) == _geometry(scan)
    theirs, reference = sitk.ReadImage(str(written)), sitk.ReadImage(str(scan))
    assert theirs.GetOrigin() == reference.GetOrigin()
    assert theirs.GetSpacing() == reference.GetSpacing()
    assert theirs.GetDirection() == reference.GetDirection()
    assert theirs.GetPixelIDValue() == sitk.sitkUInt8
    np.testing.assert_array_equal(sitk.GetArrayFromImage(theirs), sitk.GetArrayFromImage(reference) > 400)
    for index in ((0, 0, 0), (6, 0, 47), (2, 31, 5), (5, 39, 17)):
        at_ras = (volume.affine @ [*index, 1])[:3]
        at_lps = [float(value) for value in at_ras * (-1, -1, 1)]
        assert theirs.GetPixel(theirs.TransformPhysicalPointToIndex(at_lps)) == mask[index]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("codes", [(1, 1), (2, 4), (1, 0), (0, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_geometry_is_kept_byte_for_byte(
    tmp_path, write_nifti, phantom_data, oblique_affine, version, byte_order, codes, dtype
):
    scan, written = tmp_path / "scan.nii.gz", tmp_path / "out.nii"
    write_nifti(
        scan, phantom_data, oblique_affine, axes="PSR", version=version, byte_order=byte_order, codes=codes, slope=3.0
    )
    volume = read_volume(scan)
    array = (phantom_data % 200).astype(dtype) / dtype(1 if dtype == np.uint8 else 8)
    write_on_grid(array.astype(dtype), written, like=volume)
    assert _geometry(written, version) == _geometry(scan, version)
    image = nib.load(written)
    assert (int(image.header["qform_code"]), int(image.header["sform_code"])) == codes
    assert image.header.get_data_dtype() == np.dtype(dtype).newbyteorder(byte_order)
    assert image.header.get_xyzt_units() == ("mm", "sec")
    assert isinstance(image, nib.Nifti2Image if version == 2 else nib.Nifti1Image)
    np.testing.assert_array_equal(read_volume(written).data, array)


def test_geometry_bytes_would_show_a_change(tmp_path, write_nifti, phantom_data, oblique_affine):
    moved = oblique_affine + np.eye(4, k=3) * 0.001
    one = write_nifti(tmp_path / "one.nii", phantom_data, oblique_affine)
    other = write_nifti(tmp_path / "other.nii", phantom_data, moved)
    assert _geometry(one) != _geometry(other)


def test_nothing_that_names_a_person_is_passed_on(tmp_path, phantom_data, oblique_affine):
    image = nib.Nifti1Image(phantom_data, oblique_affine)
    for field, text in (("descrip", b"Doe^Jane"), ("aux_file", b"Doe^Jane"), ("db_name", b"Doe^Jane")):
        image.header[field] = text
    image.header["intent_name"] = b"Doe^Jane"
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"Doe^Jane 1970-01-01"))
    nib.save(image, tmp_path / "scan.nii.gz")
    volume = read_volume(tmp_path / "scan.nii.gz")
    assert b"Doe" not in volume.grid.geometry.header
    write_on_grid(_marked(volume.data.shape), tmp_path / "mask.nii", like=volume)
    assert b"Doe" not in (tmp_path / "mask.nii").read_bytes()
    assert not nib.load(tmp_path / "mask.nii").header.extensions


def test_compressed_output_holds_neither_a_time_nor_a_name(tmp_path, phantom_volume):
    for name in ("first.nii.gz", "second.nii.gz"):
        write_on_grid(_marked(phantom_volume.data.shape), tmp_path / name, like=phantom_volume)
    assert (tmp_path / "first.nii.gz").read_bytes() == (tmp_path / "second.nii.gz").read_bytes()


@pytest.mark.parametrize("wrong", [np.zeros((7, 48, 40), np.uint8), np.zeros((7, 40, 48), np.float64)])
def test_wrong_array_is_the_callers_fault(tmp_path, phantom_volume, wrong):
    with pytest.raises(ValueError, match=r"float64|\(7, 48, 40\)"):
        write_on_grid(wrong, tmp_path / "out.nii", like=phantom_volume)
    assert not (tmp_path / "out.nii").exists()


@many
@given(
    axes=st.sampled_from(AXIS_ORDERS),
    shape=st.tuples(*[st.integers(3, 9)] * 3),
    version=st.sampled_from([1, 2]),
    byte_order=st.sampled_from("<>"),
    angles=st.tuples(*[st.floats(-0.25, 0.25)] * 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_write_read_round_trip(tmp_path, write_nifti, oblique_affine, axes, shape, version, byte_order, angles, seed):
    rng = np.random.default_rng(seed)
    affine = oblique_affine.copy()
    affine[:3, :3] = nib.eulerangles.euler2mat(*angles) @ oblique_affine[:3, :3]
    data = rng.integers(-500, 500, shape).astype(np.int16)
    data[0, 0, 0], data[-1, -1, -1] = -501, 501
    scan = write_nifti(tmp_path / "scan.nii", data, affine, axes=axes, version=version, byte_order=byte_order)
    volume = read_volume(scan)
    np.testing.assert_array_equal(volume.data, data)
    write_on_grid(volume.data, tmp_path / "again.nii.gz", like=volume)
    again = read_volume(tmp_path / "again.nii.gz")
    np.testing.assert_array_equal(again.data, volume.data)
    np.testing.assert_array_equal(again.affine, volume.affine)
    np.testing.assert_array_equal(nib.load(tmp_path / "again.nii.gz").get_fdata(), nib.load(scan).get_fdata())


# Slice numbers


@pytest.mark.parametrize(
    ("axes", "axis", "numbers"),
    [("LIP", "i", (0, 2, 6)), ("RAS", "i", (6, 4, 0)), ("PSR", "k", (6, 4, 0)), ("ALI", "j", (0, 2, 6))],
)
def test_slices_are_numbered_as_in_the_file(tmp_path, write_nifti, phantom_data, oblique_affine, axes, axis, numbers):
    path = write_nifti(tmp_path / "scan.nii", phantom_data, oblique_affine, axes=axes)
    volume = read_volume(path)
    assert file_slice_axis(volume) == axis
    assert file_slice_numbers(volume, [0, 2, 6]) == numbers
    plane = np.take(nib.load(path).get_fdata(), numbers[1], axis="ijk".index(axis))
    np.testing.assert_array_equal(np.sort(plane, axis=None), np.sort(phantom_data[2], axis=None))


@pytest.mark.parametrize(
    ("axes", "axis", "index"), [("LIP", 1, 12), ("RAS", 2, 27), ("PSR", 1, 27), ("ALI", 2, 12), ("SLP", 0, 27)]
)
def test_rows_are_numbered_as_in_the_file(tmp_path, write_nifti, phantom_data, oblique_affine, axes, axis, index):
    path = write_nifti(tmp_path / "scan.nii", phantom_data, oblique_affine, axes=axes)
    assert package_row(read_volume(path), index) == 12
    plane = np.take(nib.load(path).get_fdata(), index, axis=axis)
    np.testing.assert_array_equal(np.sort(plane, axis=None), np.sort(phantom_data[:, 12], axis=None))


@pytest.mark.parametrize("index", [-1, 40])
def test_a_row_outside_the_file_is_refused(phantom_volume, index):
    with pytest.raises(VolumeError, match=rf"has rows 0 to 39 along axis j, .* but not row {index}; correct the row"):
        package_row(phantom_volume, index)


# Masks and further scans on the same grid


def test_empty_mask_is_a_mask(tmp_path, write_nifti, phantom_volume):
    path = write_nifti(tmp_path / "mask.nii", np.zeros(phantom_volume.data.shape, np.uint8), phantom_volume.affine)
    assert not read_mask(path, like=phantom_volume).any()


@pytest.mark.parametrize("axes", AXIS_ORDERS)
def test_mask_in_another_axis_order_is_turned(tmp_path, write_nifti, phantom_volume, axes):
    drawn = _marked(phantom_volume.data.shape)
    path = write_nifti(tmp_path / "mask.nii", drawn.astype(np.uint8), phantom_volume.affine, axes=axes)
    np.testing.assert_array_equal(read_mask(path, like=phantom_volume), drawn)


@pytest.mark.parametrize("axes", ["LIP", "PSR", "RAS", "SAL"])
def test_mask_exported_again_by_simpleitk_fits(tmp_path, write_nifti, phantom_data, oblique_affine, axes):
    scan = write_nifti(tmp_path / "scan.nii.gz", phantom_data, oblique_affine, axes=axes)
    image = sitk.ReadImage(str(scan))
    sitk.WriteImage(sitk.Cast(image > 400, sitk.sitkUInt8), str(tmp_path / "mask.nii.gz"))
    mask = read_mask(tmp_path / "mask.nii.gz", like=read_volume(scan))
    np.testing.assert_array_equal(mask, phantom_data > 400)


def test_mask_that_is_not_a_number_is_refused(tmp_path, write_nifti, phantom_volume):
    values = np.full(phantom_volume.data.shape, np.nan, np.float32)
    with pytest.raises(VolumeError, match=r"mask\.nii: the mask has voxels that are not numbers"):
        read_mask(write_nifti(tmp_path / "mask.nii", values, phantom_volume.affine), like=phantom_volume)


def test_mask_of_a_scan_without_orientation_needs_none(tmp_path, write_nifti, phantom_data):
    scan = write_nifti(tmp_path / "scan.nii", phantom_data, np.diag([-2.0, 2, 2, 1]), axes="LIP", codes=(0, 0))
    volume = read_volume(scan, assume_orientation=True, allow_plane=True)
    drawn = _marked((7, 48, 40))
    write_on_grid(drawn, tmp_path / "mask.nii", like=volume)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii", like=volume), drawn)
    assert _geometry(tmp_path / "mask.nii") == _geometry(scan)


def test_second_scan_comes_in_the_order_of_the_first(tmp_path, write_nifti, phantom_volume, phantom_data):
    path = write_nifti(tmp_path / "t1c.nii", phantom_data[::-1], phantom_volume.affine, axes="RAS")
    aligned = read_aligned(path, like=phantom_volume)
    np.testing.assert_array_equal(aligned.data, phantom_data[::-1])
    np.testing.assert_array_equal(aligned.affine, phantom_volume.affine)
    assert aligned.source == "t1c.nii"


def test_second_scan_on_another_grid_is_refused(tmp_path, write_nifti, phantom_volume, phantom_data):
    affine = phantom_volume.affine.copy()
    affine[0, 3] += 2
    with pytest.raises(VolumeError, match="grid differs"):
        read_aligned(write_nifti(tmp_path / "t1c.nii", phantom_data, affine), like=phantom_volume)


def test_constant_second_scan_is_refused(tmp_path, write_nifti, phantom_volume):
    path = write_nifti(tmp_path / "t1c.nii", np.ones(phantom_volume.data.shape, np.uint8), phantom_volume.affine)
    with pytest.raises(VolumeError, match="constant"):
        read_aligned(path, like=phantom_volume)


# Volumes that no file holds yet


def test_new_volume_is_read_back_as_it_was(tmp_path, phantom_data, oblique_affine):
    made = new_volume(phantom_data, oblique_affine, source="simulated")
    with output_files(tmp_path / "made.nii.gz") as (temporary,):
        write_on_grid(made.data, temporary, like=made)
    again = read_volume(tmp_path / "made.nii.gz")
    np.testing.assert_array_equal(again.data, made.data)
    np.testing.assert_array_equal(again.affine, made.affine)
    header = nib.load(tmp_path / "made.nii.gz").header
    assert (int(header["qform_code"]), int(header["sform_code"])) == (1, 1)
    assert header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(header.get_qform(), oblique_affine, atol=1e-4)
    assert file_slice_numbers(made, [3, 5]) == (3, 5)


def test_new_volume_needs_the_order_of_the_package(phantom_data):
    with pytest.raises(ValueError, match="LIP"):
        new_volume(phantom_data, np.eye(4), source="simulated")


# Size


@pytest.mark.slow
def test_a_large_series_is_read_without_float64(tmp_path):
    """60 x 1024 x 1024 int16 with a slope: 252 MB as float32; the process stays below three times that."""
    header = nib.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape((1024, 1024, 60))
    header.set_sform(np.array([[0, 0, 3.3, 0], [-0.3, 0, 0, 0], [0, 0.3, 0, 0], [0, 0, 0, 1]]), code=1)
    header["scl_slope"], header["vox_offset"] = 0.5, 352
    path = tmp_path / "large.nii"
    with path.open("wb") as stream:
        stream.write(header.binaryblock + bytes(4))
        ramp = np.arange(1024 * 1024, dtype=np.int16)
        for _ in range(60):
            stream.write(ramp.data)
    program = (
        "import resource, sys; from spinal_tf.images.volume import read_volume; "
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; read_volume(sys.argv[1]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    unit = 1024 if sys.platform != "darwin" else 1
    assert int(done.stdout) * unit < 3 * 4 * 60 * 1024 * 1024


def test_reading_does_not_import_tensorflow():
    program = "import sys, spinal_tf.images.volume; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
