"""A summary counts what the masks and the table say, and sets it beside the paper."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from spinal_tf.anatomy.found_spine import FoundSpine
from spinal_tf.anatomy.levels import UNKNOWN
from spinal_tf.cohort.case import Level, Split
from spinal_tf.cohort.read_cohort import read_cohort
from spinal_tf.errors import CohortError, VolumeError
from spinal_tf.evaluation.cohort_summary import FEWEST_COMPARED, Measured, summarise, summary_row
from spinal_tf.evaluation.described import MeanSD, MedianIQR, Proportion
from spinal_tf.evaluation.paper.paper_table1 import ROWS, TABLE_1
from spinal_tf.evaluation.summary_text import as_record, as_text
from spinal_tf.taxonomy import ASTROCYTOMA, EPENDYMOMA, MS, NMOSD, tree

LESION_ML = 3 * 8 * 7 * 3.3 * 0.7 * 0.8 / 1000


@pytest.fixture
def summary_of(write_table):
    """The function that summarises a table's rows."""
    return lambda rows: summarise(read_cohort(write_table(rows)))


def row_of(summary, key, split=0):
    [row] = [row for row in summary.splits[split].rows if row.key == key]
    return row


def test_lesions_are_counted_and_measured_on_the_masks(
    write_cohort, summary_of, write_nifti, tmp_path, oblique_affine, lesion
):
    rows = write_cohort(5)
    two = lesion.copy()
    two[5, 2, 2] = True
    write_nifti(tmp_path / "c1/mask.nii.gz", two.astype(np.uint8), oblique_affine, axes="RAS")
    summary = summary_of(rows)
    counts = row_of(summary, "lesion_count").groups
    assert counts[ASTROCYTOMA] == MedianIQR(median=1.5, first=1, third=2, total=2)
    assert counts[MS] == MedianIQR(median=1, first=1, third=1, total=1)
    volume = row_of(summary, "volume_ml").groups
    voxel_ml = 3.3 * 0.7 * 0.8 / 1000
    assert volume[ASTROCYTOMA].mean == pytest.approx(LESION_ML + voxel_ml / 2, rel=1e-5)
    assert volume[ASTROCYTOMA].sd == pytest.approx(voxel_ml / math.sqrt(2), rel=1e-4)
    assert volume[MS].mean == pytest.approx(LESION_ML, rel=1e-5)


def test_facts_are_those_of_the_table_and_unknown_ones_are_left_out(write_cohort, summary_of):
    rows = write_cohort(8)
    facts = {"sex": "female", "age_years": "40", "level": "cervical", "extent_vertebrae": "3", "enhancement": "yes"}
    others = {"sex": "m", "age_years": "30", "level": "lumbar", "extent_vertebrae": "2", "enhancement": "no"}
    unknown = dict.fromkeys(facts, "")
    rows = [row | (facts if n == 0 else others if n == 4 else unknown) for n, row in enumerate(rows)]
    summary = summary_of(rows)
    found = {key: row_of(summary, key).groups for key in ROWS}
    first = {key: groups[ASTROCYTOMA] for key, groups in found.items()}
    for key in ("female", "cervical", "lumbar", "enhancement"):
        assert first[key] == Proportion(count=1, total=2)
    assert first["thoracic"] == Proportion(count=0, total=2)
    assert first["age_years"] == MeanSD(mean=35, sd=pytest.approx(math.sqrt(50)), total=2)
    assert first["extent_vertebrae"].median == 2.5
    for key in ("female", "age_years", "cervical", "extent_vertebrae", "enhancement"):
        assert found[key][MS] is None


def test_healthy_cases_are_counted_apart_and_splits_without_cases_left_out(write_cohort, summary_of):
    rows = write_cohort(6)
    rows[1] |= {"diagnosis": "healthy", "mask": ""}
    rows[4] |= {"split": "test"}
    rows[5] |= {"patient": "p1", "diagnosis": "astrocytoma"}
    train, test = summary_of(rows).splits
    assert (train.split, test.split) == (Split.TRAIN, Split.TEST)
    assert train.cases == {ASTROCYTOMA: 2, EPENDYMOMA: 0, MS: 1, NMOSD: 1}
    assert (train.patients, train.healthy) == (3, 1)


