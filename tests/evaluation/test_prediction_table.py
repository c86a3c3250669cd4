"""Rows become predictions; every fault of the text is found in one pass, with its row and column."""

from __future__ import annotations

import math

import pytest

from spinal_tf.cohort.case import Sex, Split
from spinal_tf.errors import CohortError
from spinal_tf.evaluation.prediction_table import parse_predictions, read_predictions
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.results import Zone
from spinal_tf.taxonomy import MS, MS_VS_NMOSD, NMOSD, tree

REQUIRED = {"case": "c1", "split": "test", "diagnosis": "nmosd", "p_ms_vs_nmosd": "0.75"}


def rows(*changes):
    """One row for each dictionary of changes to a sound row; cases are numbered."""
    return [REQUIRED | {"case": f"c{number}"} | change for number, change in enumerate(changes, start=1)]


@pytest.fixture
def read(write_predictions):
    """The function that reads rows."""
    return lambda table: read_predictions(write_predictions(table))


@pytest.fixture
def faults(write_predictions):
    """The function that lists the faults of rows."""
    return lambda table: [str(fault) for fault in parse_predictions(write_predictions(table)).faults]


def test_required_columns_are_enough(read):
    predictions = read(rows({}))
    [case] = predictions.cases
    assert (case.name, case.patient, case.split, case.diagnosis) == ("c1", "c1", Split.TEST, NMOSD)
    assert case.probabilities == {"ms_vs_nmosd": 0.75}
    assert (case.stated_difficult, case.sex, case.age_years) == (None, None, None)
    assert (case.raters, case.with_t1c, case.overlap, case.zones) == ({}, {}, {}, {})
    assert (case.flagged, case.mask_provenance) == (None, None)
    assert predictions.tasks == (MS_VS_NMOSD,)
    assert predictions.raters == ()


def test_every_column_is_read_and_others_are_carried_along(read):
    cells = {
        "patient": "p",
        "Difficult": "1",
        "sex": "F",
        "age_years": "17,5",
        "p_tumor_vs_demyelinating": "1",
        "p_astrocytoma_vs_ependymoma": "",
        "p_ms_vs_nmosd_t1c": "0",
        "rater_1": "MS",
        "rater_2": "nmosd",
        "rater_3": "",
        "dice": "0.5",
        "hd95_mm": "inf",
        "iou": "nan",
        "flagged": "1",
        "mask_provenance": "Reviewed",
        "gradcam_tumor_vs_demyelinating": "Core",
        "gradcam_astrocytoma_vs_ependymoma": "",
        "gradcam_ms_vs_nmosd": "none",
        "Site": "north; old",
    }
    predictions = read(rows(cells))
    [case] = predictions.cases
    assert (case.patient, case.stated_difficult, case.sex, case.age_years) == ("p", True, Sex.FEMALE, 17.5)
    assert case.probabilities == {"tumor_vs_demyelinating": 1.0, "ms_vs_nmosd": 0.75}
    assert case.with_t1c == {"ms_vs_nmosd": 0.0}
    assert case.raters == {"rater_1": MS, "rater_2": NMOSD, "rater_3": None}
    assert (case.overlap["dice"], case.overlap["hd95_mm"]) == (0.5, math.inf)
    assert math.isnan(case.overlap["iou"])
    assert (case.flagged, case.mask_provenance) == (True, "reviewed")
    assert case.zones == {"tumor_vs_demyelinating": Zone.CORE, "ms_vs_nmosd": Zone.NONE}
    assert case.cells["site"] == "north; old"
    assert predictions.tasks == tree().tasks
    assert predictions.raters == ("rater_1", "rater_2", "rater_3")


@pytest.mark.parametrize(
    ("column", "text", "words"),
    [
        ("case", "", "is empty; fill it"),
        ("patient", "", "is empty; fill it"),
        ("split", "all", '"all" is not a split; write train, validation or test'),
        ("diagnosis", "", "is empty; fill it"),
        ("diagnosis", "glioma", '"glioma" is not a diagnosis'),
        ("p_ms_vs_nmosd", "1.01", '"1.01" is not a probability; write a number from 0 to 1'),
        ("p_ms_vs_nmosd", "-0.1", '"-0.1" is not a probability'),
        ("p_ms_vs_nmosd", "nan", '"nan" is not a probability'),
        ("p_ms_vs_nmosd", "high", '"high" is not a probability'),
        ("p_ms_vs_nmosd", "", "is empty, and the task applies to this case; give the probability, or write none"),
        ("p_tumor_vs_demyelinating_t1c", "2", '"2" is not a probability'),
        ("difficult", "2", '"2" is not an answer'),
        ("age_years", "old", '"old" is not an age'),
        ("rater_1", "healthy", '"healthy" is not a rater\'s diagnosis'),
        (
            "gradcam_ms_vs_nmosd",
            "rim",
            '"rim" is not a zone of activation; write core, lesion, perilesional, elsewhere or none',
        ),
        ("dice", "good", '"good" is not a number'),
        ("flagged", "maybe", '"maybe" is not an answer'),
        ("mask_provenance", "drawn", '"drawn" is not a way a mask came about; write automatic or reviewed'),
    ],
)
def test_a_bad_cell_is_one_fault_with_its_place(faults, column, text, words):
    sound = {"patient": "p1", column: REQUIRED.get(column, "")}
    if column == "patient":
        sound = {"patient": "p1"}
    [fault] = faults(rows(sound, {"patient": "p2", column: text}))
    assert fault.startswith(f"row 3, {column}: {words}")


