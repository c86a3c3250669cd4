"""The cohort's facts stand beside what was predicted, and the evaluation reads both."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from spinal_tf.errors import CohortError
from spinal_tf.evaluation.evaluation_options import EvaluationOptions
from spinal_tf.evaluation.lesionwise import LesionwiseScore, MatchedLesion
from spinal_tf.evaluation.prediction_checks import check_predictions
from spinal_tf.prediction.predict_case import CasePrediction, predicted_columns
from spinal_tf.prediction.prediction_files import provisional, read_judged, run_record, write_tables
from spinal_tf.prediction_options import PredictionOptions

SPLITS = ("train", "validation", "test", "test")


@pytest.fixture
def table(write_cohort, write_table):
    """Four cases, one of them for training, with columns that are carried along."""
    rows = write_cohort(4)
    return write_table(
        [
            row | {"split": split, "Site": "north", "scan_date": "2019-03-31", "cord": f"{split}/cord.nii"}
            for row, split in zip(rows, SPLITS, strict=True)
        ]
    )


def predicted(dice):
    spot = MatchedLesion(volume_ml=1, overlap=1, partner_iou=1)
    cells = dict.fromkeys(predicted_columns(), "") | {
        f"p_{name}": "0.5" for name in ("tumor_vs_demyelinating", "ms_vs_nmosd")
    }
    cells |= {"p_astrocytoma_vs_ependymoma": "none", "dice": dice, "volume_ml": "1", "reference_volume_ml": "1"}
    return CasePrediction(cells=cells, lesions=LesionwiseScore(reference=(spot,), predicted=(spot,)))


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_training_cases_and_images_are_left_out(table):
    judged = read_judged(table)
    assert [case.name for case in judged.cases] == ["c2", "c3", "c4"]
    assert judged.columns == ("case", "patient", "diagnosis", "split", "site", "scan_date")
    assert judged.facts["c3"]["site"] == "north"


def test_cases_keep_their_order_and_those_not_yet_done_are_left_out(table, tmp_path):
    judged = read_judged(table)
    found = {"c4": predicted("0.5"), "c2": predicted("1")}
    predictions, lesions = write_tables(tmp_path, judged, found, {}, {}, overwrite=False)
    assert [(row["case"], row["dice"], row["problem"]) for row in rows_of(predictions)] == [
        ("c2", "1", ""),
        ("c4", "0.5", ""),
    ]
    assert [(row["case"], row["mask"]) for row in rows_of(lesions)] == [
        (name, mask) for name in ("c2", "c4") for mask in ("reference", "predicted")
    ]


def test_level_and_extent_come_from_the_image_where_the_table_is_silent(table, tmp_path):
    place = {"level": "thoracic", "extent_vertebrae": "3"}
    found = {name: replace(predicted("1"), place=place) for name in ("c2", "c3")} | {"c4": predicted("1")}
    judged = read_judged(table)
    predictions, _ = write_tables(tmp_path, judged, found, {}, {}, overwrite=False)
    rows = [(row["case"], row["level"], row["extent_vertebrae"]) for row in rows_of(predictions)]
    assert rows == [("c2", "thoracic", "3"), ("c3", "thoracic", "3"), ("c4", "", "")]
    filled = run_record(judged, (), PredictionOptions(), found, {})["from_images"]
    assert filled == {"level": 2, "extent_vertebrae": 2}


def test_level_and_extent_of_the_table_are_kept(table, tmp_path):
    table.write_text(table.read_text().replace("Site", "Level").replace("north", "lumbar"))
    found = {"c2": replace(predicted("1"), place={"level": "thoracic", "extent_vertebrae": "3"})}
    judged = read_judged(table)
    predictions, _ = write_tables(tmp_path, judged, found, {}, {}, overwrite=False)
    [row] = rows_of(predictions)
    assert (row["level"], row["extent_vertebrae"]) == ("lumbar", "3")
    filled = run_record(judged, (), PredictionOptions(), found, {})["from_images"]
    assert filled == {"level": 0, "extent_vertebrae": 1}


def test_a_case_that_failed_has_no_probability_and_says_why(table, tmp_path):
    predictions, _ = write_tables(
        tmp_path, read_judged(table), {}, {"c3": "t2.nii.gz: is empty, sadly"}, {}, overwrite=False
    )
    [row] = rows_of(predictions)
    assert (row["case"], row["p_ms_vs_nmosd"], row["dice"], row["flagged"]) == ("c3", "none", "", "")
    assert row["problem"] == "t2.nii.gz: is empty, sadly"


def test_the_evaluation_reads_both_tables_without_fault(table, tmp_path):
    judged = read_judged(table)
    found = {"c2": predicted("nan"), "c4": predicted("inf")}
    predictions, lesions = write_tables(tmp_path, judged, found, {"c3": "broken"}, {}, overwrite=False)
    checked = check_predictions(predictions, EvaluationOptions(point=0.5), lesions=lesions)
    assert [faults for _, faults in checked.faults] == [(), ()]
    assert checked.main.predictions.cases[0].probabilities == {"tumor_vs_demyelinating": 0.5, "ms_vs_nmosd": 0.5}


def test_provisional_tables_have_only_the_faults_of_the_cohort(table, tmp_path):
    judged = read_judged(table)
    predictions, _ = write_tables(tmp_path, judged, provisional(judged), {}, {}, overwrite=False)
    checked = check_predictions(predictions, EvaluationOptions(point=0.5))
    assert [faults for _, faults in checked.faults] == [()]
    assert len(checked.main.predictions.cases) == 3


@pytest.mark.parametrize("column", ["dice", "P_ms_vs_nmosd", "flagged", "problem"])
def test_a_column_that_is_written_here_may_not_be_the_cohorts(table, column):
    table.write_text(table.read_text().replace("Site", column))
    with pytest.raises(
        CohortError, match=rf"cohort\.csv: the column {column.lower()} is one that the evaluation writes"
    ):
        read_judged(table)


def test_a_fault_of_the_cohort_is_told_with_what_lists_them(table):
    table.write_text(table.read_text().replace("nmosd", "nmo"))
    with pytest.raises(CohortError, match=r'row 5, diagnosis: "nmo" is not a diagnosis'):
        read_judged(table)
