"""Rows become cases; every cell that cannot be read is a fault with its row and column."""

from __future__ import annotations

from datetime import date

import pytest

from spinal_tf.cohort.case import Level, Sex, Split
from spinal_tf.cohort.cells import REQUIRED_COLUMNS, known_columns
from spinal_tf.cohort.read_cohort import parse_table, read_cohort
from spinal_tf.errors import CohortError
from spinal_tf.taxonomy import MS, NMOSD

REQUIRED = {
    "case": "c1",
    "patient": "p1",
    "t2": "c1/t2.nii.gz",
    "mask": "c1/mask.nii.gz",
    "diagnosis": "ms",
    "split": "train",
}


def rows(*changes):
    """One row for each dictionary of changes to a sound row; case and patient are numbered."""
    return [REQUIRED | {"case": f"c{n}", "patient": f"p{n}"} | change for n, change in enumerate(changes, start=1)]


def faults(path, **options):
    return [str(fault) for fault in parse_table(path, **options).faults]


def test_required_columns_are_enough(write_table, tmp_path):
    [case] = read_cohort(write_table(rows({}))).cases
    assert (case.name, case.patient, case.diagnosis, case.split) == ("c1", "p1", MS, Split.TRAIN)
    assert (case.t2, case.mask) == (tmp_path / "c1/t2.nii.gz", tmp_path / "c1/mask.nii.gz")
    optional = (case.t1c, case.sex, case.age_years, case.scan_date, case.difficult, case.scanner)
    assert optional == (None,) * 6
    assert (case.row, case.raters, case.extra) == (2, {}, {})


def test_every_column_is_read(write_table, tmp_path):
    cells = {
        "t1c": "/abs/t1c.nii",
        "sex": "F",
        "age_years": "34.5",
        "scan_date": "2019-03-31",
        "difficult": "Yes",
        "rater_1": "NMOSD",
        "rater_2": "",
        "scanner": "Trio",
        "field_strength": "3 T",
        "level": "Cervical-Thoracic",
        "extent_vertebrae": "2.5",
        "enhancement": "no",
        "Remark": "left; arm",
        "rater_x": "?",
    }
    [case] = read_cohort(write_table(rows(cells))).cases
    assert str(case.t1c) == "/abs/t1c.nii"
    assert (case.sex, case.age_years, case.scan_date) == (Sex.FEMALE, 34.5, date(2019, 3, 31))
    assert (case.difficult, case.enhancement) == (True, False)
    assert case.raters == {"rater_1": NMOSD, "rater_2": None}
    assert (case.scanner, case.field_strength_t) == ("Trio", 3.0)
    assert (case.level, case.extent_vertebrae) == (Level.CERVICAL_THORACIC, 2.5)
    assert case.extra == {"remark": "left; arm", "rater_x": "?"}


def test_a_decimal_comma_is_read(write_table):
    path = write_table(rows({"age_years": "34,5"}), delimiter=";")
    assert read_cohort(path).cases[0].age_years == 34.5


def test_a_healthy_case_needs_no_mask_and_has_no_diagnosis(write_table):
    [case] = read_cohort(write_table(rows({"diagnosis": "Healthy", "mask": ""}))).cases
    assert (case.diagnosis, case.mask) == (None, None)


@pytest.mark.parametrize(
    ("column", "text", "words"),
    [
        ("case", "", "is empty; fill it"),
        ("case", "a/b", '"a/b" cannot name files'),
        ("case", ".a", '".a" cannot name files'),
        ("patient", "", "is empty; fill it"),
        ("t2", "", "is empty; fill it"),
        ("t2", "c1\\t2.nii", "has backslashes; write / between folders"),
        ("mask", "", "is empty; name the lesion mask, or give the diagnosis healthy"),
        ("diagnosis", "", "is empty; write astrocytoma, ependymoma, ms, nmosd or healthy"),
        ("diagnosis", "glioma", '"glioma" is not a diagnosis; write astrocytoma, ependymoma, ms, nmosd or healthy'),
        ("split", "", "is empty; write train, validation or test"),
        ("split", "training", '"training" is not a split; write train, validation or test'),
        ("sex", "w", '"w" is not a sex; write female or male'),
        ("age_years", "old", '"old" is not an age in years; write a number from 0 to 120'),
        ("age_years", "-1", '"-1" is not an age'),
        ("age_years", "121", '"121" is not an age'),
        ("age_years", "nan", '"nan" is not an age'),
        ("age_years", "inf", '"inf" is not an age'),
        ("scan_date", "31.03.2019", '"31.03.2019" is not a date; write year, month and day as 2019-03-31'),
        ("scan_date", "20190331", '"20190331" is not a date'),
        ("scan_date", "2019-02-30", '"2019-02-30" is not a day of the calendar'),
        ("scan_date", "2999-01-01", '"2999-01-01" lies in the future'),
        ("scan_date", "1900-01-01", '"1900-01-01" lies before 1980'),
        ("difficult", "maybe", '"maybe" is not an answer; write yes or no'),
        ("rater_1", "healthy", "is not a rater's diagnosis; write astrocytoma, ependymoma, ms or nmosd"),
        ("field_strength", "1500", '"1500" is not a field strength in tesla'),
        ("level", "neck", '"neck" is not a lesion level; write oblongata-cervical, cervical'),
        ("extent_vertebrae", "0", '"0" is not a number of vertebrae'),
        ("enhancement", "ring", '"ring" is not an answer'),
    ],
)
def test_a_bad_cell_is_one_fault_with_its_place(write_table, column, text, words):
    [fault] = faults(write_table(rows({column: ""} if column not in REQUIRED else {}, {column: text})))
    assert fault.startswith(f"row 3, {column}: ")
    assert words in fault