def test_an_image_that_cannot_be_read_is_named_with_its_row(write_cohort, summary_of, tmp_path):
    rows = write_cohort(3)
    (tmp_path / "c2/mask.nii.gz").unlink()
    with pytest.raises(CohortError, match=r"^cohort\.csv: row 3, mask: c2/mask\.nii\.gz: there is no such file in "):
        summary_of(rows)
    (tmp_path / "c1/t2.nii.gz").write_bytes(b"")
    with pytest.raises(CohortError, match=r"^cohort\.csv: row 2, t2: c1/t2\.nii\.gz: is empty.* 2 faults in all"):
        summary_of(rows)


# Levels from images


class Spine:
    """A spine whose every place is at one level."""

    def __init__(self, level, *, ambiguous=False):
        self.level, self.numbering = level, SimpleNamespace(ambiguous=ambiguous)

    def level_of(self, voxels):
        return np.full(len(voxels), self.level)


@pytest.fixture
def filled_from(write_cohort, write_table):
    """The function that summarises four cases with the spine that it is given; two have cells of their own."""

    def summarised(spine, **cells):
        rows = write_cohort(4)
        rows[0] |= {"level": "lumbar", "extent_vertebrae": "7", **cells}
        rows[1] |= {"level": "lumbar"}
        searched = []

        def search(volume):
            searched.append(volume.source)
            return FoundSpine(spine=spine)

        return summarise(read_cohort(write_table(rows)), search=search), searched

    return summarised


def test_images_fill_what_the_table_does_not_say(filled_from):
    summary, searched = filled_from(Spine(10))
    assert len(searched) == 3  # the first case has both cells
    [train] = summary.splits
    assert train.filled == {"level": 2, "extent_vertebrae": 3}
    assert row_of(summary, "thoracic").groups[MS] == Proportion(count=1, total=1)
    assert row_of(summary, "lumbar").groups[EPENDYMOMA] == Proportion(count=1, total=1)
    assert row_of(summary, "extent_vertebrae").groups[ASTROCYTOMA].median == 7
    assert row_of(summary, "extent_vertebrae").groups[EPENDYMOMA].median == 1
    assert "From images: level of 2 cases, extent of 3." in as_text(summary)
    assert as_record(summary)["splits"]["train"]["from_images"] == {"level": 2, "extent_vertebrae": 3}


@pytest.mark.parametrize("spine", [None, Spine(UNKNOWN), Spine(20, ambiguous=True)])
def test_unknown_or_ambiguous_levels_fill_nothing(filled_from, spine):
    summary, _ = filled_from(spine)
    assert summary.splits[0].filled == {"level": 0, "extent_vertebrae": 0}
    assert row_of(summary, "lumbar").groups[MS] is None
    assert row_of(summary, "extent_vertebrae").groups[MS] is None
    assert "mages" not in as_text(summary)


def test_a_scan_on_which_the_search_fails_is_named(write_cohort, write_table):
    def search(volume):
        raise VolumeError(f"{volume.source}: constant intensity")

    with pytest.raises(CohortError, match=r"row 2, t2: c1/t2\.nii\.gz: constant intensity"):
        summarise(read_cohort(write_table(write_cohort(1))), search=search)


# Beside the paper


def measured(case, *, count=1, volume_ml=1.0):
    return Measured(case=case, lesion_count=count, volume_ml=volume_ml)


def groups_like_the_paper(case, split, key):
    """Cases whose numbers in this row are those of the paper, as far as it tells them."""
    groups = {}
    for diagnosis, described in TABLE_1[split][key].groups.items():
        if isinstance(described, Proportion):
            values = [n < described.count for n in range(described.total)]
        elif isinstance(described, MeanSD):
            spread = np.linspace(-1, 1, described.total)
            values = list(described.mean + described.sd * spread / spread.std(ddof=1))
        else:
            marks = np.linspace(0, 1, described.total)
            quartiles = [described.first, described.median, described.third]
            values = list(np.interp(marks, (0.25, 0.5, 0.75), quartiles))
        groups[diagnosis] = [case(key, value) for value in values]
    return groups


@pytest.fixture
def case(write_cohort, write_table):
    """The function that gives a measured case one value of a row."""
    from dataclasses import replace

    [plain] = read_cohort(write_table(write_cohort(1))).cases

    def make(key, value):
        if key == "lesion_count":
            return measured(plain, count=value)
        if key == "volume_ml":
            return measured(plain, volume_ml=value)
        if key == "female":
            return measured(replace(plain, sex="female" if value else "male"))
        if key in ("age_years", "extent_vertebrae", "enhancement"):
            return measured(replace(plain, **{key: value}))
        return measured(replace(plain, level=Level(key) if value else "elsewhere"))

    return make


