"""A format that one file adds is read as scan and as mask, found in folders, checked in cohorts, and written on."""

from __future__ import annotations

import zipfile

import nibabel as nib
import numpy as np
import pytest

from spinal_tf.case_files import CaseFiles
from spinal_tf.cohort.cohort_check import check_cohort
from spinal_tf.errors import VolumeError
from spinal_tf.find_cases import find_cases
from spinal_tf.images import image_registry
from spinal_tf.images.image_registry import find_images, image_suffix, is_image, suffixes_in_words
from spinal_tf.images.volume import read_aligned, read_mask, read_volume, write_on_grid

NIFTI = image_registry.FORMATS[0]
TOY = '''
"""An array and its affine in one .npz file, or in a folder with both as .npy files."""

import zipfile

import numpy as np

from spinal_tf.errors import VolumeError
from spinal_tf.images.image_format import ImageFormat, StoredImage, reading, refuse_too_large, refuse_unusable_affine


def takes_folder(path):
    return (path / "affine.npy").exists()


def read(path):
    with reading(path.name, zipfile.BadZipFile, KeyError, ValueError):
        if path.is_dir():
            held = {name: np.load(path / f"{name}.npy") for name in ("data", "affine")}
        else:
            held = np.load(path)
        refuse_too_large(held["data"].shape, path.name)
        refuse_unusable_affine(held["affine"], path.name)
        return StoredImage(
            source=path.name,
            data=held["data"].astype(np.float32),
            affine=held["affine"],
            no_orientation="" if held["affine"][3, 3] else "it says so",
            warnings=(f"{path.name}: a toy",),
        )


def read_header(path):
    image = read(path)  # a toy is small
    return image.data.shape, image.affine, not image.no_orientation


FORMAT = ImageFormat(
    suffixes=(".npz",),
    takes_bytes=lambda start: start.startswith(b"PK"),
    takes_folder=takes_folder,
    read=read,
    read_header=read_header,
)
'''


