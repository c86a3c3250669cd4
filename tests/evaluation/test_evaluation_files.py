"""What is written: a record that keeps its schema, tables that say the same, LaTeX, text; all of it or nothing."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from spinal_tf.errors import OutputError
from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.evaluation import evaluate
from spinal_tf.evaluation.evaluation_files import write_evaluation
from spinal_tf.evaluation.evaluation_options import EvaluationOptions, Resampling
from spinal_tf.evaluation.evaluation_rows import TABLES
from spinal_tf.evaluation.evaluation_text import as_text
from spinal_tf.evaluation.formats import LABELS, percent
from spinal_tf.evaluation.map_check import MapCheck, MapComparison
from spinal_tf.evaluation.paper.paper_table2 import TABLE_2
from spinal_tf.evaluation.prediction_checks import check_predictions
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.statistics.confusion import RATIOS
from spinal_tf.report.study.study_files import latex_tables
from spinal_tf.taxonomy import tree

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/metrics.schema.json").read_text(encoding="utf-8"))
FEW = Resampling(resamples=100)


@pytest.fixture
def evaluated(write_predictions):
    """The function that evaluates rows, and another model's."""

    def run(rows, against=None, lesions=None, map_checks=(), **changes):
        options = EvaluationOptions(resampling=FEW, **changes)
        other = write_predictions(against, name="other.csv") if against else None
        spots = write_predictions(lesions, name="lesions.csv") if lesions else None
        checked = check_predictions(write_predictions(rows), options, other, spots)
        return evaluate(checked, options, map_checks=map_checks)

    return run