@pytest.mark.parametrize("key", [key for key in ROWS if key != "female"])
@pytest.mark.parametrize("split", Split)
def test_numbers_like_the_papers_are_not_apart_from_it(case, split, key):
    row = summary_row(key, groups_like_the_paper(case, split, key), TABLE_1[split][key])
    assert min(row.apart.values()) > 0.5


@pytest.mark.parametrize(
    ("key", "value"),
    [("age_years", 60), ("lumbar", True), ("lesion_count", 4), ("extent_vertebrae", 9), ("volume_ml", 40)],
)
def test_numbers_unlike_the_papers_are_apart_from_it(case, key, value):
    groups = {diagnosis: [case(key, value + 0.01 * n) for n in range(20)] for diagnosis in tree().diagnoses}
    row = summary_row(key, groups, TABLE_1[Split.TRAIN][key])
    assert max(row.apart.values()) < 0.01


def test_few_cases_are_not_compared(case):
    groups = {
        diagnosis: [case("volume_ml", 40 + n) for n in range(FEWEST_COMPARED - 1)] for diagnosis in tree().diagnoses
    }
    assert all(
        math.isnan(p) for p in summary_row("volume_ml", groups, TABLE_1[Split.TRAIN]["volume_ml"]).apart.values()
    )


# Text and JSON


def test_a_split_of_healthy_cases_has_no_table(write_cohort, summary_of):
    text = as_text(summary_of([row | {"diagnosis": "healthy"} for row in write_cohort(2)]))
    assert text.splitlines()[2:4] == ["Training: 0 cases with lesion of 0 patients; 2 healthy not shown", ""]
    assert "Female" not in text


def test_text_has_every_row_with_the_papers_below_it(write_cohort, summary_of):
    rows = [row | {"sex": "female"} for row in write_cohort(9)]
    rows[8] |= {"diagnosis": "healthy"}
    text = as_text(summary_of(rows))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 120
    assert lines[2] == "Training: 8 cases with lesion of 8 patients; 1 healthy not shown"
    for label in ROWS.values():
        assert sum(line.startswith(f"{label}  ") for line in lines) == 1
    female = next(number for number, line in enumerate(lines) if line.startswith("Female"))
    assert lines[female].split() == ["Female", "2/2", "(100)", "2/2", "(100)", "2/2", "(100)", "2/2", "(100)", "-", "-"]
    assert lines[female + 1].startswith("  paper  ")
    assert lines[female + 1].endswith("  <.001  chi-squared")
    assert "59/81 (73) ae" in lines[female + 1]
    assert "likely a misprint" not in text


def test_marks_show_which_groups_differ_and_what_is_apart_from_the_paper(write_cohort, summary_of):
    rows = write_cohort(32)
    for row in rows:
        tumor = row["diagnosis"] in ("astrocytoma", "ependymoma")
        row |= {"split": "validation", "sex": "f" if tumor else "m"}
    text = as_text(summary_of(rows))
    female = next(line for line in text.splitlines() if line.startswith("Female"))
    assert "8/8 (100)  " in female
    assert "0/8 (0) ae!" in female
    assert "likely a misprint" in text


def test_record_is_json_with_the_same_numbers(write_cohort, summary_of):
    record = json.loads(json.dumps(as_record(summary_of(write_cohort(8))), allow_nan=False))
    train = record["splits"]["train"]
    assert train["cases"] == dict.fromkeys(("astrocytoma", "ependymoma", "ms", "nmosd"), 2)
    assert list(train["rows"]) == list(ROWS)
    volume = train["rows"]["volume_ml"]
    assert volume["groups"]["ms"]["mean"] == pytest.approx(LESION_ML, rel=1e-5)
    assert volume["paper"]["groups"]["ms"] == {"mean": 1.32, "sd": 1.64, "total": 81}
    assert (volume["test"], volume["paper"]["p"]) == ("ANOVA", "<.001")
    assert train["rows"]["female"]["groups"]["ms"] is None
    assert train["rows"]["female"]["p"] is None
