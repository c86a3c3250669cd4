"""Calibration by hand and as scikit-learn has it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.statistics.calibration import (
    BINS,
    THRESHOLDS,
    brier,
    decision_curve,
    expected_calibration_error,
    reliability,
    scaled,
    temperature,
)

cases = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=50)


def arrays(rows):
    labels, scores = zip(*rows, strict=True)
    return np.array(labels), np.array(scores)


def test_bins_by_hand():
    labels = np.array([False, True, True, True])
    low, high = reliability(labels, np.array([0.12, 0.18, 0.9, 1.0]))
    assert (low.low, low.high, low.predicted) == pytest.approx((0.1, 0.2, 0.15))
    assert low.observed == Proportion(count=1, total=2)
    assert (high.low, high.high, high.predicted) == pytest.approx((0.9, 1.0, 0.95))
    assert high.observed == Proportion(count=2, total=2)
    # Half of the cases 0.35 apart, half 0.05.
    assert expected_calibration_error([low, high]) == pytest.approx(0.2)
    assert math.isnan(expected_calibration_error([]))


def test_the_curve_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    scores = rng.random(500)
    labels = rng.random(500) < scores**2
    observed, predicted = calibration_curve(labels, scores, n_bins=BINS)
    found = reliability(labels, scores)
    assert [one.predicted for one in found] == pytest.approx(predicted)
    assert [one.observed.count / one.observed.total for one in found] == pytest.approx(observed)


@given(cases)
def test_every_case_is_in_one_bin_that_holds_its_score(rows):
    labels, scores = arrays(rows)
    bins = reliability(labels, scores)
    assert sum(one.observed.total for one in bins) == len(rows)
    assert all(one.low - 1e-9 <= one.predicted <= one.high + 1e-9 for one in bins)
    assert 0 <= expected_calibration_error(bins) <= 1


@given(cases)
def test_the_brier_score_is_that_of_scikit_learn(rows):
    labels, scores = arrays(rows)
    assert brier(labels, scores) == pytest.approx(brier_score_loss(labels, scores, pos_label=True))


def test_no_case_has_no_score():
    assert math.isnan(brier(np.array([], bool), np.array([])))


@pytest.mark.parametrize("true", [0.4, 1.0, 2.5])
def test_the_temperature_undoes_a_known_one(true):
    rng = np.random.default_rng(0)
    odds = rng.normal(size=20_000)
    labels = rng.random(20_000) < expit(odds)
    assert temperature(labels, expit(odds * true)) == pytest.approx(true, rel=0.05)
    assert scaled(expit(odds * true), true) == pytest.approx(expit(odds), abs=1e-6)


def test_no_temperature_near_by_is_better():
    rng = np.random.default_rng(1)
    labels = rng.random(80) < 0.4
    scores = np.clip(labels * 0.3 + rng.random(80) * 0.7, 0, 1)
    best = temperature(labels, scores)
    losses = [log_loss(labels, scaled(scores, best * factor)) for factor in (0.98, 1, 1.02)]
    assert losses[1] == min(losses)


def test_scaling_keeps_the_order_and_one_half():
    scores = np.array([0.0, 0.2, 0.5, 0.8, 1.0])
    for value in (0.5, 3.0):
        found = scaled(scores, value)
        assert (np.diff(found) > 0).all()
        assert found[2] == pytest.approx(0.5)
    assert scaled(scores[1:4], 2.0) == pytest.approx(expit(logit(scores[1:4]) / 2))


def test_a_temperature_needs_both_classes_and_ends_at_its_limits():
    scores = np.array([0.1, 0.6, 0.7])
    assert math.isnan(temperature(np.ones(3, bool), scores))
    assert math.isnan(temperature(np.zeros(3, bool), scores))
    assert temperature(np.array([False, True, True]), scores) == pytest.approx(0.01, rel=0.01)
    assert temperature(np.array([True, False, False]), scores) == pytest.approx(100, rel=0.01)


def test_net_benefit_by_hand():
    labels = np.array([True] * 4 + [False] * 6)
    scores = np.array([0.9, 0.8, 0.3, 0.1, 0.7, 0.2, 0.1, 0.1, 0.1, 0.1])
    curve = {point.threshold: point for point in decision_curve(labels, scores)}
    assert tuple(curve) == THRESHOLDS
    # At 0.2: 3 true, 2 false of 10, odds 1/4. Everybody: 4 true, 6 false.
    assert curve[0.2].model == pytest.approx(0.3 - 0.2 / 4)
    assert curve[0.2].everybody == pytest.approx(0.4 - 0.6 / 4)
    assert curve[0.5].model == pytest.approx(0.2 - 0.1)
    assert curve[0.4].everybody == pytest.approx(0)


@given(cases)
def test_no_model_is_better_than_knowing(rows):
    labels, scores = arrays(rows)
    for point in decision_curve(labels, scores):
        assert point.model <= labels.mean() + 1e-9
