"""Evaluations of made-up predictions, and a figure."""

from __future__ import annotations

import base64
import csv

import pytest

from spinal_tf.evaluation.evaluation import evaluate
from spinal_tf.evaluation.evaluation_options import EvaluationOptions, Resampling
from spinal_tf.evaluation.map_check import MapCheck, MapComparison
from spinal_tf.evaluation.prediction_checks import check_predictions
from spinal_tf.evaluation.predictions import CaseSet, zone_column
from spinal_tf.report.study.figure_file import FigureFile
from spinal_tf.taxonomy import tree

FEW = Resampling(resamples=100)
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def plain_row(index):
    """Diagnoses in turn, four validation cases and four test cases in turn, told apart perfectly."""
    diagnosis = list(tree().diagnoses)[index % 4]
    row = {"case": f"c{index}", "split": ("validation", "test")[index // 4 % 2], "diagnosis": diagnosis.value}
    for task in tree().tasks:
        applies = task.applies_to(diagnosis)
        row[f"p_{task.name}"] = f"{0.2 + 0.5 * task.label(diagnosis) + index / 100:.2f}" if applies else ""
    return row


def rich_row(index):
    """Besides: patients, raters who are often wrong, contrast-enhanced scans, sex, age and a site with a tag in it."""
    row = plain_row(index)
    words = ("ms", "nmosd", "astrocytoma")
    with_t1c = {f"{name}_t1c": text for name, text in row.items() if name.startswith("p_")}
    raters = {f"rater_{n}": words[(index + n) % 3] if index % n else row["diagnosis"] for n in (1, 2, 3)}
    marked = {"dice": f"{0.5 + index / 60:.2f}", "reference_volume_ml": "2.0", "volume_ml": "1.5"}
    marked["flagged"] = str(index % 2)
    about = marked | {"patient": f"p{index}", "sex": "fm"[index // 5 % 2], "age_years": str(10 + index)}
    zones = ("core", "lesion", "perilesional")
    applicable = (task for task in tree().tasks if row[f"p_{task.name}"])
    about |= {zone_column(task): "" for task in tree().tasks} | {
        zone_column(task): zones[index % 3] for task in applicable
    }
    return row | about | with_t1c | raters | {"site": "<b>new" if index == 7 else "old"}


@pytest.fixture(scope="session")
def plain_rows():
    """Sixteen cases with no more than probabilities."""
    return [plain_row(index) for index in range(16)]


def write(rows, path):
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, rows[0])
        table.writeheader()
        table.writerows(rows)
    return path


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory):
    """The function that evaluates rows, and another model's."""

    def run(rows, against=None, lesions=None, name="predictions.csv", map_checks=(), **changes):
        folder, options = tmp_path_factory.mktemp("predictions"), EvaluationOptions(resampling=FEW, **changes)
        other = write(against, folder / "other.csv") if against else None
        counted = write(lesions, folder / "lesions.csv") if lesions else None
        checked = check_predictions(write(rows, folder / name), options, other, counted)
        return evaluate(checked, options, map_checks=map_checks)

    return run


@pytest.fixture(scope="session")
def plain(evaluated, plain_rows):
    """The evaluation of probabilities alone."""
    return evaluated(plain_rows)


@pytest.fixture(scope="session")
def full(evaluated):
    """An evaluation with every table filled."""
    rows, others = [rich_row(index) for index in range(24)], [plain_row(index) for index in range(24)]
    volumes = {"reference": "2.0", "predicted": "1.5"}
    lesions = [
        {"case": row["case"], "mask": mask, "volume_ml": volume, "overlap": "0.8", "partner_iou": "0.6"}
        for row in rows
        for mask, volume in volumes.items()
    ]
    compared = MapComparison(spearman=0.25, ssim=0.5, blank=0, tiles=4)
    checks = [MapCheck(task=task, case_set=CaseSet.TEST, cases=[[compared] * 3] * 2) for task in tree().tasks]
    return evaluated(rows, others, lesions, subgroups=("site",), map_checks=checks)


@pytest.fixture
def make_figure(tmp_path):
    """The function that makes a figure of a name."""

    def make(name="roc-test", vector="<svg xmlns='http://www.w3.org/2000/svg'/>", **words):
        svg, png = tmp_path / f"{name}.svg", tmp_path / f"{name}.png"
        svg.write_text(vector)
        png.write_bytes(PIXEL)
        return FigureFile(name=name, **({"title": "Title", "caption": "What is seen"} | words), svg=svg, png=png)

    return make
