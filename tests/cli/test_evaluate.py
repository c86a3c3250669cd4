"""``spinal-tf evaluate`` from the command line: what it prints and writes, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spinal_tf.report.study.figure_file import FigureFile
from spinal_tf.taxonomy import tree

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
        diagnosis = list(tree().diagnoses)[index % 4]
        row = {"case": f"c{index}", "split": ("validation", "test")[index // 4 % 2], "diagnosis": diagnosis.value}
        for task in tree().tasks:
            applies = task.applies_to(diagnosis)
            row[f"p_{task.name}"] = f"{0.2 + 0.5 * task.label(diagnosis) + index / 100}" if applies else ""
        made.append(row)
    return made


@pytest.fixture
def evaluate(run, tmp_path, write_table):
    """The function that evaluates rows with arguments into the folder ``report``; without figures, which take long."""

    def evaluate(table, *arguments, figures=False):
        path = write_table(table, name="predictions.csv")
        fixed = ["--predictions", path, "--out", tmp_path / "report", "--resamples", 100]
        return run("evaluate", *fixed, *([] if figures else ["--no-figures"]), *arguments)

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
    assert str(tmp_path / "report" / "report.html") in result.stdout.splitlines()
    assert {"claim.csv", "metrics.json", "report.html", "table2.csv", "table2.tex"} < set(names(tmp_path / "report"))
    assert record_in(tmp_path)["options"] == {
        "chosen_on": "validation",
        "subgroups": [],
        "resamples": 100,
        "seed": 2022,
        "confidence_level": 0.95,
        "poor_dice": 0.7,
    }


def test_a_note_stands_wherever_the_numbers_do(evaluate, tmp_path):
    note = "Simulated: says nothing about patients."
    result = evaluate(rows(), "--note", note)
    assert result.stdout.startswith(f"{note}\n\n")
    assert record_in(tmp_path)["note"] == note
    for name in ("report.html", "claim.csv", "tripod-ai.csv", "table2.tex", "sets.tex"):
        assert note in (tmp_path / "report" / name).read_text(encoding="utf-8")


def test_the_same_seed_writes_the_same(evaluate, tmp_path):
    evaluate(rows(), "--seed", 7)
    first = record_in(tmp_path)
    assert evaluate(rows()[::-1], "--seed", 7, "--overwrite").exit_code == 0
    assert record_in(tmp_path) | {"predictions_sha256": ""} == first | {"predictions_sha256": ""}


def test_every_fault_is_listed_and_the_end_is_3(evaluate, tmp_path, write_table):
    table = rows(24)
    table[1]["split"] = "all"
    table[2]["p_ms_vs_nmosd"] = "1.2"
    other = write_table(rows(24)[1:], name="other.csv")
    result = evaluate(table, "--against", other, "--subgroup", "Site")
    assert result.exit_code == 3
    lines = [line.removeprefix(f"{tmp_path}/").split(";")[0] for line in result.stdout.splitlines()]
    assert lines == [
        "predictions.csv: row 1, site: there is no such column to divide by",
        'predictions.csv: row 3, split: "all" is not a split',
        'predictions.csv: row 4, p_ms_vs_nmosd: "1.2" is not a probability',
        'other.csv: row 1, case: "c0", row 2 of predictions.csv, is missing',
    ]
    assert result.stderr == ("spinal-tf: 4 faults, listed above; correct them and evaluate again\n")
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
    assert "warning: the operating point was chosen on the test set, which is also reported" in result.stdout
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


def test_figures_are_drawn_with_the_note(evaluate, tmp_path, names, monkeypatch):
    drawn = {}

    def write(evaluation, out, **options):
        drawn.update(options, out=out)
        path = out / "figures" / "flow"
        path.parent.mkdir(parents=True, exist_ok=True)
        for form, data in ((".svg", b"<svg/>"), (".png", b"png")):
            path.with_suffix(form).write_bytes(data)
        return (
            FigureFile(name="flow", title="", caption="", svg=path.with_suffix(".svg"), png=path.with_suffix(".png")),
        )

    monkeypatch.setattr("spinal_tf.report.study.figures.write_figures", write)
    simulated = [row | {"scanner": "simulated"} for row in rows()]
    result = evaluate(simulated, "--learning-curve", tmp_path / "curve.csv", figures=True)
    assert result.exit_code == 0
    assert drawn == {
        "out": tmp_path / "report",
        "overwrite": False,
        "note": "Simulated cases: these numbers say nothing about patients.",
        "learning_curves": (tmp_path / "curve.csv",),
        "pictures": {},
    }
    assert result.stdout.splitlines()[-1] == f"{tmp_path / 'report/figures'}: 1 figures, each as SVG and as PNG"
    evaluate(simulated, "--note", "Of one scanner.", "--overwrite", figures=True)
    assert drawn["note"] == "Of one scanner."


def test_without_figures_none_of_other_numbers_stay(evaluate, tmp_path, names):
    folder = tmp_path / "report" / "figures"
    folder.mkdir(parents=True)
    for name in ("roc-test.svg", "mine.svg"):
        (folder / name).write_text("old")
    assert evaluate(rows()).exit_code == 0
    assert names(folder) == ["mine.svg", "roc-test.svg"]
    assert evaluate(rows(), "--overwrite").exit_code == 0
    assert names(folder) == ["mine.svg"]


def test_a_curve_to_draw_and_no_figures_is_wrong_usage(evaluate, tmp_path):
    result = evaluate(rows(), "--learning-curve", tmp_path / "curve.csv")
    assert result.exit_code == 2
    assert "--learning-curve and --no-figures exclude each other" in " ".join(result.stderr.split())


def test_a_table_that_is_none_is_one_sentence(refused, tmp_path):
    sentence = refused("evaluate", "--predictions", tmp_path / "none.csv", "--out", tmp_path / "report")
    assert sentence.startswith("none.csv: there is no such file in ")


@pytest.mark.slow
def test_nothing_heavy_is_imported(write_table, tmp_path):
    path = write_table(rows(), name="predictions.csv")
    arguments = ["--predictions", str(path), "--out", str(tmp_path / "report"), "--resamples", "100", "--no-figures"]
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, *arguments]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300, stdout=subprocess.DEVNULL)