def test_all_faults_are_found_in_one_pass_by_row_then_column(write_table):
    bad = rows({"sex": "x", "split": "x", "patient": ""}, {"sex": "", "diagnosis": "x"})
    assert [fault.split(":")[0] for fault in faults(write_table(bad))] == [
        "row 2, patient",
        "row 2, split",
        "row 2, sex",
        "row 3, diagnosis",
    ]


@pytest.mark.parametrize("column", REQUIRED_COLUMNS)
def test_a_missing_column_is_one_fault_and_the_rest_is_checked_still(write_table, column):
    table = [{name: text for name, text in row.items() if name != column} for row in rows({"sex": "x"}, {"sex": ""})]
    there = ", ".join(table[0])
    assert faults(write_table(table)) == [
        f"row 1, {column}: there is no such column; the table has {there}",
        'row 2, sex: "x" is not a sex; write female or male',
    ]


def test_a_doubled_case_name_is_a_fault_of_the_later_row(write_table):
    table = rows({}, {}, {"case": "c1"})
    assert faults(write_table(table)) == ['row 4, case: "c1" is also the name of row 2; give each case its own']


@pytest.mark.parametrize(
    ("column", "first", "second"), [("split", "train", "test"), ("diagnosis", "ms", "nmosd"), ("sex", "female", "male")]
)
def test_a_patient_is_in_one_split_with_one_diagnosis_and_one_sex(write_table, column, first, second):
    table = rows({"sex": "", column: first}, {"sex": ""}, {"sex": "", column: second, "patient": "p1"})
    [fault] = faults(write_table(table))
    assert fault.startswith(f"row 4, {column}: patient p1 is {second} here and {first} in row 2; ")


def test_other_words_for_the_same_are_no_contradiction(write_table):
    table = rows(
        {"sex": "F", "diagnosis": "MS"}, {"sex": "female", "diagnosis": "healthy", "patient": "p1", "mask": ""}
    )
    assert faults(write_table(table)) == []


def test_one_fault_is_named_and_several_are_counted(write_table):
    with pytest.raises(CohortError, match=r'^cohort\.csv: row 2, split: "x" is not a split; write [^;]*$'):
        read_cohort(write_table(rows({"split": "x"})))
    with pytest.raises(CohortError, match=r"2 faults in all, spinal-tf cohort check lists them$"):
        read_cohort(write_table(rows({"split": "x", "diagnosis": "x"})))


def test_a_table_without_split_is_read_where_none_is_needed(write_table):
    table = [{name: text for name, text in row.items() if name != "split"} for row in rows({})]
    assert read_cohort(write_table(table), need_split=False).cases[0].split is None
    assert faults(write_table(rows({"split": ""})), need_split=False) == []


def test_of_split_keeps_the_order_and_the_healthy(write_table):
    table = rows({"split": "test"}, {}, {"diagnosis": "healthy", "mask": ""}, {"split": "validation"})
    cohort = read_cohort(write_table(table))
    assert [case.name for case in cohort.of_split(Split.TRAIN)] == ["c2", "c3"]
    assert sum(len(cohort.of_split(split)) for split in Split) == len(cohort.cases)


def test_the_schema_is_documented(pytestconfig):
    page = (pytestconfig.rootpath / "docs" / "cohort.md").read_text(encoding="utf-8")
    schema = page.split("## The table", 1)[1].split("\n## ", 1)[0]
    documented = [line.split("`")[1] for line in schema.splitlines() if line.startswith("| `")]
    assert [column for column in documented if column != "rater_1"] == list(known_columns())
    needed = {line.split("`")[1] for line in schema.splitlines() if "| yes" in line}
    assert needed == set(REQUIRED_COLUMNS)
