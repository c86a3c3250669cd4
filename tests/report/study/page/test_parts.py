"""Which rows of which tables are shown, and where."""

from __future__ import annotations

import pytest

from spinal_tf.evaluation.evaluation_rows import TABLES
from spinal_tf.report.study import parts
from spinal_tf.report.study.parts import COMPARISONS, MODALITIES, SUBGROUPS, filled, parts_of


def shown(evaluation, *names):
    return list(filled(evaluation, names or list(TABLES)))


def test_every_table_is_shown_and_says_what_it_is(full):
    tables = {part.table for part, _ in shown(full)}
    assert tables == set(TABLES) - {"table2"}
    assert all(part.caption.endswith(".") for part, _ in shown(full))


def test_a_table_that_nobody_named_is_shown_whole_in_a_section_of_its_own(full, monkeypatch):
    def volumes(_):
        """What was measured."""
        yield {"set": "test", "volume_ml": 12.5, "wilson_low": 0.25, "wilson_high": 0.75}

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


def test_masks_have_a_line_for_each_disease_and_measure_of_the_test(full):
    found = {part.table: (part.section, sheet) for part, sheet in shown(full, "masks", "lesion_detection", "triage")}
    assert [section for section, _ in found.values()] == ["Masks", "Masks", "Review of masks"]
    masks = found["masks"][1]
    assert masks.header[:5] == ("Diagnosis", "Cases", "Missed", "Falsely marked", "Measure")
    [dice] = [row for row in masks.rows if (row[0], row[4]) == ("MS", "Dice")]
    # Cases 6, 14 and 22: 0.60, 0.73 and 0.87; the paper's mean Dice of MS is 0.50.
    assert dice[masks.header.index("Median")] == "0.730"
    assert dice[-1] == "0.500"
    triage = found["triage"][1]
    assert triage.rows[0][:3] == ("Tumor", "Flagged", "3/6")
    assert "7/79" in triage.rows[0], "what the paper's readers corrected"


@pytest.mark.parametrize("name", TABLES)
def test_table_2_alone_has_no_part(name):
    assert bool(parts_of(name)) == (name != "table2")
