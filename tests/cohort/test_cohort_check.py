"""A check finds every fault of the images, and the hash knows content from file."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest

from spinal_tf.cohort.cohort_check import check_cohort
from spinal_tf.cohort.fingerprint import voxel_sha256
from spinal_tf.errors import CohortError
from spinal_tf.phantom.plan import plan_cohort
from spinal_tf.phantom.simulated_cohort import Writing
from spinal_tf.phantom.simulated_cohort import write_cohort as simulate_cohort
from spinal_tf.taxonomy import ASTROCYTOMA, EPENDYMOMA

FORBIDDEN = """
import sys
import spinal_tf.cohort.cohort_check, spinal_tf.cohort.split, spinal_tf.evaluation.summary_text
sys.exit(sorted({"tensorflow", "keras", "click"} & set(sys.modules)) or 0)
"""


def faults(path):
    return [str(fault) for fault in check_cohort(path).faults]


def test_a_sound_cohort_has_no_faults_and_a_hash(write_cohort, write_table):
    checked = check_cohort(write_table(write_cohort(4)))
    assert checked.faults == ()
    assert [case.name for case in checked.cohort.cases] == ["c1", "c2", "c3", "c4"]
    assert len(bytes.fromhex(checked.sha256)) == 32
    checked.require_sound()


def test_unusual_images_are_warned_of_by_their_place(write_cohort, write_table):
    [warning, *_] = check_cohort(write_table(write_cohort(1))).warnings
    assert str(warning).startswith("row 2, t2: c1/t2.nii.gz: very small field of view")


def test_progress_is_told_of_every_case(write_cohort, write_table):
    told = []
    check_cohort(write_table(write_cohort(3)), progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_every_fault_of_the_images_is_found_in_one_pass(
    write_cohort, write_table, write_nifti, tmp_path, phantom_data, oblique_affine
):
    rows = write_cohort(6)
    (tmp_path / "c1/t2.nii.gz").unlink()
    (tmp_path / "c1/mask.nii.gz").write_bytes(b"")
    shifted = oblique_affine.copy()
    shifted[0, 3] += 1
    write_nifti(tmp_path / "c2/t1c.nii.gz", phantom_data, shifted)
    write_nifti(tmp_path / "c3/mask.nii.gz", np.ones((7, 40, 47), np.uint8), oblique_affine)
    write_nifti(tmp_path / "c4/mask.nii.gz", np.zeros(phantom_data.shape, np.uint8), oblique_affine)
    rows[4]["mask"] = "c5/t2.nii.gz"
    rows[5]["diagnosis"] = "healthy"
    found = faults(write_table(rows))
    assert len(found) == 7
    assert found[0].startswith("row 2, t2: c1/t2.nii.gz: there is no such file in ")
    assert found[1].startswith("row 2, mask: c1/mask.nii.gz: is empty (zero bytes)")
    assert found[2].startswith("row 3, t1c: c2/t1c.nii.gz: its grid differs from that of the scan")
    assert found[3].startswith("row 4, mask: c3/mask.nii.gz: its grid differs from that of the scan")
    assert found[4] == (
        "row 5, mask: c4/mask.nii.gz: is empty, but the diagnosis is nmosd; draw the lesion, or leave the case out"
    )
    assert found[5].startswith("row 6, mask: c5/t2.nii.gz: is the scan t2.nii.gz itself, not a mask")
    assert found[6].startswith("row 7, mask: c6/mask.nii.gz: marks 0.31 mL of a healthy case")
    assert check_cohort(write_table(rows)).sha256 is None
    with pytest.raises(CohortError, match="7 faults in all"):
        check_cohort(write_table(rows)).require_sound()


def test_faults_of_cells_and_of_images_stand_together(write_cohort, write_table, tmp_path):
    rows = write_cohort(2)
    rows[0]["split"] = "x"
    (tmp_path / "c1/t2.nii.gz").unlink()
    rows[1]["t2"] = "c2\\t2.nii.gz"  # told once, not as missing too
    assert [fault.split(": ")[0] for fault in faults(write_table(rows))] == ["row 2, t2", "row 2, split", "row 3, t2"]


def test_an_unreadable_diagnosis_says_nothing_about_the_mask(write_cohort, write_table):
    rows = write_cohort(1)
    rows[0]["diagnosis"] = "x"
    assert [fault.split(": ")[0] for fault in faults(write_table(rows))] == ["row 2, diagnosis"]


@pytest.mark.parametrize("axes", ["PSR", "RAS"])
@pytest.mark.parametrize("version", [1, 2])
def test_a_copy_is_found_whatever_its_file_looks_like(
    write_cohort, write_table, write_nifti, tmp_path, phantom_data, oblique_affine, axes, version
):
    rows = write_cohort(2)
    copy = (phantom_data + np.int16(1)).astype(np.float32)  # c1's voxels
    write_nifti(tmp_path / "c2/other.nii", copy, oblique_affine, axes=axes, version=version)
    rows[1]["t2"] = "c2/other.nii"
    assert faults(write_table(rows)) == [
        "row 3, t2: c2/other.nii: is the same image as the t2 of row 2; remove one of the cases, or name the right file"
    ]


def test_a_mask_or_contrast_scan_of_another_case_is_found(write_cohort, write_table):
    rows = write_cohort(3)
    rows[1]["mask"] = rows[0]["mask"]
    rows[2]["t1c"] = rows[1]["t1c"]
    assert [fault.split(";")[0] for fault in faults(write_table(rows))] == [
        "row 3, mask: c1/mask.nii.gz: is the same image as the mask of row 2",
        "row 4, t1c: c2/t1c.nii.gz: is the same image as the t1c of row 3",
    ]


def test_empty_masks_of_healthy_cases_are_no_duplicates(
    write_cohort, write_table, write_nifti, tmp_path, phantom_data, oblique_affine
):
    rows = [row | {"diagnosis": "healthy"} for row in write_cohort(2)]
    for row in rows:
        write_nifti(tmp_path / row["mask"], np.zeros(phantom_data.shape, np.uint8), oblique_affine)
    assert faults(write_table(rows)) == []


# The cohort's hash


def test_hash_stays_when_only_files_and_order_change(write_cohort, write_table, write_nifti, tmp_path, oblique_affine):
    rows = write_cohort(3)
    before = check_cohort(write_table(rows)).sha256
    shutil.move(tmp_path / "c1", tmp_path / "moved")
    rows[0] |= {column: rows[0][column].replace("c1/", "moved/") for column in ("t2", "t1c", "mask")}
    mask = np.zeros((7, 40, 48), np.uint8)
    mask[2:5, 12:20, 21:28] = 200  # c2's mask
    write_nifti(tmp_path / "c2/mask.nii.gz", mask, oblique_affine, axes="RAS")
    changed = [dict(reversed((row | {"remark": "x"}).items())) for row in reversed(rows)]
    assert check_cohort(write_table(changed)).sha256 == before


@pytest.mark.parametrize("change", ["cell", "voxel", "spacing", "mask", "case"])
def test_hash_changes_with_what_is_said_and_shown(
    write_cohort, write_table, write_nifti, tmp_path, phantom_data, oblique_affine, lesion, change
):
    rows = write_cohort(3)
    before = check_cohort(write_table(rows)).sha256
    data, affine, mask = (phantom_data + np.int16(1)).copy(), oblique_affine.copy(), np.roll(lesion, 1, 1).copy()
    if change == "cell":
        rows[0]["split"] = "test"
    if change == "case":
        rows.pop()
    if change == "voxel":
        data[3, 4, 5] += 1
    if change == "spacing":
        affine[:3, :3] *= 1.01
    if change == "mask":
        mask[2, 11, 21] = False
    write_nifti(tmp_path / "c1/t2.nii.gz", data, affine, axes="PSR")
    write_nifti(tmp_path / "c1/t1c.nii.gz", phantom_data[:, ::-1] + np.int16(501), affine)
    write_nifti(tmp_path / "c1/mask.nii.gz", mask.astype(np.uint8), affine)
    checked = check_cohort(write_table(rows))
    assert checked.faults == ()
    assert checked.sha256 != before


def test_voxel_hash_knows_shape_and_values():
    one = np.zeros((2, 3, 4), np.float32)
    assert voxel_sha256(one) == voxel_sha256(np.asfortranarray(one))
    assert voxel_sha256(one) != voxel_sha256(one.reshape(4, 3, 2))
    assert voxel_sha256(one) != voxel_sha256(one + 1)


# With the rest of the package


@pytest.mark.slow
def test_a_simulated_cohort_is_sound(tmp_path):
    list(simulate_cohort(plan_cohort(cases=2), Writing(out=tmp_path, seed=1)))
    checked = check_cohort(tmp_path / "cohort.csv")
    assert checked.faults == ()
    assert [case.diagnosis for case in checked.cohort.cases] == [ASTROCYTOMA, EPENDYMOMA]


def test_neither_tensorflow_nor_click_is_imported(pytestconfig):
    subprocess.run([sys.executable, "-c", FORBIDDEN], cwd=pytestconfig.rootpath, check=True, timeout=120)


# Masks that do not say what is lesion


def test_masks_of_labels_and_probabilities_are_read_by_their_columns(
    write_cohort, write_table, write_nifti, tmp_path, lesion, oblique_affine
):
    rows, before = write_cohort(2), None
    before = check_cohort(write_table(rows)).sha256
    first, second = (np.roll(lesion, number, 1) for number in (1, 2))
    labels = np.where(first, 2, np.roll(first, 4, 1)).astype(np.uint8)
    write_nifti(tmp_path / "c1/mask.nii.gz", labels, oblique_affine)
    soft = np.where(second, 0.7, np.linspace(0, 0.3, 48)).astype(np.float32)
    write_nifti(tmp_path / "c2/mask.nii.gz", soft, oblique_affine)
    assert faults(write_table(rows)) == [
        "row 2, mask: c1/mask.nii.gz: holds the values 0, 1 and 2; say which one is the lesion with the column "
        "mask_label",
        "row 3, mask: c2/mask.nii.gz: holds 49 values from 0 to 0.7, like a probability map: choose the column "
        "mask_threshold, for example 0.5",
    ]
    rows[0]["mask_label"], rows[1]["mask_label"] = "2", ""
    rows[0]["mask_threshold"], rows[1]["mask_threshold"] = "", "0,5"
    assert faults(write_table(rows)) == []
    assert check_cohort(write_table(rows)).sha256 == before  # the same lesions


def test_values_of_a_mask_are_one_whole_label_or_one_threshold(write_cohort, write_table):
    rows = write_cohort(3)
    for row, (label, threshold) in zip(rows, (("1", "0.5"), ("1.5", ""), ("0", "-1")), strict=True):
        row |= {"mask_label": label, "mask_threshold": threshold}
    assert faults(write_table(rows)) == [
        "row 2, mask_threshold: give a mask's label or its threshold, not both",
        'row 3, mask_label: "1.5" is not a label of a mask; write a whole number',
        'row 4, mask_label: "0" is not a label of a mask; write a number from 1 to 65535',
        'row 4, mask_threshold: "-1" is not a threshold of a mask; write a number from 0.001 to 65535',
    ]


def test_a_doubtful_mask_is_a_warning(write_cohort, write_table, write_nifti, tmp_path, oblique_affine):
    rows = write_cohort(1)
    mask = np.zeros((7, 40, 48), np.uint8)
    mask[2, 10:20, :4] = 1
    write_nifti(tmp_path / "c1/mask.nii.gz", mask, oblique_affine)
    checked = check_cohort(write_table(rows))
    assert checked.faults == ()
    (warning,) = [str(one) for one in checked.warnings if one.column == "mask"]
    assert warning.startswith("row 2, mask: c1/mask.nii.gz: lies to 100% in air, at the surface")


def test_an_unusual_file_of_a_mask_is_a_warning(write_cohort, write_table, tmp_path):
    rows = write_cohort(1)
    path = tmp_path / "c1/mask.nii.gz"
    path.write_bytes(path.read_bytes() + b"attachment")
    checked = check_cohort(write_table(rows))
    assert checked.faults == ()
    assert "row 2, mask: c1/mask.nii.gz: has other bytes behind its gzip data; they were ignored" in map(
        str, checked.warnings
    )


def test_a_t1c_that_is_no_scan_is_a_fault(write_cohort, write_table, write_nifti, tmp_path, lesion, oblique_affine):
    rows = write_cohort(2)
    rows[0]["t1c"] = rows[0]["t2"]
    write_nifti(tmp_path / "c2/t1c.nii.gz", np.roll(lesion, 9, 1).astype(np.uint8), oblique_affine)
    first, second = (fault for fault in faults(write_table(rows)) if "same image" not in fault)
    assert first.startswith("row 2, t1c: c1/t2.nii.gz: is the T2w scan t2.nii.gz itself")
    assert second == "row 3, t1c: c2/t1c.nii.gz: is a mask, not a scan; name the contrast-enhanced T1w scan"