@pytest.fixture
def toy(tmp_path_factory, monkeypatch):
    """The format's one file, and its one line in the registry."""
    folder = tmp_path_factory.mktemp("formats")
    (folder / "toy_image.py").write_text(TOY, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(image_registry, "FORMATS", [NIFTI, "toy_image"])


def save(path, data, affine):
    """Save in an axis order of its own: data comes in the package's order."""
    turned, moved = data.transpose(2, 0, 1), affine[:, [2, 0, 1, 3]]
    if path.suffix == ".npz":
        np.savez(path, data=turned, affine=moved)
    else:
        path.mkdir()
        np.save(path / "data.npy", turned)
        np.save(path / "affine.npy", moved)
    return path


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("name", ["scan.npz", "series"])
def test_a_scan_is_read_and_results_are_written_on_its_grid(tmp_path, phantom_data, oblique_affine, lesion, name):
    volume = read_volume(save(tmp_path / name, phantom_data, oblique_affine))
    np.testing.assert_array_equal(volume.data, phantom_data)
    np.testing.assert_allclose(volume.affine, oblique_affine)
    assert volume.warnings[0] == f"{name}: a toy"
    write_on_grid(lesion, tmp_path / "mask.nii.gz", like=volume)
    written = nib.load(tmp_path / "mask.nii.gz")
    assert written.shape == volume.grid.shape == phantom_data.transpose(2, 0, 1).shape
    np.testing.assert_allclose(written.affine, volume.grid.affine, atol=1e-4)
    assert int(written.header["qform_code"]) == int(written.header["sform_code"]) == 1
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii.gz", like=volume), lesion)


@pytest.mark.usefixtures("toy")
def test_masks_and_second_scans_of_both_formats_fit_each_other(
    tmp_path, phantom_data, oblique_affine, lesion, write_nifti
):
    scans = [
        write_nifti(tmp_path / "a.nii.gz", phantom_data, oblique_affine, axes="PSR"),
        save(tmp_path / "a.npz", phantom_data, oblique_affine),
    ]
    mask = save(tmp_path / "mask.npz", lesion.astype(np.uint8), oblique_affine)
    for scan in scans:
        volume = read_volume(scan)
        np.testing.assert_array_equal(read_mask(mask, like=volume), lesion)
        for other in scans:
            np.testing.assert_array_equal(read_aligned(other, like=volume).data, phantom_data)
    shifted = save(tmp_path / "shifted.npz", lesion.astype(np.uint8), oblique_affine + np.eye(4, k=3))
    with pytest.raises(VolumeError, match=r"shifted\.npz: its grid differs from that of the scan"):
        read_mask(shifted, like=volume)


@pytest.mark.usefixtures("toy")
def test_folders_are_searched_for_files_and_series(tmp_path, phantom_data, oblique_affine, write_nifti):
    write_nifti(tmp_path / "one.nii.gz", phantom_data, oblique_affine)
    for name in ("two.npz", "two_lesion.npz", "three"):
        save(tmp_path / name, phantom_data, oblique_affine)
    (tmp_path / "notes").mkdir()
    found = find_cases((tmp_path,), None).cases
    assert [case.case.name for case in found] == ["one.nii.gz", "three", "two.npz"]
    assert [case.output("_lesion.json").name for case in found] == [
        "one_lesion.json",
        "three_lesion.json",
        "two_lesion.json",
    ]
    assert [case.case for case in find_cases((tmp_path / "three",), None).cases] == [tmp_path / "three"]
    assert CaseFiles(case=tmp_path / "two.npz", folder=tmp_path).lesion_outputs("probability")[1].name == (
        "two_lesion.nii.gz"
    )
    assert find_images(tmp_path, "two*") == [tmp_path / "two.npz", tmp_path / "two_lesion.npz"]
    assert suffixes_in_words() == ".nii, .nii.gz or .npz"


@pytest.mark.usefixtures("toy")
def test_a_cohort_is_checked_in_the_format(write_table, tmp_path, phantom_data, oblique_affine, lesion):
    save(tmp_path / "t2.npz", phantom_data, oblique_affine)
    save(tmp_path / "mask.npz", lesion.astype(np.uint8), oblique_affine)
    (tmp_path / "t1c.npz").write_bytes(b"PK not a zip")
    row = {"case": "c1", "patient": "p1", "t2": "t2.npz", "t1c": "t1c.npz", "mask": "mask.npz"}
    table = write_table([row | {"diagnosis": "ms", "split": "train"}])
    checked = check_cohort(table)
    assert [fault.column for fault in checked.faults] == ["t1c"]
    assert "t1c.npz: is truncated or damaged" in checked.faults[0].problem
    assert any("a toy" in warning.problem for warning in checked.warnings)


def test_without_its_line_the_format_is_refused(tmp_path, phantom_data, oblique_affine, monkeypatch):
    monkeypatch.setattr(image_registry, "FORMATS", [NIFTI])
    path = save(tmp_path / "scan.npz", phantom_data, oblique_affine)
    assert not is_image(path)
    with pytest.raises(VolumeError, match=r"scan\.npz: is a ZIP archive; unpack it"):
        read_volume(path)


@pytest.mark.usefixtures("toy")
def test_the_bytes_decide_before_the_name(tmp_path, phantom_data, oblique_affine, write_nifti):
    path = write_nifti(tmp_path / "a.nii", phantom_data, oblique_affine).rename(tmp_path / "a.npz")
    np.testing.assert_array_equal(read_volume(path).data, phantom_data)
    path = save(tmp_path / "b.npz", phantom_data, oblique_affine).rename(tmp_path / "b.nii")
    assert zipfile.is_zipfile(path)
    np.testing.assert_array_equal(read_volume(path).data, phantom_data)


def test_the_ending_is_the_longest_one_and_as_it_is_written(tmp_path):
    assert image_suffix(tmp_path / "Scan.NII.GZ") == ".NII.GZ"
    assert image_suffix(tmp_path / "scan.nii") == ".nii"
    assert image_suffix(tmp_path / "scan.gz") == ""
