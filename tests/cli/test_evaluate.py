"""``spinal-tf evaluate`` from the command line: what it prints and writes, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spinal_tf.evaluation.evaluation_rows import TABLES
from spinal_tf.taxonomy import TASKS, Diagnosis

ROOT = Path(__file__).parents[2]
WITHOUT_TENSORFLOW = """
import sys
from spinal_tf.cli.main import main
try:
    main(["evaluate", *sys.argv[1:]], prog_name="spinal-tf")
except SystemExit as end:
    assert end.code in (0, None), end.code
heavy = {"tensorflow", "keras", "matplotlib", "sklearn"} & set(sys.modules)
assert not heavy, heavy
"""


def rows(count=16):
    made = []
    for index in range(count):
        diagnosis = list(Diagnosis)[index % 4]
        row = {"case": f"c{index}", "split": ("validation", "test")[index // 4 % 2], "diagnosis": diagnosis.value}
        for task in TASKS:
            applies = task.applies_to(diagnosis)
            row[f"p_{task.name}"] = f"{0.2 + 0.5 * task.label(diagnosis) + index / 100}" if applies else ""
        made.append(row)
    return made


@pytest.fixture
def evaluate(run, tmp_path, write_table):
    """The function that evaluates rows with arguments into the folder ``report``."""

    def evaluate(table, *arguments):
        path = write_table(table, name="predictions.csv")
        return run("evaluate", "--predictions", path, "--out", tmp_path / "report", "--resamples", 100, *arguments)

    return evaluate


def record_in(folder):
    return json.loads((folder / "report/metrics.json").read_text(encoding="utf-8"))


def test_tables_are_printed_and_files_written(evaluate, tmp_path, names):
    result = evaluate(rows())
    assert (result.exit_code, result.stderr) == (0, "")
    assert "\nTesting\n" in result.stdout
    assert [line for line in result.stdout.splitlines() if line.startswith("Accuracy")][1].split()[1:3] == [
        "100",
        "(8/8)",
    ]
    assert result.stdout.splitlines()[-1] == str(tmp_path / "report" / f"{list(TABLES)[-1]}.csv")
    assert names(tmp_path / "report")[:3] == ["agreement.csv", "calibration.csv", "comparisons.csv"]
    assert record_in(tmp_path)["options"] == {
        "chosen_on": "validation",
        "subgroups": [],
        "resamples": 100,
        "seed": 2022,
        "confidence_level": 0.95,
        "poor_dice": 0.7,
    }


def test_the_same_seed_writes_the_same(evaluate, tmp_path):
    evaluate(rows(), "--seed", 7)
    first = record_in(tmp_path)
    assert evaluate(rows()[::-1], "--seed", 7, "--overwrite").exit_code == 0
    assert record_in(tmp_path) == first


def test_every_fault_is_listed_and_the_end_is_3(evaluate, tmp_path, write_table):
    table = rows(24)
    table[1]["split"] = "all"
    table[2]["p_ms_vs_nmosd"] = "1.2"
    other = write_table(rows(24)[1:], name="other.csv")
    result = evaluate(table, "--against", other, "--subgroup", "Site")
    assert result.exit_code == 3
    assert [line.split(";")[0] for line in result.stdout.splitlines()] == [
        "predictions.csv: row 1, site: there is no such column to divide by",
        'predictions.csv: row 3, split: "all" is not a split',
        'predictions.csv: row 4, p_ms_vs_nmosd: "1.2" is not a probability',
        'other.csv: row 1, case: "c0", row 2 of predictions.csv, is missing',
    ]
    assert result.stderr == ("spinal-tf: 4 faults, listed above; correct what is wrong and evaluate again\n")
    assert not (tmp_path / "report").exists()


def test_operating_points_are_given_for_all_tasks_or_one(evaluate, tmp_path):
    evaluate(rows(), "--operating-point", "0.4", "--operating-point", "ms_vs_nmosd=0.6")
    points = {row["task"]: (row["value"], row["chosen_on"]) for row in record_in(tmp_path)["operating_points"]}
    assert points == {
        "tumor_vs_demyelinating": (0.4, "given"),
        "astrocytoma_vs_ependymoma": (0.4, "given"),
        "ms_vs_nmosd": (0.6, "given"),
    }


def test_who_chooses_on_the_test_is_warned(evaluate, tmp_path):
    result = evaluate(rows(), "--operating-point", "test")
    assert result.exit_code == 0
    assert "warning: the operating point was to be chosen on the test set, which is reported on" in result.stdout
    tests = [row for row in record_in(tmp_path)["sets"] if row["set"] == "test"]
    assert all(row["cross_fitted"] for row in tests)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("train", '"train" is not an operating point'),
        ("1.5", '"1.5" is not an operating point'),
        ("nan", '"nan" is not an operating point'),
        ("ms=0.5", 'no task is called "ms"; the tasks are tumor_vs_demyelinating, '),
        ("ms_vs_nmosd=", '"" is not an operating point'),
    ],
)
def test_an_operating_point_that_is_none_is_wrong_usage(evaluate, choice, words):
    result = evaluate(rows(), "--operating-point", choice)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


def test_results_that_exist_are_kept(evaluate):
    evaluate(rows())
    result = evaluate(rows())
    assert result.exit_code == 3
    assert "metrics.json: already exists and was kept; add --overwrite" in result.stderr
    assert result.stdout == ""


def test_a_table_that_is_none_is_one_sentence(refused, tmp_path):
    sentence = refused("evaluate", "--predictions", tmp_path / "none.csv", "--out", tmp_path / "report")
    assert sentence.startswith("none.csv: there is no such file in ")


@pytest.mark.slow
def test_nothing_heavy_is_imported(write_table, tmp_path):
    path = write_table(rows(), name="predictions.csv")
    arguments = ["--predictions", str(path), "--out", str(tmp_path / "report"), "--resamples", "100"]
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, *arguments]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300, stdout=subprocess.DEVNULL)
