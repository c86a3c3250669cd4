"""Which rows of which tables are shown, and where."""

from __future__ import annotations

import pytest

from spinal_tf.evaluation.evaluation_rows import TABLES
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.statistics.intervals import Interval
from spinal_tf.report.study import table_parts as parts
from spinal_tf.report.study.table_parts import COMPARISONS, MODALITIES, SUBGROUPS, filled, parts_of


def shown(evaluation, *names):
    return list(filled(evaluation, names or list(TABLES)))


def test_every_table_is_shown_and_says_what_it_is(full):
    tables = {part.table for part, _ in shown(full)}
    assert tables == set(TABLES) - {"table2"}
    assert all(part.caption.endswith(".") for part, _ in shown(full))


def test_a_table_that_nobody_named_is_shown_whole_in_a_section_of_its_own(full, monkeypatch):
    def volumes(_):
        """What was measured."""
        yield {"set": CaseSet.TEST, "volume_ml": 12.5, "wilson": Interval(low=0.25, high=0.75)}

    monkeypatch.setattr(parts, "TABLES", {**TABLES, "lesion_volumes": volumes})
    part, sheet = shown(full, *TABLES, "lesion_volumes")[-1]
    assert (part.section, part.caption, part.table) == ("Lesion volumes", "What was measured.", "lesion_volumes")
    assert sheet.header == ("Set", "Volume, mL", "Wilson's interval")
    assert sheet.rows == (("Testing", "12.5", "0.250 to 0.750"),)


def test_tables_without_rows_are_not_shown(plain):
    tables = {part.table for part, _ in shown(plain)}
    assert tables == {"operating_points", "sets", "calibration", "reliability", "decision_curve"}


def test_comparisons_are_parted_by_kind(full):
    found = shown(full, "comparisons")
    assert [part.section for part, _ in found] == [COMPARISONS, COMPARISONS, MODALITIES]
    raters, models, scans = (sheet for _, sheet in found)
    assert {row[raters.header.index("Second")] for row in raters.rows} == {"rater_1", "rater_2", "rater_3"}
    assert {row[models.header.index("Second")] for row in models.rows} == {"other.csv"}
    assert {row[scans.header.index("First")] for row in scans.rows} == {"T2w + T1c"}
    assert "Outside of the task" in raters.header
    assert "Outside of the task" not in scans.header


def test_comparisons_are_of_the_test_and_of_validation_where_there_is_no_test(full, evaluated, plain_rows):
    _, sheet = shown(full, "comparisons")[0]
    assert {row[0] for row in sheet.rows} == {"Testing", "Difficult cases"}
    rows = [row | {"rater_1": row["diagnosis"]} for row in plain_rows if row["split"] == "validation"]
    _, sheet = shown(evaluated(rows), "comparisons")[0]
    assert {row[0] for row in sheet.rows} == {"Validation"}


def test_decision_curves_are_shown_at_tenths_of_the_test_before_scaling(full):
    [(_, sheet)] = shown(full, "decision_curve")
    assert [row[sheet.header.index("Threshold")] for row in sheet.rows] == [f"0.{n}00" for n in range(1, 10)] * 3
    assert "Scaling" not in sheet.header


def test_subgroups_have_their_measures_side_by_side(full):
    part, sheet = shown(full, "subgroups")[0]
    assert part.section == SUBGROUPS
    assert sheet.header == ("Task", "Column", "Group", "Cases", "Accuracy", "Sensitivity", "Specificity", "AUC")
    [new] = [row for row in sheet.rows if row[:3] == ("MS vs NMOSD", "site", "<b>new")]
    # Case 7 is NMOSD, with a probability far above the cut-off; there is no MS beside it.
    assert new[3:] == ("1", "100 (1/1) [21, 100]", "100 (1/1) [21, 100]", "–", "–")


def test_masks_have_a_column_for_each_disease_of_the_test(full):
    found = {part.table: (part.section, sheet) for part, sheet in shown(full, "masks", "lesion_detection", "triage")}
    assert [section for section, _ in found.values()] == ["Masks", "Masks", "Review of masks"]
    masks = found["masks"][1]
    assert masks.header == ("Measure", "Astrocytoma", "Ependymoma", "MS", "NMOSD")
    ms = {row[0]: row[3] for row in masks.rows}
    # Cases 6, 14 and 22: 0.60, 0.73 and 0.87; the paper's mean Dice of MS is 0.50.
    assert ms["Dice"] == "0.73 (0.60, 0.87)"
    assert ms["Dice, mean"].startswith("0.73 [0.")
    assert ms["Dice, mean, paper"] == "0.50"
    lesions = {row[:2]: row[4] for row in found["lesion_detection"][1].rows}
    # One lesion of 2 mL in each of three cases, found.
    assert lesions["Lesions, any overlap", "Recall, %"] == "100"
    assert lesions["Lesions, any overlap", "1-10 mL"] == "3/3 (100); 0.00"
    assert lesions["Lesions, any overlap", "from 10 mL"] == "–; 0.00"
    triage = found["triage"][1]
    assert triage.rows[0][:3] == ("Tumor", "Flagged", "3/6")
    assert "7/79" in triage.rows[0], "what the paper's readers corrected"


def test_healthy_cases_have_a_column_of_what_was_marked_for_nothing(evaluated, plain_rows):
    blank = {name: "" for name in plain_rows[0] if name.startswith("p_")}
    measured = {"reference_volume_ml": "0", "volume_ml": "0.5", "dice": "0"}
    healthy = plain_rows[0] | blank | measured | {"case": "h", "split": "test", "diagnosis": "healthy"}
    ill = [row | {"reference_volume_ml": "1", "volume_ml": "1", "dice": "0.5"} for row in plain_rows]
    [(_, sheet)] = shown(evaluated([*ill, healthy]), "masks")
    assert sheet.header[-1] == "Healthy"
    column = {row[0]: row[-1] for row in sheet.rows}
    assert column == dict.fromkeys(column, "–") | {"Cases": "1", "Marked without a lesion": "1"}
    [(_, alone)] = shown(evaluated([row | dict.fromkeys(measured, "") for row in plain_rows] + [healthy]), "masks")
    assert alone.header == ("Measure", "Healthy")
    assert alone.rows == (("Cases", "1"), ("Marked without a lesion", "1"))


@pytest.mark.parametrize("name", TABLES)
def test_table_2_alone_has_no_part(name):
    assert bool(parts_of(name)) == (name != "table2")
