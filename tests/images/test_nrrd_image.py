"""NRRD files of other programs are read where they lie, segmentations that were cropped included."""

from __future__ import annotations

import sys

import nrrd
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813, its own documentation's name

from spinal_tf.errors import RequirementError, VolumeError
from spinal_tf.find_cases import find_cases
from spinal_tf.images.image_format import MAXIMUM_VOXELS
from spinal_tf.images.image_header import read_header
from spinal_tf.images.image_registry import image_suffix, suffixes_in_words
from spinal_tf.images.nrrd_image import VOXEL_TYPES
from spinal_tf.images.volume import in_file_order, read_mask, read_volume

SPACE = "left-posterior-superior"


@pytest.fixture
def volume(tmp_path, write_nifti, phantom_data, oblique_affine):
    return read_volume(write_nifti(tmp_path / "scan.nii.gz", phantom_data, oblique_affine, axes="PSR"))


def header_of(affine, start=(0, 0, 0), space=SPACE, **more):
    signs = {"left": -1, "right": 1, "posterior": -1, "anterior": 1, "superior": 1}
    turned = np.diag([signs[word] for word in space.split("-")]) @ affine[:3]
    return {
        "space": space,
        "space directions": turned[:, :3].T,
        "space origin": turned @ [*start, 1],
        "kinds": ["domain"] * 3,
        **more,
    }


def segmentation(path, drawn, volume, extent, **more):
    """Save a part of a mask as 3D Slicer does."""
    part = in_file_order(drawn.astype(np.uint8), like=volume)[tuple(slice(*ends) for ends in extent)]
    header = header_of(volume.grid.affine, [low for low, _ in extent], Segment0_ID="Segment_1", **more)
    nrrd.write(str(path), part, header)
    return path


def extent_of(mask, volume):
    places = np.argwhere(in_file_order(mask, like=volume))
    return list(zip(places.min(axis=0), places.max(axis=0) + 1, strict=True))


def test_simpleitk_writes_what_is_read(tmp_path, volume):
    image = sitk.ReadImage(str(tmp_path / "scan.nii.gz"))
    sitk.WriteImage(image, str(tmp_path / "scan.nrrd"), useCompression=True)
    found = read_volume(tmp_path / "scan.nrrd")
    np.testing.assert_array_equal(found.data, volume.data)
    np.testing.assert_allclose(found.affine, volume.affine, atol=1e-4)


@pytest.mark.parametrize("space", [SPACE, "right-anterior-superior", "left-anterior-superior"])
@pytest.mark.parametrize("encoding", ["raw", "gzip"])
def test_every_space_of_patients_leads_to_the_same_place(tmp_path, volume, lesion, space, encoding):
    drawn = in_file_order(lesion.astype(np.uint8), like=volume)
    header = header_of(volume.grid.affine, space=space, encoding=encoding)
    nrrd.write(str(tmp_path / "mask.nrrd"), drawn, header)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nrrd", like=volume), lesion)


def test_a_segmentation_cropped_to_its_extent_is_put_on_the_grid(tmp_path, volume, lesion):
    path = segmentation(tmp_path / "mask.seg.nrrd", lesion, volume, extent_of(lesion, volume))
    assert nrrd.read_header(str(path))["sizes"].tolist() != list(volume.grid.shape)
    np.testing.assert_array_equal(read_mask(path, like=volume), lesion)


def test_one_layer_of_four_axes_is_a_mask(tmp_path, volume, lesion):
    drawn = in_file_order(lesion.astype(np.uint8), like=volume)[None]
    header = header_of(volume.grid.affine) | {"kinds": ["list", "domain", "domain", "domain"]}
    header["space directions"] = np.vstack([np.full(3, np.nan), header["space directions"]])
    nrrd.write(str(tmp_path / "mask.seg.nrrd"), drawn, header)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.seg.nrrd", like=volume), lesion)
    nrrd.write(str(tmp_path / "two.seg.nrrd"), np.concatenate([drawn, drawn]), header)
    with pytest.raises(VolumeError, match=r"two\.seg\.nrrd: has 2 layers of segments that overlap"):
        read_mask(tmp_path / "two.seg.nrrd", like=volume)


