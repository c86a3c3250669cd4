"""A cohort for training: checked once, prepared once, refused in one sentence."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from spinal_tf.cohort.case import Split
from spinal_tf.cohort.cells import CORD_COLUMN
from spinal_tf.cohort.cohort_check import check_cohort
from spinal_tf.datasets.crop_samples import segmenter_entry
from spinal_tf.errors import CohortError, OutputError, TrainingError
from spinal_tf.preprocess import Preprocessing
from spinal_tf.taxonomy import MS, NMOSD
from spinal_tf.training import data
from spinal_tf.training.data import cases_by_split, open_cohort

RECIPE = Preprocessing(size=(32, 32))


@pytest.fixture
def table(tmp_path, cohort_table):
    """A copy of the cohort that may be changed."""
    return shutil.copytree(cohort_table.parent, tmp_path / "cohort") / "cohort.csv"


def prepared(opened, made=None):
    def prepare(examination):
        if made is not None:
            made.append(examination.case.name)
        return segmenter_entry(examination, RECIPE)

    cases = cases_by_split(opened.cohort, healthy=True)[Split.TRAIN]
    return opened.prepared("name", cases, prepare, with_t1c=False, masks=(CORD_COLUMN,), recipe=RECIPE.to_dict())


def test_the_hash_is_that_of_the_check(table, tmp_path):
    assert open_cohort(table, tmp_path / "cache").sha256 == check_cohort(table).sha256


def test_images_that_did_not_change_are_not_read_again(table, tmp_path, monkeypatch):
    first = open_cohort(table, tmp_path / "cache")

    def fail(*arguments, **named):
        raise AssertionError("read again")

    monkeypatch.setattr(data, "check_cohort", fail)
    assert open_cohort(table, tmp_path / "cache").sha256 == first.sha256
    with pytest.raises(AssertionError):
        open_cohort(table, tmp_path / "other cache")


@pytest.mark.parametrize("sha256", [None, 3, ["x"]])
def test_a_record_of_the_check_without_its_hash_is_made_again(table, tmp_path, sha256):
    first = open_cohort(table, tmp_path / "cache")
    path = tmp_path / "cache" / data.CHECKED
    record = json.loads(path.read_text()) | {"sha256": sha256}
    path.write_text(json.dumps(record if sha256 else {"files": record["files"]}))
    assert open_cohort(table, tmp_path / "cache").sha256 == first.sha256
    assert json.loads(path.read_text())["sha256"] == first.sha256


def test_another_image_gives_another_hash_and_a_new_cache(table, tmp_path):
    made = []
    opened = open_cohort(table, tmp_path / "cache")
    before = prepared(opened, made)
    assert prepared(opened, made)
    assert len(made) == 10
    (table.parent / "case-00" / "t2.nii.gz").write_bytes((table.parent / "case-03" / "t2.nii.gz").read_bytes())
    (table.parent / "case-03" / "t2.nii.gz").write_bytes((table.parent / "case-14" / "t2.nii.gz").read_bytes())
    rows = [line for line in table.read_text().splitlines() if not line.startswith("case-14")]
    table.write_text("\n".join(rows) + "\n")
    changed = open_cohort(table, tmp_path / "cache")
    assert changed.sha256 != opened.sha256
    after = prepared(changed, made)
    assert len(made) == 20
    np.testing.assert_array_equal(after[0].arrays["planes"], before[3].arrays["planes"])


def test_another_preprocessing_makes_a_new_cache(table, tmp_path):
    opened = open_cohort(table, tmp_path / "cache")
    shapes = []
    for side in (16, 32):
        recipe = Preprocessing(size=(side, side))
        cases = cases_by_split(opened.cohort, healthy=True)[Split.VALIDATION]
        entries = opened.prepared(
            "name",
            cases,
            lambda found, recipe=recipe: segmenter_entry(found, recipe),
            with_t1c=False,
            masks=(CORD_COLUMN,),
            recipe=recipe.to_dict(),
        )
        shapes.append(entries[0].arrays["planes"].shape)
    assert shapes == [(3, 16, 16), (3, 32, 32)]
    assert len({path.name for path in (tmp_path / "cache").glob("name-*")}) == 2


def test_a_mask_beside_the_schema_makes_a_new_cache_when_it_changes(table, tmp_path):
    made = []
    first = open_cohort(table, tmp_path / "cache")
    before = prepared(first, made)[3].arrays["spines"]
    cord = table.parent / "case-03" / "cord.nii.gz"
    image = nib.load(cord)
    nib.save(nib.Nifti1Image(np.roll(np.asarray(image.dataobj), 3, axis=1).astype(np.uint8), image.affine), cord)
    again = open_cohort(table, tmp_path / "cache")
    after = prepared(again, made)[3].arrays["spines"]
    assert again.sha256 == first.sha256
    assert len(made) == 20
    assert not np.array_equal(before, after)


def test_a_file_that_goes_missing_in_the_middle_is_told_with_its_case(table, tmp_path):
    opened = open_cohort(table, tmp_path / "cache")
    (table.parent / "case-06" / "t2.nii.gz").unlink()
    with pytest.raises(TrainingError, match=r"^case-06: t2\.nii\.gz: there is no such file"):
        prepared(opened)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["cohort.json"]


def test_a_missing_file_is_told_before_anything_begins(table, tmp_path):
    (table.parent / "case-06" / "mask.nii.gz").unlink()
    with pytest.raises(CohortError, match="case-06"):
        open_cohort(table, tmp_path / "cache")


def test_an_empty_split_is_told(small_cohort, tmp_path):
    table = small_cohort((MS, "train"), (NMOSD, "test"))
    opened = open_cohort(table, tmp_path / "cache")
    with pytest.raises(TrainingError, match=r"cohort\.csv: the split validation has no case with a lesion; put some"):
        cases_by_split(opened.cohort, healthy=True)


def test_the_healthy_alone_do_not_make_a_split(small_cohort, tmp_path):
    table = small_cohort((MS, "train"), (None, "validation"))
    with pytest.raises(TrainingError, match="the split validation has no case with a lesion"):
        cases_by_split(open_cohort(table, tmp_path / "cache").cohort, healthy=True)


def test_the_test_set_is_left_alone_and_the_healthy_are_for_the_segmenter(cohort_table, tmp_path, shared_cache):
    cohort = open_cohort(cohort_table, shared_cache).cohort
    both, ill = (cases_by_split(cohort, healthy=healthy) for healthy in (True, False))
    assert {split.value: len(cases) for split, cases in both.items()} == {"train": 10, "validation": 5}
    assert {split.value: len(cases) for split, cases in ill.items()} == {"train": 8, "validation": 4}


def test_a_record_counts_the_cases(cohort_table, shared_cache):
    opened = open_cohort(cohort_table, shared_cache)
    found = opened.record(cases_by_split(opened.cohort, healthy=True))
    assert found["file"] == "cohort.csv"
    assert found["hash"] == opened.sha256
    assert found["cases"]["train"] == dict.fromkeys(["astrocytoma", "ependymoma", "healthy", "ms", "nmosd"], 2)
    assert found["simulated"] == 0


def test_a_record_counts_the_simulated_cases_that_are_used(cohort_table, shared_cache):
    opened = open_cohort(cohort_table, shared_cache)
    used = cases_by_split(opened.cohort, healthy=True)
    scanners = ["Simulated", "simulated", None, "Ingenia 3.0T"]
    train = [replace(case, scanner=scanner) for case, scanner in zip(used[Split.TRAIN], scanners, strict=False)]
    found = {Split.TRAIN: train, Split.VALIDATION: used[Split.VALIDATION]}
    assert opened.record(found)["simulated"] == 2
    assert opened.record(found, only=[train[0].name])["simulated"] == 1


def test_a_cache_that_cannot_be_made_is_told(cohort_table, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made .* choose another folder with --cache"):
        open_cohort(cohort_table, tmp_path / "file" / "cache")


def test_allowances_reach_the_check_and_the_reading(table, tmp_path):
    for path in (table.parent / "case-00").glob("*.nii.gz"):
        image = nib.load(path)
        header = image.header.copy()
        header["qform_code"] = header["sform_code"] = 0
        nib.save(nib.Nifti1Image(np.asarray(image.dataobj), None, header), path)
    with pytest.raises(CohortError, match="add --assume-orientation"):
        open_cohort(table, tmp_path / "cache")
    opened = open_cohort(table, tmp_path / "cache", assume_orientation=True)
    assert prepared(opened)[0].facts["name"] == "case-00"
    with pytest.raises(CohortError, match="add --assume-orientation"):
        open_cohort(table, tmp_path / "cache")  # what was allowed once is not allowed for ever