def test_all_faults_are_found_in_one_pass_by_row_then_column(faults):
    found = faults(rows({"p_ms_vs_nmosd": "2", "split": "x"}, {}, {"case": "c2", "diagnosis": "x"}))
    assert [fault.split(":")[0] for fault in found] == [
        "row 2, split",
        "row 2, p_ms_vs_nmosd",
        "row 4, case",
        "row 4, diagnosis",
    ]


@pytest.mark.parametrize("cells", [{"split": "train"}, {"diagnosis": "astrocytoma"}, {"diagnosis": "healthy"}])
def test_a_probability_that_nothing_asks_for_may_be_left_out(read, cells):
    assert read(rows({}, {"p_ms_vs_nmosd": ""} | cells)).cases[1].probabilities == {}


def test_a_probability_that_there_is_none_of_is_said_so(read):
    assert read(rows({}, {"p_ms_vs_nmosd": "None"})).cases[1].probabilities == {}


@pytest.mark.parametrize("column", ["split", "diagnosis"])
def test_a_patient_is_in_one_split_with_one_diagnosis(faults, column):
    other = {"split": "validation", "diagnosis": "ms"}[column]
    [fault] = faults(rows({"patient": "p"}, {"patient": "p", column: other}))
    assert fault.startswith(f"row 3, {column}: patient p is {other} here and {REQUIRED[column]} in row 2; ")


def test_a_misspelt_required_column_is_told_once_with_the_nearest_name(faults):
    table = [{"case_id" if name == "case" else name: text for name, text in row.items()} for row in rows({})]
    assert faults(table) == ['row 1, case: there is no such column; rename "case_id" if that is meant']
    table = [{name: text for name, text in row.items() if name != "split"} for row in rows({})]
    assert faults(table) == ["row 1, split: there is no such column; the table has case, diagnosis, p_ms_vs_nmosd"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("dificult", "difficult"),
        ("patients", "patient"),
        ("rater1", "rater_1"),
        ("p_tumour_vs_demyelinating", "p_tumor_vs_demyelinating"),
        ("nsd_1_mm", "nsd_1mm"),
        ("grad_cam_ms_vs_nmosd", "gradcam_ms_vs_nmosd"),
    ],
)
def test_a_misspelt_column_is_told_with_the_nearest_name(faults, written, meant):
    assert faults(rows({written: "1"})) == [
        f'row 1, {written}: is not a known column; rename it "{meant}" if that is meant, or else less like it'
    ]


@pytest.mark.parametrize("name", ["site", "p_ms_vs_nmosd_v2", "split_old", "remark", "scan_date"])
def test_other_columns_are_no_misspelling(faults, name):
    assert faults(rows({name: "x"})) == []


def test_a_table_without_probabilities_is_refused(faults):
    table = [{name: text for name, text in row.items() if not name.startswith("p_")} for row in rows({})]
    [fault] = faults(table)
    assert fault.startswith("row 1: there is no column of probabilities; add at least one of p_tumor_vs_demyelinating,")


def test_the_first_fault_is_raised_with_the_number_of_all(read):
    with pytest.raises(CohortError, match=r"^predictions\.csv: row 2, split: .*; 2 faults in all, spinal-tf evaluate"):
        read(rows({"split": "x"}, {"diagnosis": "x"}))


# Difficult cases


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"difficult": "yes", "rater_1": "ms", "rater_2": "ms"}, True),
        ({"difficult": "no", "rater_1": "ms", "rater_2": "nmosd"}, False),
        ({"difficult": "", "rater_1": "ms", "rater_2": "nmosd"}, True),
        ({"difficult": "", "rater_1": "ms", "rater_2": "ms"}, False),
        ({"difficult": "", "rater_1": "ms", "rater_2": ""}, False),
        ({"rater_1": "ms", "rater_2": "astrocytoma", "rater_3": "ms"}, True),
    ],
)
def test_what_the_table_says_of_difficulty_comes_before_what_raters_show(read, cells, expected):
    [case] = read(rows(cells)).cases
    assert case.difficult is expected


def test_sets_are_splits_and_the_difficult_cases_of_the_test(read):
    predictions = read(
        rows(
            {"split": "train", "difficult": "1"},
            {"split": "validation", "difficult": "1"},
            {"difficult": "1"},
            {"difficult": "0"},
        )
    )
    named = {case_set: [case.name for case in predictions.of_set(case_set)] for case_set in CaseSet}
    assert named == {CaseSet.VALIDATION: ["c2"], CaseSet.TEST: ["c3", "c4"], CaseSet.DIFFICULT: ["c3"]}