@pytest.mark.parametrize("steps", [0.45, 100])
def test_a_segmentation_beside_the_grid_is_refused(tmp_path, volume, lesion, steps):
    """Nearly half a voxel away, and with what is drawn outside of the scan."""
    header = header_of(volume.grid.affine, (steps, 0, 0), Segment0_ID="Segment_1")
    nrrd.write(str(tmp_path / "mask.seg.nrrd"), in_file_order(lesion.astype(np.uint8), like=volume)[1:], header)
    aside = r"shifted by 0\.0398 mm along R, 0\.35 mm along P and 0\.0743 mm along I"
    says = "it marks voxels outside of the scan" if steps == 100 else aside
    with pytest.raises(VolumeError, match=rf"mask\.seg\.nrrd: its grid differs from that of the scan: {says}; export"):
        read_mask(tmp_path / "mask.seg.nrrd", like=volume)


def test_an_image_that_is_no_segmentation_is_not_put_on_another_grid(tmp_path, volume, lesion):
    path = segmentation(tmp_path / "mask.seg.nrrd", lesion, volume, extent_of(lesion, volume))
    part, header = nrrd.read(str(path))
    del header["Segment0_ID"]
    nrrd.write(str(tmp_path / "mask.nrrd"), part, header)
    with pytest.raises(VolumeError, match="its grid differs from that of the scan"):
        read_mask(tmp_path / "mask.nrrd", like=volume)


@pytest.fixture
def saved(tmp_path, volume):
    """A scan as NRRD, and what its header says."""
    path = tmp_path / "scan.nrrd"
    nrrd.write(str(path), in_file_order(volume.data, like=volume), header_of(volume.grid.affine))
    return path


def edited(path, before, after):
    content = path.read_bytes()
    assert content.count(before) == 1
    path.write_bytes(content.replace(before, after))
    return path


def test_what_cannot_be_used_is_refused_in_a_sentence(saved, volume):
    whole = saved.read_bytes()
    sizes = "sizes: " + " ".join(map(str, volume.grid.shape))
    for before, after, says in (
        (sizes, "sizes: 30000 30000 30000", f"more than the {MAXIMUM_VOXELS} that are read"),
        (sizes, "sizes: 600 600 600", "is too small for the 600 x 600 x 600 voxels"),
        ("encoding: gzip", "encoding: hex", "in encoding hex; save it with gzip"),
        ("encoding: gzip", "encoding: gzip\ndata file: scan.raw.gz", "keeps its voxels in another file"),
        (f"space: {SPACE}", "space: scanner-xyz", "its header names no space of a patient"),
        ("type: float", "type: quaternion", "has voxels of type quaternion in encoding gzip"),
        ("type: float", "type: block", "has voxels of type block"),
        ("encoding: gzip", "encoding: " + "h\x1b" * 900, r"in encoding (h ){20}; save it with gzip"),
        ("endian: little", "endian: middle", "its header is damaged or incomplete"),
        ("type: float", "type: float\ntype: float", "its header is damaged or incomplete"),
        ("space directions: (", "space directions: (1,", "its header is damaged or incomplete"),
        ("space origin: (", "space origin: ", "its header is damaged or incomplete"),
        ("encoding: gzip", "encoding: gzip\nline skip: 1000000000000", "has other data before its voxels"),
        ("encoding: gzip", "encoding: gzip\nbyteskip: -1", "has other data before its voxels"),
        (sizes, "sizes: 0 40 48", "the image size makes no sense"),
        ("encoding: gzip", 'encoding: gzip\nspace units: "m" "m" "m"', "gives places in m, not in mm"),
    ):
        edited(saved, before.encode(), after.encode())
        with pytest.raises(VolumeError, match=says):
            read_volume(saved)
        saved.write_bytes(whole)
    saved.write_bytes(whole[:100])
    with pytest.raises(VolumeError, match=r"scan\.nrrd: its header is damaged or incomplete"):
        read_volume(saved)
    for damaged in (whole[:-40], whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:]):
        saved.write_bytes(damaged)
        with pytest.raises(VolumeError, match=r"scan\.nrrd: is truncated or damaged"):
            read_volume(saved)


