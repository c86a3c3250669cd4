"""The ROC curve goes through every cut-off, and its band is that of a loop over resamples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from spinal_tf.evaluation.evaluation_options import Resampling
from spinal_tf.evaluation.statistics import bootstrap
from spinal_tf.evaluation.statistics.bootstrap import draws
from spinal_tf.evaluation.statistics.roc import roc_band, roc_curve

FEW = Resampling(resamples=40, seed=3)


def example(cases=30, seed=1, patients=None):
    rng = np.random.default_rng(seed)
    patients = np.arange(cases) if patients is None else np.arange(cases) % patients
    labels = patients % 3 == 0
    return labels, np.round(0.3 * labels + 0.7 * rng.random(cases), 1), patients


def sensitivity_at(rate, false_positive, sensitivity):
    """Of one curve, its upper end where it is vertical."""
    before = max(index for index, value in enumerate(false_positive) if value <= rate + 1e-9)
    if before == len(false_positive) - 1:
        return sensitivity[before]
    share = max(0, rate - false_positive[before]) / (false_positive[before + 1] - false_positive[before])
    return sensitivity[before] + share * (sensitivity[before + 1] - sensitivity[before])


def test_a_curve_by_hand():
    # From above: positive 0.9, negative 0.8, one of each at 0.5, negative 0.1.
    labels = np.array([True, False, True, False, False])
    curve = roc_curve(labels, np.array([0.9, 0.8, 0.5, 0.5, 0.1]))
    assert curve.false_positive_rate == pytest.approx([0, 0, 1 / 3, 2 / 3, 1])
    assert curve.sensitivity == pytest.approx([0, 0.5, 0.5, 1, 1])


@given(seed=st.integers(0, 1000), cases=st.integers(3, 40))
@settings(max_examples=25)
def test_the_area_below_is_the_auc_with_ties_half(seed, cases):
    labels, scores, _ = example(cases=cases, seed=seed)
    curve = roc_curve(labels, scores)
    area = metrics.auc(curve.false_positive_rate, curve.sensitivity)
    assert area == pytest.approx(metrics.roc_auc_score(labels, scores))


@pytest.mark.parametrize("label", [True, False])
def test_a_single_class_has_neither_curve_nor_band(label):
    labels, scores = np.full(4, label), np.arange(4) / 4
    assert roc_curve(labels, scores) is None
    assert roc_band(labels, scores, np.arange(4), FEW) is None


@pytest.mark.parametrize("patients", [None, 12], ids=["a case each", "several cases"])
def test_the_band_is_that_of_a_loop(patients, monkeypatch):
    monkeypatch.setattr(bootstrap, "ELEMENTS_AT_ONCE", 100)  # several blocks
    labels, scores, patients = example(patients=patients)
    rates = np.array([0, 0.05, 0.1, 0.25, 1 / 3, 0.5, 0.95, 1])
    looped = []
    for counts in np.concatenate(list(draws(labels, patients, FEW))):
        false, true, _ = metrics.roc_curve(labels, scores, sample_weight=counts, drop_intermediate=False)
        looped.append([sensitivity_at(rate, false, true) for rate in rates])
    low, high = np.quantile(looped, (0.025, 0.975), axis=0)
    band = roc_band(labels, scores, patients, FEW, false_positive_rates=rates)
    assert band.low == pytest.approx(low)
    assert band.high == pytest.approx(high)


def test_the_band_of_two_and_two_by_hand():
    # Positive 0.9 and 0.3, negative 0.6 and 0.1. At specificity 1 a resample finds the share of its positive draws
    # that lie above its highest negative: 0, 1/2 or 1, each drawn often enough that the limits are 0 and 1.
    labels = np.array([True, True, False, False])
    scores = np.array([0.9, 0.3, 0.6, 0.1])
    band = roc_band(labels, scores, np.arange(4), Resampling(resamples=400), false_positive_rates=np.array([0.0, 1.0]))
    assert list(band.low) == [0, 1]
    assert list(band.high) == [1, 1]


@pytest.mark.parametrize("positive", [5, 9], ids=["separate classes", "one patient of a class"])
def test_resamples_that_say_nothing_give_no_band(positive):
    labels, scores = np.arange(10) >= positive, np.arange(10) / 10
    scores[0] = 0.95 if positive == 9 else 0
    assert roc_curve(labels, scores) is not None
    assert roc_band(labels, scores, np.arange(10), FEW) is None


def test_the_band_never_falls_and_encloses_most_of_the_curve():
    labels, scores, patients = example(cases=90)
    band, curve = roc_band(labels, scores, patients, Resampling(resamples=500)), roc_curve(labels, scores)
    assert (np.diff(band.low) >= -1e-12).all()
    assert (np.diff(band.high) >= -1e-12).all()
    upper = [sensitivity_at(rate, curve.false_positive_rate, curve.sensitivity) for rate in band.false_positive_rate]
    assert (band.low - 1e-9 <= upper).all()
    assert (upper <= band.high + 1e-9).all()
