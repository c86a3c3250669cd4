"""Which files are cases, and where their outputs go."""

from __future__ import annotations

from pathlib import Path

import pytest

from spinal_tf.case_files import CaseFiles
from spinal_tf.errors import OutputError, VolumeError
from spinal_tf.find_cases import candidates, find_cases


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def found(*inputs, output=None):
    return [case.case for case in find_cases(inputs, output).cases]


def test_a_folder_stands_for_its_images_without_our_outputs(tmp_path):
    case = CaseFiles(case=tmp_path / "b.nii.gz", folder=tmp_path)
    touch(tmp_path, *(path.name for path in case.all_outputs()))
    touch(tmp_path, "b.nii.gz", "a.nii", "C.NII", ".hidden.nii.gz", "notes.txt", "IM0001.dcm")
    assert found(tmp_path) == [tmp_path / name for name in ("C.NII", "a.nii", "b.nii.gz")]


def test_the_folder_of_a_simulated_case_stands_for_its_t2w_image(tmp_path):
    names = ("t2", "t1c", "mask", "cord", "levels", "anatomy", "vertebrae", "t2_lesion")
    touch(tmp_path, *(f"{name}.nii.gz" for name in names))
    assert found(tmp_path) == [tmp_path / "t2.nii.gz"]


def test_what_is_not_there_is_a_case_and_refused_when_read(tmp_path):
    missing = tmp_path / "nowhere" / "case.nii.gz"
    assert found(missing) == [missing]


def test_a_folder_without_images_is_refused_when_read(tmp_path):
    touch(tmp_path / "dicom", "IM0001.dcm")
    assert found(tmp_path / "dicom") == [tmp_path / "dicom"]


def test_a_case_given_twice_is_one_case(tmp_path):
    touch(tmp_path, "a.nii.gz")
    assert found(tmp_path / "a.nii.gz", tmp_path, tmp_path / "a.nii.gz") == [tmp_path / "a.nii.gz"]


def test_what_another_case_writes_is_no_case(tmp_path):
    scan, ours = tmp_path / "a.nii.gz", tmp_path / "a_lesion.nii.gz"
    assert found(scan, ours) == [scan]
    assert found(ours) == [ours]  # alone, it may be anything
    assert found(scan, ours, output=tmp_path / "out") == [scan, ours]


@pytest.mark.parametrize("output", [None, "out"])
def test_two_cases_that_would_write_the_same_files_are_refused(tmp_path, output):
    inputs = (tmp_path / "1" / "t2.nii.gz", tmp_path / "1" / "t2.nii")
    if output:
        inputs = (tmp_path / "1" / "t2.nii.gz", tmp_path / "2" / "t2.nii.gz")
    with pytest.raises(OutputError, match=r"1/t2\.nii\.gz and .*t2\.nii.* would write the same files in "):
        find_cases(inputs, tmp_path / output if output else None)


def test_cases_of_one_name_in_two_folders_go_beside_themselves(tmp_path):
    inputs = tuple(tmp_path / folder / "t2.nii.gz" for folder in "12")
    assert [case.folder for case in find_cases(inputs, None).cases] == [tmp_path / "1", tmp_path / "2"]


def test_a_folder_that_may_not_be_looked_into_is_named(tmp_path, monkeypatch):
    def deny(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", deny)
    with pytest.raises(VolumeError, match="this folder may not be looked into"):
        find_cases((tmp_path,), None)


def test_finding_cases_makes_nothing(tmp_path):
    find_cases((tmp_path / "a.nii.gz",), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_outputs_of_cases_below_a_folder_keep_their_place(tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    for name in ("sub-01/anat", "sub-02/anat"):
        touch(data / name, "t2.nii.gz")
    touch(data, "top.nii.gz")
    cases = find_cases((data, tmp_path / "alone.nii.gz"), out).cases
    assert {case.case.relative_to(tmp_path).as_posix(): case.folder for case in cases} == {
        "data/sub-01/anat/t2.nii.gz": out / "sub-01" / "anat",
        "data/sub-02/anat/t2.nii.gz": out / "sub-02" / "anat",
        "data/top.nii.gz": out,
        "alone.nii.gz": out,
    }


def test_outputs_below_the_searched_folder_are_no_cases_of_the_next_run(tmp_path):
    touch(tmp_path / "1", "t2.nii.gz")
    touch(tmp_path / "out" / "1", "t2_lesion.nii.gz", "t2_lesion.json")
    assert found(tmp_path, output=tmp_path / "out") == [tmp_path / "1" / "t2.nii.gz"]


def test_two_folders_with_cases_of_one_name_are_refused_with_both_paths(tmp_path):
    folders = [touch(tmp_path / name, "t2.nii.gz") for name in ("1", "2")]
    with pytest.raises(OutputError) as caught:
        find_cases(folders, tmp_path / "out")
    assert str(caught.value) == (
        f"{tmp_path}/1/t2.nii.gz and {tmp_path}/2/t2.nii.gz would write the same files in {tmp_path}/out; "
        "give the folder above both, which keeps them apart, or run them apart"
    )
    assert [case.folder.name for case in find_cases([tmp_path], tmp_path / "out").cases] == ["1", "2"]


def test_a_folder_of_which_nothing_is_taken_says_why(tmp_path):
    touch(tmp_path, "t1c.nii.gz", "mask.nii.gz")
    with pytest.raises(VolumeError, match=r"0 scans; left out: mask by name \(1\), T1w by name \(1\); name a scan"):
        find_cases((tmp_path,), None)
    assert found(tmp_path / "t1c.nii.gz") == [tmp_path / "t1c.nii.gz"]


def test_candidates_are_all_images_named_or_found(tmp_path):
    touch(tmp_path / "in", "t2.nii.gz", "mask.nii.gz")
    listed = candidates(find_cases((tmp_path / "in", tmp_path / "t1.nii.gz"), None))
    assert {one.path.name: one.left_out for one in listed} == {
        "t1.nii.gz": "",
        "t2.nii.gz": "",
        "mask.nii.gz": "mask by name",
    }