@pytest.mark.parametrize("content", [b"NRRD0004\nsizes: 3 x 5\n\n", b"NRRD0004\n\n", b"NRRD0004\n:=\n\n", bytes(600)])
def test_the_header_alone_is_refused_in_a_sentence_too(tmp_path, content):
    (tmp_path / "scan.nrrd").write_bytes(content)
    for read in (read_header, read_volume):
        with pytest.raises(VolumeError, match=r"scan\.nrrd: (its header is damaged|is not an NRRD file)"):
            read(tmp_path / "scan.nrrd")


@pytest.mark.parametrize(("name", "size"), [("uchar", 1), ("short", 2), ("unsigned int", 4), ("double", 8)])
def test_the_file_must_be_able_to_hold_all_bytes_of_its_voxels(tmp_path, volume, name, size):
    """As many voxels as fit if each took one byte: enough for bytes alone."""
    start = f"NRRD0004\ntype: {name}\nsizes: 100 100 100\nencoding: raw\nendian: little\n\n".encode()
    (tmp_path / "scan.nrrd").write_bytes(start + bytes(1_000_000))
    says = "has no orientation" if size == 1 else "is too small for the 100 x 100 x 100 voxels in its header"
    with pytest.raises(VolumeError, match=says):
        read_volume(tmp_path / "scan.nrrd")


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_voxel_types_and_byte_orders(tmp_path, volume, kind, order):
    data = (in_file_order(volume.data, like=volume) % 120).astype(f"{order}{kind}")
    nrrd.write(str(tmp_path / "scan.nrrd"), data, header_of(volume.grid.affine))
    np.testing.assert_array_equal(read_volume(tmp_path / "scan.nrrd").data, volume.data % 120)


def test_every_type_that_the_library_knows_is_known():
    theirs = {name: np.dtype(kind) for name, kind in nrrd.reader._TYPEMAP_NRRD2NUMPY.items() if name != "block"}
    assert theirs == {name: VOXEL_TYPES.get(name) for name in theirs}


def test_content_that_is_no_nrrd_is_named(tmp_path, monkeypatch):
    """Also without the library that reads NRRD."""
    monkeypatch.setitem(sys.modules, "nrrd", None)
    for content, says in (
        (b"version https://git-lfs.github.com/spec/v1\n", r"mask\.seg\.nrrd: is a Git LFS pointer"),
        (bytes(600), r"mask\.seg\.nrrd: is not an NRRD file"),
    ):
        (tmp_path / "mask.seg.nrrd").write_bytes(content)
        with pytest.raises(VolumeError, match=says):
            read_volume(tmp_path / "mask.seg.nrrd")


@pytest.mark.parametrize(("change", "says"), [(-6, "is truncated or damaged"), (None, "has other bytes behind")])
def test_a_large_file_is_read_to_its_checksum(tmp_path, change, says):
    """Larger than what is read ahead."""
    data = np.random.default_rng(1).integers(0, 99, (200, 200, 60)).astype(np.uint8)
    affine = np.array([[0, 0, -3.3, 10], [-0.8, 0, 0, 20], [0, -0.7, 0, 30], [0, 0, 0, 1.0]])
    path = tmp_path / "scan.nrrd"
    nrrd.write(str(path), data, header_of(affine), compression_level=1)
    content = bytearray(path.read_bytes())
    if change is None:
        path.write_bytes(content + b"behind")
        assert says in read_volume(path).warnings[0]
        return
    content[change] ^= 1
    path.write_bytes(content)
    with pytest.raises(VolumeError, match=says):
        read_volume(path)


def test_without_its_library_the_error_names_the_extra(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "nrrd", None)
    with pytest.raises(RequirementError, match=r"NRRD files needs pynrrd 1\.0 or later.*spinal-tf\[nrrd\]"):
        read_volume(saved)


def test_a_segmentation_in_a_folder_is_no_case(tmp_path, saved, volume, lesion):
    segmentation(tmp_path / "scan.seg.nrrd", lesion, volume, extent_of(lesion, volume))
    (tmp_path / "scan.nii.gz").unlink()
    assert [case.case for case in find_cases((tmp_path,), None).cases] == [saved]
    assert suffixes_in_words() == ".nii, .nii.gz or .nrrd"


def test_the_name_of_a_case_leaves_out_both_endings(tmp_path):
    assert image_suffix(tmp_path / "case.seg.nrrd") == ".seg.nrrd"
    assert image_suffix(tmp_path / "case.nrrd") == ".nrrd"
