"""Evaluations to be drawn."""

from __future__ import annotations

import numpy as np
import pytest

from spinal_tf.evaluation.evaluation import evaluate
from spinal_tf.evaluation.evaluation_options import EvaluationOptions, Resampling
from spinal_tf.evaluation.prediction_checks import check_predictions
from spinal_tf.report.study import style
from spinal_tf.taxonomy import tree


def _rows(count=48, splits=("train", "validation", "test", "test"), diagnoses=None, raters=2, seed=0):
    """Rows of all columns that figures are drawn from; diagnoses in turn, the splits in turn after each round."""
    diagnoses, rng = diagnoses or tree().diagnoses, np.random.default_rng(seed)
    made = []
    for index in range(count):
        diagnosis = diagnoses[index % len(diagnoses)]
        row = {
            "case": f"c{index:02}",
            "patient": f"p{index:02}",
            "split": splits[index // len(diagnoses) % len(splits)],
        }
        row |= {"diagnosis": diagnosis.value, "sex": "fm"[index % 2], "age_years": 10 + index % 13}
        for task in tree().tasks:
            odds = 2 * (task.label(diagnosis) - 0.5) if task.applies_to(diagnosis) else 0
            row[f"p_{task.name}"] = f"{1 / (1 + np.exp(-odds - rng.normal())):.3f}"
        row |= {"dice": f"{rng.uniform(0.3, 0.9):.3f}"}
        row |= {"reference_volume_ml": f"{rng.uniform(0.5, 20):.3f}", "volume_ml": f"{rng.uniform(0.5, 20):.3f}"}
        for rater in range(1, raters + 1):
            answer = diagnosis if rng.random() < 0.7 else tree().diagnoses[rng.integers(len(tree().diagnoses))]
            row[f"rater_{rater}"] = answer.value
        made.append(row)
    return made


@pytest.fixture
def rows():
    """The function that makes rows of predictions."""
    return _rows


@pytest.fixture
def evaluated(write_table):
    """The function that evaluates rows, with 100 resamples and the operating points given, or chosen on validation."""

    def run(rows, *, point=0.5, **options):
        chosen = EvaluationOptions(point=point, resampling=Resampling(resamples=100), **options)
        return evaluate(check_predictions(write_table(rows, name="predictions.csv"), chosen), chosen)

    return run


@pytest.fixture
def plain():
    """The look of the figures while a test runs."""
    with style.settings():
        yield
