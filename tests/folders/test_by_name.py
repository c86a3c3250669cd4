"""What names say: scans of real studies are taken, masks and other contrasts are not."""

from __future__ import annotations

import pytest

from spinal_tf.folders.by_name import contrast_by_name, is_mask, is_our_output


@pytest.mark.parametrize(
    "stem",
    [
        "sub-01_T2w",
        "sub-01_ses-2_acq-sag_T2w",
        "t2",
        "T2_TSE_sag",
        "sagT2",
        "sag_t2_tse",
        "sub-01_space-T1w_T2w",
        "t2w_cor",
    ],
)
def test_t2w_names(stem):
    assert contrast_by_name(stem) == "T2w"
    assert not is_mask(stem)


@pytest.mark.parametrize(
    ("stem", "contrast"),
    [
        ("t1c", "T1w"),
        ("sub-01_ce-gadolinium_T1w", "T1w"),
        ("t1c_to_t2", "T1w"),
        ("T1_post_gd", "T1w"),
        ("sub-01_T2starw", "T2*w or map"),
        ("sub-01_PDw", "PDw"),
        ("tirm", "inversion recovery"),
        ("sub-01_dwi", "diffusion"),
        ("localizer_1", "localizer"),
    ],
)
def test_other_contrasts(stem, contrast):
    assert contrast_by_name(stem) == contrast


@pytest.mark.parametrize(
    "stem", ["case", "patient2", "visit2", "C2-T1", "spine_C7_T2", "0017", "scan.v1", "", "Jürgen Groß 1"]
)
def test_names_that_state_no_contrast(stem):
    assert contrast_by_name(stem) == ""
    assert not is_mask(stem)


@pytest.mark.parametrize(
    "stem",
    [
        *("mask", "cord", "levels", "model_mask", "case-mask", "case_seg", "sub-01_T2w_seg-manual", "t2_cord-manual"),
        *("t2_landmarks_C2_T2", "sub-01_T2w_label-lesion_mask", "sub-01_label-SC_T2w", "T2w_lesion_2", "t2_vertebrae"),
    ],
)
def test_masks(stem):
    assert is_mask(stem)


@pytest.mark.parametrize("stem", ["cord_t2", "lesion-0001", "lesion_study_t2", "masked_t2", "segment3_T2w"])
def test_scans_whose_names_only_remind_of_masks(stem):
    assert not is_mask(stem)


def test_our_outputs():
    ours = ["t2_lesion", "t2_probability", "t2_gradcam_ms_vs_nmosd", "t2_layercam_tumor_vs_demyelinating"]
    assert all(map(is_our_output, ours))
    assert not any(map(is_our_output, ["t2", "lesion_t2", "t2_gradcam"]))
