"""Folders as people keep them: which scans are taken at any depth, and why others are not."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from spinal_tf.errors import VolumeError
from spinal_tf.folders.search import search

AXIAL = np.array([[-0.8, 0, 0, 0], [0, 0, -0.7, 0], [0, -3.3, 0, 0], [0, 0, 0, 1]])


@pytest.fixture
def scan(tmp_path, phantom_data, oblique_affine, write_nifti):
    """The function that writes a scan, or another array, below the folder that is searched."""

    def write(name, data=phantom_data, affine=oblique_affine) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_nifti(path, data, affine)

    return write


def taken(folder, **options):
    return [path.relative_to(folder).as_posix() for path in search(folder, **options).taken]


def reasons(folder, **options):
    found = search(folder, **options).candidates
    return {one.path.relative_to(folder).as_posix(): one.left_out for one in found if one.left_out}


def test_a_bids_data_set(tmp_path, scan):
    for subject in ("01", "02"):
        for end in ("T2w", "T1w", "acq-ax_T2starw"):
            scan(f"sub-{subject}/anat/sub-{subject}_{end}.nii.gz")
    scan("derivatives/sct/sub-01/anat/sub-01_T2w.nii.gz")
    scan("sub-01/anat/sub-01_T2w_label-lesion_mask.nii.gz")
    (tmp_path / "participants.tsv").touch()
    assert taken(tmp_path) == ["sub-01/anat/sub-01_T2w.nii.gz", "sub-02/anat/sub-02_T2w.nii.gz"]
    assert str(search(tmp_path)) == (
        f"{tmp_path}: 2 scans; left out: T1w by name (2), T2*w or map by name (2), "
        "folder of derivatives (1), mask by name (1), other file (1)"
    )


def test_a_simulated_cohort_and_what_a_run_writes_beside_it(tmp_path, scan):
    for case in ("sim-0001", "sim-0002"):
        for name in ("t2", "t1c", "mask", "cord", "levels", "t2_lesion", "t2_probability", "t2_gradcam_ms_vs_nmosd"):
            scan(f"{case}/{name}.nii.gz")
    assert taken(tmp_path) == ["sim-0001/t2.nii.gz", "sim-0002/t2.nii.gz"]


def test_names_that_say_nothing_are_taken_at_any_depth(tmp_path, scan):
    for name in ("a.nii.gz", "1/2/3/4/b.nii", "1/C.NII.GZ"):
        scan(name)
    assert taken(tmp_path) == ["1/2/3/4/b.nii", "1/C.NII.GZ", "a.nii.gz"]


def test_hidden_files_and_folders_are_left_out(tmp_path, scan):
    scan(".git/annex/a.nii.gz")
    scan("case/.spinal-tf-0123.nii.gz")
    scan("case/t2.nii.gz")
    assert taken(tmp_path) == ["case/t2.nii.gz"]
    assert reasons(tmp_path) == {".git": "hidden folder", "case/.spinal-tf-0123.nii.gz": "hidden"}


def test_other_planes_and_sizes_are_left_out_by_their_header(tmp_path, scan, phantom_data):
    scan("axial_t2.nii.gz", affine=AXIAL)
    scan("flat.nii.gz", phantom_data[:2])
    scan("series.nii.gz", np.stack([phantom_data[0]] * 2)[..., None].repeat(2, axis=3)[:, :, :, :])
    assert reasons(tmp_path)["axial_t2.nii.gz"] == "axial"
    assert reasons(tmp_path)["flat.nii.gz"] == "fewer than 3 slices"
    assert taken(tmp_path, allow_plane=True) == ["axial_t2.nii.gz"]


def test_a_damaged_scan_is_taken_so_that_somebody_hears_of_it(tmp_path, scan):
    (tmp_path / "t2.nii.gz").touch()
    [found] = search(tmp_path).candidates
    assert (found.left_out, found.fault) == ("", "t2.nii.gz: is empty (zero bytes); copy or export it again")


@pytest.mark.parametrize(
    ("echo", "repetition", "contrast", "is_taken"),
    [
        (0.1, 3.0, "T2w (TE 100 ms, TR 3000 ms) by sidecar", True),
        (0.011, 0.6, "not T2w (TE 11 ms, TR 600 ms) by sidecar", False),
        (None, 3.0, "", True),
        ("a", [], "", True),
    ],
)
def test_the_sidecar_speaks_where_the_name_does_not(tmp_path, scan, echo, repetition, contrast, is_taken):
    scan("0017.nii.gz")
    (tmp_path / "0017.json").write_text(json.dumps({"EchoTime": echo, "RepetitionTime": repetition}))
    [found] = search(tmp_path).candidates
    assert (found.contrast, not found.left_out) == (contrast, is_taken)
    assert found.left_out == ("" if is_taken else "not T2w by sidecar")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"EchoTime": 1e999}'])
def test_a_sidecar_that_is_none_says_nothing(tmp_path, scan, text):
    scan("0017.nii.gz")
    (tmp_path / "0017.json").write_text(text)
    assert taken(tmp_path) == ["0017.nii.gz"]


def test_the_name_speaks_before_the_sidecar(tmp_path, scan):
    scan("sub-01_T2w.nii.gz")
    (tmp_path / "sub-01_T2w.json").write_text('{"EchoTime": 0.011, "RepetitionTime": 0.6}')
    assert taken(tmp_path) == ["sub-01_T2w.nii.gz"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("sub-*/anat/*T2w*", ["data/sub-01/anat/sub-01_T2w.nii.gz"]),
        ("*T2w*", ["data/sub-01/anat/sub-01_T2w.nii.gz", "data/sub-01/ses-2/sub-01_T2w.nii.gz"]),
        ("ses-2/*", ["data/sub-01/ses-2/sub-01_T2w.nii.gz"]),
        ("sub-*/*T2w*", []),
    ],
)
def test_a_pattern_fits_the_end_of_the_path_folder_by_folder(tmp_path, scan, pattern, names):
    for name in ("data/sub-01/anat/sub-01_T2w.nii.gz", "data/sub-01/ses-2/sub-01_T2w.nii.gz", "data/extra.nii.gz"):
        scan(name)
    assert taken(tmp_path, pattern=pattern) == names
    assert "does not match the pattern" in str(search(tmp_path, pattern=pattern))


def test_links_are_followed_once(tmp_path, scan):
    scan("real/t2.nii.gz")
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "real")
    (tmp_path / "gone.nii.gz").symlink_to(tmp_path / "nowhere")
    (tmp_path / "scan.nii.gz").symlink_to(tmp_path / "real" / "t2.nii.gz")
    assert taken(tmp_path) == ["real/t2.nii.gz", "scan.nii.gz"]
    assert reasons(tmp_path) == {
        "real/up": "folder that was seen before",
        "again": "folder that was seen before",
        "gone.nii.gz": "link to nothing",
    }


def test_a_folder_that_may_not_be_looked_into(tmp_path, scan, monkeypatch):
    scan("open/t2.nii.gz")
    scan("shut/t2.nii.gz")
    listed = Path.iterdir

    def deny(path):
        if path.name == "shut":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", deny)
    assert taken(tmp_path) == ["open/t2.nii.gz"]
    assert reasons(tmp_path) == {"shut": "folder that may not be looked into"}
    with pytest.raises(VolumeError, match="this folder may not be looked into"):
        search(tmp_path / "shut")


def test_a_thousand_files_take_little_time(tmp_path, scan):
    first = scan("a/t2.nii.gz")
    for number in range(1000):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        os.link(first, folder / "t2.nii.gz")
    start = time.perf_counter()
    assert len(taken(tmp_path)) == 1001
    assert time.perf_counter() - start < 10