def full_rows(some_rows):
    """Rows with raters, scans, subgroups; a class is absent in a subgroup."""
    words = ("ms", "nmosd", "astrocytoma")
    zones = ("lesion", "core", "elsewhere", "none", "")
    return [
        row
        | {f"{name}_t1c": text for name, text in row.items() if name[:2] == "p_"}
        | {f"rater_{rater}": words[(index + rater) % 3] if index % rater else row["diagnosis"] for rater in (1, 2, 3)}
        | {"dice": f"{index / 23:.3f}", "hd95_mm": "inf", "volume_ml": "0.5", "reference_volume_ml": "0"}
        | {"flagged": str(index % 3 % 2)}
        | {name.replace("p_", "gradcam_"): zones[index % 5] for name, text in row.items() if name[:2] == "p_"}
        | {"sex": "fm"[index // 5 % 2], "age_years": str(10 + index), "site": "new" if index == 7 else "old"}
        for index, row in enumerate(some_rows(24))
    ]


@pytest.fixture
def full(evaluated, some_rows):
    """An evaluation with every table filled."""
    rows = full_rows(some_rows)
    spots = [
        {"case": row["case"], "mask": "predicted", "volume_ml": "0.5", "overlap": "0", "partner_iou": "0"}
        for row in rows
    ]
    compared = [
        MapComparison(spearman=0.25, ssim=0.5, blank=0, tiles=4),
        MapComparison(spearman=math.nan, ssim=0.0, blank=4, tiles=4),
    ]
    checks = [
        MapCheck(task=task, case_set=CaseSet.TEST, cases=[[one]])
        for task, one in zip(tree().tasks[:2], compared, strict=True)
    ]
    return evaluated(rows, against=some_rows(24), lesions=spots, map_checks=checks, subgroups=("site",))


@pytest.fixture
def record(full, tmp_path):
    """The record of that as it was written."""
    write_evaluation(full, tmp_path / "report")
    return json.loads((tmp_path / "report/metrics.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)


def faults(record):
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(record)]


def properties(schema):
    """Name and definition of every property at any depth."""
    if isinstance(schema, list):
        schema = dict(enumerate(schema))
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for value in schema.values():
            yield from properties(value)


def test_the_schema_is_one_and_describes_every_field():
    Draft202012Validator.check_schema(SCHEMA)
    fields = list(properties(SCHEMA))
    assert len(fields) > 80
    assert [name for name, definition in fields if not definition.get("description")] == []


def test_a_full_record_keeps_the_schema(record):
    assert faults(record) == []
    assert [name for name in TABLES if not record[name]] == []
    assert record["options"]["subgroups"] == ["site"]
    assert (record["predictions"], record["against"], record["note"]) == ("predictions.csv", "other.csv", "")
    assert record["notice"].startswith("Research use only. Not a medical device.")


def test_the_least_record_keeps_the_schema(evaluated, some_rows, tmp_path):
    rows = [row for row in some_rows() if row["split"] == "test" and row["diagnosis"] == "ms"]
    rows = [{name: row[name] for name in ("case", "split", "diagnosis", "p_ms_vs_nmosd")} for row in rows]
    write_evaluation(evaluated(rows, points={"ms_vs_nmosd": 0.5}), tmp_path / "report")
    record = json.loads((tmp_path / "report/metrics.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert faults(record) == []
    assert record["comparisons"] == record["agreement"] == record["masks"] == record["triage"] == []
    assert (tmp_path / "report/agreement.csv").read_bytes() == b""
    values = {row["measure"]: row["value"] for row in record["table2"]}
    assert (values["sensitivity"], values["specificity"], values["auc"]) == (None, 1, None)


def test_the_record_names_the_tables_by_their_content(evaluated, some_rows, tmp_path):
    write_evaluation(evaluated(some_rows()), tmp_path / "report", note="Simulated.")
    record = json.loads((tmp_path / "report/metrics.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256((tmp_path / "predictions.csv").read_bytes()).hexdigest()
    assert (record["predictions_sha256"], record["against"], record["against_sha256"]) == (digest, None, None)
    assert (record["lesions"], record["lesions_sha256"]) == (None, None)
    assert record["note"] == "Simulated."
    assert faults(record) == []


@pytest.mark.parametrize(
    ("field", "value"), [("notice", ""), ("table2", None), ("unknown", 1), ("predictions", "/home/x/p.csv")]
)
def test_the_schema_refuses_another_record(record, field, value):
    assert faults({**record, field: value})


def test_tables_say_what_the_record_says(record, tmp_path):
    for name in TABLES:
        with (tmp_path / f"report/{name}.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert len(rows) == len(record[name])
        for written, expected in zip(rows, record[name], strict=True):
            assert written == {key: "" if value is None else str(value) for key, value in expected.items()}


def test_existing_results_are_kept_whole_unless_they_may_be_replaced(full, tmp_path):
    folder = tmp_path / "a" / "report"
    written = write_evaluation(full, folder)
    assert sorted(folder.iterdir()) == sorted(written)
    (folder / "metrics.json").unlink()
    (folder / "table2.csv").write_text("mine")
    with pytest.raises(OutputError, match="already exists and was kept"):
        write_evaluation(full, folder)
    assert not (folder / "metrics.json").exists()
    assert (folder / "table2.csv").read_text() == "mine"
    write_evaluation(full, folder, overwrite=True)
    assert (folder / "table2.csv").read_text().startswith("set,task,")


def test_other_files_are_written_with_the_rest_or_not_at_all(full, tmp_path):
    def fail(_):
        raise OutputError("no")

    written = write_evaluation(full, tmp_path / "a", others={"more.txt": lambda path: path.write_text("more")})
    assert (tmp_path / "a" / "more.txt").read_text() == "more"
    assert written[-1] == tmp_path / "a" / "more.txt"
    with pytest.raises(OutputError, match="no"):
        write_evaluation(full, tmp_path / "b", others={"more.txt": fail})
    assert list((tmp_path / "b").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_sentence(full, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file/report: cannot be made \(Not a directory\); choose another folder"):
        write_evaluation(full, tmp_path / "file" / "report")


# Text and LaTeX


def cells_of(text, title, label):
    """Cells of the first line with a label below a title, and those of the paper's line below it."""
    lines = text.split(f"\n{title}\n", 1)[1].splitlines()
    index = next(index for index, line in enumerate(lines) if line.startswith(label))
    return [re.split(r" {2,}", line.strip()) for line in lines[index : index + 2]]


def test_the_papers_percentages_are_printed_and_so_are_the_papers_own(evaluated, paper_rows):
    text = as_text(evaluated(paper_rows))
    for case_set, columns in TABLE_2.items():
        for name in RATIOS:
            ours, paper = cells_of(text, case_set.printed, LABELS[name])
            for column, found, beside in zip(columns.values(), ours[1:], paper[1:], strict=True):
                printed = column.confusion.proportion(name)
                expected = f"{column.percent[name]} ({printed.count}/{printed.total})"
                assert beside == expected
                assert found.startswith(f"{expected} [")
        _, paper = cells_of(text, case_set.printed, "AUC")
        assert paper[1] == f"{columns['tumor_vs_demyelinating'].auc:.2f} " + (
            f"({columns['tumor_vs_demyelinating'].auc_interval.low:.2f}, 1.00)"
        )


def test_lines_of_the_table_fit(evaluated, paper_rows):
    text = as_text(evaluated(paper_rows))
    assert max(map(len, text.splitlines())) <= 120


def test_what_is_not_defined_is_a_dash(evaluated, some_rows):
    rows = [row for row in some_rows() if (row["diagnosis"], row["split"]) != ("nmosd", "test")]
    text = as_text(evaluated(rows))
    assert cells_of(text, "Testing", "Sensitivity")[0][-1] == "-"
    assert cells_of(text, "Testing", "AUC")[0][-1] == "-"
    assert cells_of(text, "Testing", "Specificity")[0][-1].startswith("100 (2/2) [")


def test_a_task_without_probabilities_is_a_column_of_dashes(evaluated, some_rows):
    rows = [{name: text for name, text in row.items() if name != "p_ms_vs_nmosd"} for row in some_rows()]
    evaluation = evaluated(rows)
    assert cells_of(as_text(evaluation), "Testing", "Accuracy")[0][-1] == "-"
    assert r"& \textendash{} & 79 (62/78) \\" in latex_tables(evaluation, note="")["table2"]


def test_every_part_of_an_evaluation_is_shown(full):
    text = as_text(full)
    for title in (
        "Validation",
        "Testing",
        "Difficult cases",
        "The model against raters",
        "The model against another",
        "Without and with contrast-enhanced T1w",
        "Subgroups",
        "Agreement of raters on the diagnoses",
        "Calibration",
        "Where Grad-CAM is mainly active, test: MS vs NMOSD",
        "Masks: validation",
        "Masks: testing",
        "Masks: difficult cases",
        "Triage: do the flags for review find poor masks (Dice below 0.7)?",
    ):
        assert f"\n{title}\n" in text
    for warning in full.warnings:
        assert f"warning: {warning}" in text


def test_what_is_not_known_of_masks_is_not_shown(evaluated, some_rows):
    text = as_text(evaluated(some_rows()))
    assert "Masks" not in text
    assert "Triage" not in text


def test_starred_points_are_explained(evaluated, some_rows):
    assert "\n* Cases of the set that chose" in as_text(evaluated(some_rows()))
    given = {task.name: 0.5 for task in tree().tasks}
    assert "*" not in as_text(evaluated(some_rows(), points=given))


@pytest.mark.parametrize(
    ("count", "total", "shown"),
    [(42, 48, "88 (42/48)"), (1, 8, "13 (1/8)"), (0, 3, "0 (0/3)"), (3, 3, "100 (3/3)"), (62, 78, "79 (62/78)")],
)
def test_percentages_are_rounded_with_halves_up(count, total, shown):
    assert percent(Proportion(count=count, total=total)) == shown


def test_tasks_are_named_as_in_the_paper():
    assert [task.printed for task in tree().tasks] == [
        "Tumor vs demyelinating",
        "Astrocytoma vs ependymoma",
        "MS vs NMOSD",
    ]


def test_latex_has_as_many_cells_in_every_row_and_the_papers_numbers(evaluated, paper_rows):
    latex = latex_tables(evaluated(paper_rows), note="")["table2"]
    rows = [line for line in latex.splitlines() if line.endswith(r"\\")]
    assert {line.count("&") for line in rows[1:]} == {6}
    assert rows[0].count("&") == 3
    assert len(rows) == 2 + 3 * (1 + len(LABELS))
    assert latex.count(r"\begin") == latex.count(r"\end{")
    for columns in TABLE_2.values():
        for column in columns.values():
            accuracy = column.confusion.proportion("accuracy")
            assert f"& {percent(accuracy)}" in latex
    assert not re.search(r"(?<!\\)%", latex), "a percent sign would begin a comment"
