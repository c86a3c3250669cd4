"""What cannot be judged as asked is found together with the faults of the text."""

from __future__ import annotations

import pytest

from spinal_tf.cohort.case import Split
from spinal_tf.errors import CohortError
from spinal_tf.evaluation.evaluation_options import EvaluationOptions
from spinal_tf.evaluation.prediction_checks import MOST_LEVELS, check_predictions

DEFAULT = EvaluationOptions()
GIVEN = EvaluationOptions(point=0.5)


@pytest.fixture
def check(write_predictions):
    """The function that checks rows, and those of another model."""

    def run(rows, options=DEFAULT, against=None):
        other = write_predictions(against, name="other.csv") if against else None
        return check_predictions(write_predictions(rows), options, other)

    return run


def texts(findings):
    return [str(finding) for finding in findings]


def test_a_sound_table_has_no_findings(check, some_rows):
    checked = check(some_rows())
    assert (checked.main.faults, checked.main.warnings, checked.against) == ((), (), None)
    checked.require_sound()


@pytest.mark.parametrize("left", [0, 1])
def test_an_operating_point_needs_two_patients_of_each_class(check, some_rows, left):
    nmosd = [row for row in some_rows() if (row["diagnosis"], row["split"]) == ("nmosd", "validation")]
    rows = [row for row in some_rows() if row not in nmosd[left:]]
    [fault] = texts(check(rows).main.faults)
    assert fault == (
        f"row 1, p_ms_vs_nmosd: the validation split has 2 of ms and {left} of nmosd, but 2 patients of each are "
        "needed to choose an operating point there; add cases, or give one with --operating-point ms_vs_nmosd=0.5"
    )
    assert check(rows, GIVEN).main.faults == ()
    assert check(rows, EvaluationOptions(chosen_on=Split.TEST)).main.faults == ()


def test_two_cases_of_one_patient_are_one_patient(check, some_rows):
    rows = some_rows()
    for row in rows:
        if (row["diagnosis"], row["split"]) == ("nmosd", "validation"):
            row["patient"] = "same"
    [fault] = texts(check(rows).main.faults)
    assert "has 2 of ms and 1 of nmosd" in fault


def test_a_class_absent_in_the_test_is_a_warning(check, some_rows):
    rows = [row for row in some_rows() if (row["diagnosis"], row["split"]) != ("ependymoma", "test")]
    checked = check(rows)
    assert checked.main.faults == ()
    assert texts(checked.main.warnings) == [
        "row 1, p_astrocytoma_vs_ependymoma: no ependymoma case is in the test split; what needs both classes is a dash"
    ]


def test_a_task_without_any_case_is_left_out_with_a_warning(check, some_rows):
    rows = [row for row in some_rows() if row["diagnosis"] in ("ms", "nmosd")]
    checked = check(rows, GIVEN)
    assert checked.main.faults == ()
    assert "row 1, p_astrocytoma_vs_ependymoma: the table has no case" in " ".join(texts(checked.main.warnings))


def test_a_row_with_a_fault_still_counts_as_a_case_of_its_class(check, some_rows):
    rows = some_rows()
    for row in rows:
        row["age_years"] = "x" if row["diagnosis"] == "nmosd" else "40"
    assert {fault.column for fault in check(rows).main.faults} == {"age_years"}


@pytest.mark.parametrize("cells", [{"split": "x"}, {"diagnosis": "x"}])
def test_where_a_case_may_be_of_any_class_none_is_called_absent(check, some_rows, cells):
    rows = [row | (cells if row["diagnosis"] == "nmosd" else {}) for row in some_rows()]
    assert {fault.column for fault in check(rows).main.faults} == set(cells)


def test_a_healthy_case_is_of_no_class(check, some_rows):
    healthy = {"case": "h", "patient": "h", "split": "test", "diagnosis": "healthy"}
    row = dict.fromkeys(some_rows()[0], "") | healthy
    assert check([*some_rows(), row]).main.faults == ()


def test_columns_to_divide_by_must_be_there_and_have_few_values(check, some_rows):
    options = EvaluationOptions(subgroups=("site", "scaner", "case"))
    rows = [row | {"site": "a", "scanner": "b"} for row in some_rows()]
    assert texts(check(rows, options).main.faults) == [
        f"row 1, case: has 16 different values; divide by a column with at most {MOST_LEVELS}",
        "row 1, scaner: there is no such column to divide by; the nearest is scanner",
    ]


def test_an_operating_point_of_a_task_without_column_is_a_fault(check, some_rows):
    rows = [{name: text for name, text in row.items() if name != "p_ms_vs_nmosd"} for row in some_rows()]
    [fault] = texts(check(rows, EvaluationOptions(points={"ms_vs_nmosd": 0.4})).main.faults)
    assert fault == "row 1, p_ms_vs_nmosd: there is no such column, but an operating point was given"


# Another model


def test_the_same_cases_can_be_paired_in_any_order(check, some_rows):
    checked = check(some_rows(), against=some_rows()[::-1])
    assert [table.faults for table in checked.tables] == [(), ()]


def test_cases_that_do_not_pair_are_all_named(check, some_rows):
    other = some_rows(20)[1:]
    other[4] |= {"split": "train"}
    other[6] |= {"diagnosis": "ms"}
    checked = check(some_rows(20)[:16] + [some_rows(20)[16] | {"split": "train"}], against=other)
    assert checked.main.faults == ()
    found = texts(checked.against.faults)
    assert found[0] == 'row 1, case: "c0", row 2 of predictions.csv, is missing; add it'
    assert "row 6, split: is train here and test in row 7 of predictions.csv; correct one of them" in found
    assert "row 8, diagnosis: is ms here and nmosd in row 9 of predictions.csv; correct one of them" in found
    # Case c16 is there, but in training; c17 to c19 are not.
    assert "row 17, split: is validation here and train in row 18 of predictions.csv; correct one of them" in found
    assert [text.split(" is not in")[0] for text in found if "is not in" in text] == [
        f'row {row}, case: "c{row - 1}"' for row in (18, 19, 20)
    ]
    with pytest.raises(CohortError, match=r"^other\.csv: row 1, case: "):
        checked.require_sound()


def test_patients_are_compared_only_where_both_tables_name_them(check, some_rows):
    without = [{name: text for name, text in row.items() if name != "patient"} for row in some_rows()]
    assert check(some_rows(), against=without).against.faults == ()
    assert check(without, against=some_rows()).against.faults == ()
    other = some_rows()
    other[3]["patient"] = "p99"
    [fault] = texts(check(some_rows(), against=other).against.faults)
    assert fault == "row 5, patient: is p99 here and p3 in row 5 of predictions.csv; correct one of them"


def test_tables_without_a_task_in_common_cannot_be_compared(check, some_rows):
    def only(column):
        return [{name: text for name, text in row.items() if name == column or name[:2] != "p_"} for row in some_rows()]

    checked = check(only("p_ms_vs_nmosd"), against=only("p_tumor_vs_demyelinating"))
    assert "row 1: has no task in common with predictions.csv" in texts(checked.against.faults)
