"""Checklists: that their items are all there, and that a run says no more than it knows."""

from __future__ import annotations

import csv
import dataclasses
from importlib.resources import files

import pytest

from spinal_tf.evaluation.evaluation_options import EvaluationOptions
from spinal_tf.report.study.answers import ANSWERS
from spinal_tf.report.study.checklist import CHECKLISTS, State, checklist_rows, fill_in

CLAIM, TRIPOD = CHECKLISTS

# Parts of each of TRIPOD+AI's 27 items; the others have one.
PARTS = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef", 20: "abc", 23: "ab", 27: "abc"}


def file_rows(checklist):
    text = files("spinal_tf.report.study").joinpath(f"{checklist.name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def answers(checklist, evaluation):
    return {item.number: item for item in fill_in(checklist, evaluation)}


def test_claim_has_its_44_items():
    assert [row["item"] for row in file_rows(CLAIM)] == [str(number) for number in range(1, 45)]


def test_tripod_ai_has_its_27_items_in_52_parts():
    expected = [f"{number}{part}" for number in range(1, 28) for part in PARTS.get(number, [""])]
    assert [row["item"] for row in file_rows(TRIPOD)] == expected
    assert len(expected) == 52


@pytest.mark.parametrize("checklist", CHECKLISTS, ids=lambda one: one.name)
def test_every_item_asks_something_in_a_section(checklist):
    for row in file_rows(checklist):
        assert row["section"]
        assert row["asks"]
        assert bool(row["answer"]) == bool(row["known"])
        assert row["known"] in ("", "run", "partly")
        assert row["known"] != "partly" or row["author"], f"{row['item']} does not say what is left"


def test_every_answer_is_asked_for():
    asked = {row["answer"] for checklist in CHECKLISTS for row in file_rows(checklist)} - {""}
    assert asked == set(ANSWERS)


@pytest.mark.parametrize("checklist", CHECKLISTS, ids=lambda one: one.name)
def test_what_only_an_author_knows_is_left_to_the_author(checklist, full):
    items = fill_in(checklist, full)
    assert all(bool(item.run) == (item.state is not State.AUTHOR) for item in items)
    assert {item.state for item in items} == set(State)


@pytest.mark.parametrize("number", ["5", "11", "16", "33", "34", "44"])
def test_claim_items_that_no_run_can_know(number, full):
    assert answers(CLAIM, full)[number].state is State.AUTHOR


@pytest.mark.parametrize("number", ["17", "18a", "18b", "18c", "18d", "18e", "19", "25"])
def test_tripod_items_that_no_run_can_know(number, full):
    assert answers(TRIPOD, full)[number].state is State.AUTHOR


def test_a_run_with_less_says_less(full, plain):
    rich, poor = answers(CLAIM, full), answers(CLAIM, plain)
    # Raters, a column that names patients, subgroups and scans to compare, Grad-CAM, and warnings.
    assert {n for n in rich if rich[n].state is not poor[n].state} == {"18", "20", "30", "31", "40"}
    rich, poor = answers(TRIPOD, full), answers(TRIPOD, plain)
    assert {n for n in rich if rich[n].state is not poor[n].state} == {"12d", "14", "23b", "26"}


def test_claim_of_a_small_table(full):
    found = answers(CLAIM, full)
    assert found["7"].run == (
        f"predictions.csv, SHA-256 {full.predictions.sha256}. other.csv, SHA-256 {full.against.sha256}. "
        f"lesions.csv, SHA-256 {full.lesions.sha256}."
    )
    assert found["19"].run == (
        "In the table: train 0 cases of 0 patients; validation 12 cases of 12 patients; test 12 cases of 12 patients. "
        "Training cases are not evaluated."
    )
    assert found["20"].run.startswith("Patients: no patient is in two partitions")
    assert found["35"].run.startswith(
        "Validation: Tumor vs demyelinating 12 cases, 6 positive; Astrocytoma vs ependymoma 6 cases, 3 positive; "
    )
    assert "100 bootstrap samples of patients, stratified by class (seed 2022)" in found["29"].run
    assert "Test, Tumor vs demyelinating: sensitivity 100 (6/6) [61, 100]" in found["38"].run
    # Of the test cases 4, 5, 12, 13, 20 and 21 those of zone 0 are 12 and 21, of zone 1 4 and 13, of zone 2 the others.
    assert "Astrocytoma vs ependymoma, lesion core 2/6, whole lesion 2/6, perilesional 2/6, elsewhere 0/6" in (
        found["31"].run
    )
    # Astrocytomas of the test are cases 4, 12 and 20, with a Dice of 0.57, 0.70 and 0.83.
    assert "Test, Dice of the masks, median and quartiles: Astrocytoma 0.70 (0.57, 0.83), Ependymoma" in found["37"].run
    assert found["39"].run.startswith(
        "Called wrong: Tumor vs demyelinating: 0 of the positive and 0 of the negative class, of 12 test cases;"
    )
    # Test cases are 4 to 7, 12 to 15 and 20 to 23: aged 14 to 17, 22 to 25, 30 to 33; 5 to 7 and 15 are male.
    assert found["36"].run.endswith(
        "Test: Astrocytoma 3, Ependymoma 3, MS 3, NMOSD 3; female 8/12 (67); age 23.50 ± 6.92 years (known of 12)."
    )


def test_what_is_missing_is_counted(evaluated, plain_rows):
    rows = [row | {"sex": "f", "age_years": ""} for row in plain_rows]
    rows[0]["p_tumor_vs_demyelinating"] = "none"
    rows[1]["sex"] = ""
    assert answers(CLAIM, evaluated(rows))["12"].run == (
        "Cases without a probability were left out and counted (Tumor vs demyelinating, validation: 1). Without age: "
        "16, without sex: 1 of 16 evaluated cases; they are in no such subgroup. Nothing was imputed."
    )


def test_a_run_without_a_test_quotes_validation(evaluated, plain_rows):
    rows = [row for row in plain_rows if row["split"] == "validation"]
    found = answers(CLAIM, evaluated(rows))
    assert found["38"].run.startswith("Validation, Tumor vs demyelinating: sensitivity")


def test_operating_points_say_where_they_are_from(evaluated, plain_rows):
    chosen = answers(TRIPOD, evaluated(plain_rows))["15"].run
    assert "NMOSD from a probability of 0." in chosen
    assert "chosen by Youden's index on the validation cases" in chosen
    given = answers(TRIPOD, evaluated(plain_rows, point=0.5))["15"].run
    assert "MS vs NMOSD: NMOSD from a probability of 0.500, given by whoever evaluated." in given


def test_without_validation_there_is_no_temperature_to_report(evaluated, plain_rows):
    rows = [row for row in plain_rows if row["split"] == "test"]
    found = answers(TRIPOD, evaluated(rows, point=0.5))
    assert found["12f"].state is found["24"].state is State.AUTHOR


def test_columns_that_divide_cases_are_clusters_but_for_age_and_sex(full):
    assert answers(TRIPOD, full)["12d"].run == "Every number by site: subgroups.csv."
    without = dataclasses.replace(full, options=EvaluationOptions(subgroups=("sex",)))
    assert answers(TRIPOD, without)["12d"].state is State.AUTHOR


def test_rows_for_a_file_carry_the_note(plain):
    items = fill_in(CLAIM, plain)
    rows = checklist_rows(items, note="Simulated.")
    assert len(rows) == 44
    assert {row["note"] for row in rows} == {"Simulated."}
    assert list(rows[0]) == ["item", "section", "asks", "state", "run", "author", "note"]
    assert {row["state"] for row in rows} == {"from this run", "partly", "for the author"}
