"""Masks in a folder are matched to cases by name and place; nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from spinal_tf.folders.mask_matching import fits, match_masks


@pytest.mark.parametrize(
    ("case", "mask"),
    [
        ("case", "case"),
        ("case", "case_lesion"),
        ("sub-01_T2w", "sub-01_T2w_lesion"),
        ("sub-01_T2w", "sub-01_T2w_label-lesion_seg"),
        ("sub-01_T2w", "sub-01_T2w_lesion-manual"),
        ("sub-01_T2w", "sub-01_desc-rater1_label-lesion_seg"),
        ("sub-01_T2w", "sub-01_label-lesion_desc-rater1_mask"),
        ("sub-01_acq-sag_T2w", "sub-01_acq-sag_label-lesion_mask"),
        ("sub-01_acq-sag_T2w", "sub-01_acq-sag_T2w_label-lesion_dseg"),
        ("sub-01_ses-2_acq-sag_T2w", "sub-01_ses-2_acq-sag_label-lesion_seg"),
        ("scan_7", "scan_7_label-lesion_seg"),
    ],
)
def test_names_of_masks(case, mask):
    assert fits(mask, case)


@pytest.mark.parametrize(
    ("case", "mask"),
    [
        ("case", "case2"),
        ("case", "case2_lesion"),
        ("case_1", "case_10_lesion"),
        ("case", "case_seg"),  # of the cord, as the Spinal Cord Toolbox names it
        ("sub-01_T2w", "sub-01_T2w_label-SC_seg"),
        ("sub-01_T2w", "sub-01_T1w_label-lesion_seg"),
        ("sub-01_T2w", "sub-02_T2w_label-lesion_seg"),
        ("sub-01_acq-sag_T2w", "sub-01_label-lesion_mask"),
        ("sub-01_acq-sag_T2w", "sub-01_acq-ax_label-lesion_mask"),
        ("sub-01_T2w", "sub-01_ses-2_label-lesion_mask"),
        ("sub-01_T2w", "desc-rater1_label-lesion_seg"),
        ("scan_7", "scan_label-lesion_seg"),
    ],
)
def test_names_of_other_files(case, mask):
    assert not fits(mask, case)


@pytest.fixture
def matched(tmp_path):
    """The function that matches masks to cases, both given as paths below ``masks`` and ``scans``."""

    def match(cases, masks, *, masks_in="masks"):
        scans, folder = tmp_path / "scans", tmp_path / masks_in
        paths = [*(scans / name for name in cases), *(folder / name for name in masks)]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        found = match_masks({scans / name: Path(name).parent for name in cases}, folder)
        relative = {str(case.relative_to(scans)): str(mask.relative_to(folder)) for case, mask in found.masks.items()}
        return relative, {str(case.relative_to(scans)): problem for case, problem in found.problems.items()}

    return match


def test_each_case_gets_its_mask_at_any_depth_and_of_any_format(matched):
    masks, problems = matched(
        ["a.nii.gz", "b.nii", "sub-01_T2w.nii.gz"],
        ["a.nii.gz", "b_lesion.seg.nrrd", "labels/sub-01/anat/sub-01_T2w_label-lesion_seg.nii.gz", "notes.txt"],
    )
    assert masks == {
        "a.nii.gz": "a.nii.gz",
        "b.nii": "b_lesion.seg.nrrd",
        "sub-01_T2w.nii.gz": "labels/sub-01/anat/sub-01_T2w_label-lesion_seg.nii.gz",
    }
    assert problems == {}


def test_a_missing_mask_is_said(matched, tmp_path):
    masks, problems = matched(["a.nii", "b.nii"], ["a.nii", "x/a_lesion.nii.gz", "c.nii"])
    assert masks == {"a.nii": "a.nii"}  # in the same place
    assert problems == {
        "b.nii": f"there is no mask for it in {tmp_path / 'masks'}; name it b_lesion.nii.gz, or leave the case out"
    }


def test_several_masks_are_said(matched, tmp_path):
    masks, problems = matched(["d.nii"], ["x/d_lesion.nii.gz", "y/d_desc-2_label-lesion_seg.nii"])
    assert masks == {}
    both = "x/d_lesion.nii.gz and y/d_desc-2_label-lesion_seg.nii"
    assert problems == {"d.nii": f"2 masks in {tmp_path / 'masks'} fit it: {both}; keep one of them there"}


def test_cases_of_one_name_are_told_apart_by_their_place(matched):
    masks, problems = matched(["p/t2.nii", "q/t2.nii"], ["p/t2_lesion.nii.gz", "q/t2_lesion.nii.gz"])
    assert masks == {"p/t2.nii": "p/t2_lesion.nii.gz", "q/t2.nii": "q/t2_lesion.nii.gz"}
    assert problems == {}


def test_a_mask_is_not_lent_to_another_case(matched):
    masks, problems = matched(["p/t2.nii", "q/t2.nii"], ["p/t2_lesion.nii.gz"])
    assert masks == {"p/t2.nii": "p/t2_lesion.nii.gz"}
    assert problems["q/t2.nii"].startswith("there is no mask for it")


def test_a_mask_that_fits_two_cases_is_given_to_none(matched):
    masks, problems = matched(["p/t2.nii", "q/t2.nii"], ["t2_lesion.nii.gz"])
    assert masks == {}
    assert set(problems) == {"p/t2.nii", "q/t2.nii"}
    assert problems["p/t2.nii"].startswith("its mask t2_lesion.nii.gz fits another case, too; repeat the cases")


def test_masks_may_lie_beside_the_cases(matched):
    masks, problems = matched(["a.nii", "b.nii"], ["a_lesion.nii.gz"], masks_in="scans")
    assert masks == {"a.nii": "a_lesion.nii.gz"}
    assert list(problems) == ["b.nii"]
