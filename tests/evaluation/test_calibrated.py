"""Calibration of each set, with a temperature that only validation chooses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit

from spinal_tf.evaluation.calibrated import calibrations
from spinal_tf.evaluation.evaluation_options import EvaluationOptions, Resampling
from spinal_tf.evaluation.prediction_table import read_predictions
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.scored import score_task
from spinal_tf.evaluation.statistics.calibration import brier, scaled, temperature
from spinal_tf.taxonomy import MS_VS_NMOSD

FEW = Resampling(resamples=200)
OPTIONS = EvaluationOptions(points={"ms_vs_nmosd": 0.5}, resampling=FEW)


@pytest.fixture
def calibrated(write_predictions):
    """The function that calibrates rows, by set."""

    def run(rows):
        task = score_task(read_predictions(write_predictions(rows)), MS_VS_NMOSD, OPTIONS)
        return {pair.scored.case_set: pair for pair in calibrations(task, FEW)}

    return run


def too_sure(count=400, splits=("validation", "test")):
    """Rows whose log odds are three times too large."""
    rng = np.random.default_rng(0)
    odds = rng.normal(size=count)
    positive = rng.random(count) < expit(odds)
    return [
        {
            "case": f"c{index:03}",
            "split": splits[index % len(splits)],
            "diagnosis": "nmosd" if positive[index] else "ms",
            "p_ms_vs_nmosd": f"{expit(3 * odds[index]):.9f}",
        }
        for index in range(count)
    ]


def test_a_temperature_makes_too_sure_probabilities_better(calibrated):
    found = calibrated(too_sure())[CaseSet.TEST]
    assert found.temperature == pytest.approx(3, rel=0.35)
    assert found.after.brier < found.before.brier - 0.02
    assert found.after.ece < found.before.ece - 0.05
    assert found.before.brier == pytest.approx(brier(found.scored.labels, found.scored.scores))
    assert found.after.brier == pytest.approx(
        brier(found.scored.labels, scaled(found.scored.scores, found.temperature))
    )
    for state in (found.before, found.after):
        assert state.bootstrap.low < state.brier < state.bootstrap.high
        assert len(state.curve) == 99


def test_validation_chooses_the_temperature_and_is_not_judged_with_it(calibrated):
    rows = too_sure()
    found = calibrated(rows)
    validation = found[CaseSet.VALIDATION]
    assert validation.after is None
    assert validation.temperature == temperature(validation.scored.labels, validation.scored.scores)
    for row in rows:
        row["p_ms_vs_nmosd"] = "0.5" if row["split"] == "test" else row["p_ms_vs_nmosd"]
    assert calibrated(rows)[CaseSet.TEST].temperature == found[CaseSet.TEST].temperature


def test_without_validation_there_is_no_temperature(calibrated):
    found = calibrated(too_sure(splits=("test",)))
    assert list(found) == [CaseSet.TEST]
    assert math.isnan(found[CaseSet.TEST].temperature)
    assert found[CaseSet.TEST].after is None
