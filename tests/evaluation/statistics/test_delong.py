"""Areas and their covariance by hand, and by DeLong's own sums over all pairs of cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from spinal_tf.evaluation.statistics.delong import area_interval, areas, paired_difference, unpaired_difference
from spinal_tf.evaluation.statistics.intervals import UNKNOWN

cases = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 6)), min_size=4, max_size=30)


def by_pairs(labels, scores):
    """Areas and covariance as in the article of 1988, with the kernel 1, 1/2 or 0 of each pair."""
    kernels = [(np.sign(row[labels][:, None] - row[~labels]) + 1) / 2 for row in scores]
    of_positive = np.array([kernel.mean(axis=1) for kernel in kernels])
    of_negative = np.array([kernel.mean(axis=0) for kernel in kernels])
    covariance = np.cov(of_positive) / labels.sum() + np.cov(of_negative) / (~labels).sum()
    return [kernel.mean() for kernel in kernels], covariance


def test_an_area_by_hand():
    # Of the pairs (0.8, 0.6), (0.8, 0.2), (0.4, 0.6), (0.4, 0.2) three are in order. V10 = 1, 1/2 and V01 = 1/2, 1,
    # each with variance 1/8.
    found = areas(np.array([True, True, False, False]), np.array([[0.8, 0.4, 0.6, 0.2]]))
    assert found.values == pytest.approx([0.75])
    assert found.covariance == pytest.approx(np.array([[1 / 8 / 2 + 1 / 8 / 2]]))
    interval = area_interval(found)
    assert (interval.low, interval.high) == pytest.approx((0.75 - 1.959964 * math.sqrt(1 / 8), 1))


@given(cases)
def test_the_fast_algorithm_gives_the_sums_over_all_pairs(rows):
    labels, one, other = (np.array(column) for column in zip(*rows, strict=True))
    assume(2 <= labels.sum() <= len(labels) - 2)
    scores = np.stack([one, other]).astype(float)
    found = areas(labels, scores)
    values, covariance = by_pairs(labels, scores)
    assert found.values == pytest.approx(values)
    assert found.covariance == pytest.approx(covariance, abs=1e-12)
    assert found.values[0] == pytest.approx(roc_auc_score(labels, one))


@given(cases)
def test_exchanging_the_classes_changes_nothing_but_the_direction(rows):
    labels, one, other = (np.array(column) for column in zip(*rows, strict=True))
    assume(2 <= labels.sum() <= len(labels) - 2)
    found, turned = areas(labels, np.stack([one, other])), areas(~labels, -np.stack([one, other]))
    assert found.values == pytest.approx(turned.values)
    assert found.covariance == pytest.approx(turned.covariance, abs=1e-12)


def test_two_curves_of_the_same_cases_are_compared_with_their_covariance():
    rng = np.random.default_rng(1)
    labels = np.arange(60) % 2 == 0
    one = labels + rng.normal(size=60)
    other = one + rng.normal(size=60)
    found = areas(labels, np.stack([one, other]))
    values, covariance = by_pairs(labels, np.stack([one, other]))
    error = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    apart = paired_difference(found)
    assert apart.value == pytest.approx(values[0] - values[1])
    assert apart.p == pytest.approx(2 * stats.norm.sf(abs(apart.value) / error))
    assert apart.interval.high - apart.interval.low == pytest.approx(2 * 1.959964 * error)


def test_groups_of_cases_are_independent():
    rng = np.random.default_rng(2)
    labels = np.arange(40) % 2 == 0
    groups = [areas(labels, (labels + rng.normal(size=40))[None]) for _ in range(2)]
    apart = unpaired_difference(*groups)
    error = math.sqrt(groups[0].covariance[0, 0] + groups[1].covariance[0, 0])
    assert apart.p == pytest.approx(2 * stats.norm.sf(abs(apart.value) / error))


def test_the_interval_holds_the_true_area_in_95_of_100_samples():
    rng = np.random.default_rng(3)
    labels, true = np.arange(100) < 50, stats.norm.cdf(1 / math.sqrt(2))
    held = 0
    for _ in range(400):
        interval = area_interval(areas(labels, (labels + rng.normal(size=100))[None]))
        held += interval.low <= true <= interval.high
    assert 0.92 <= held / 400 <= 0.98


def test_what_cannot_be_known_is_not_given():
    alone = areas(np.array([True, True]), np.array([[0.1, 0.2]]))
    assert np.isnan(alone.values).all()
    assert area_interval(alone) == UNKNOWN
    one_of_a_class = areas(np.array([True, False, False]), np.array([[0.3, 0.1, 0.5]]))
    assert one_of_a_class.values == pytest.approx([0.5])
    assert area_interval(one_of_a_class) == UNKNOWN
    apart = areas(np.array([True, True, False, False]), np.array([[3.0, 4, 1, 2]]))
    assert apart.values == pytest.approx([1])
    assert area_interval(apart) == UNKNOWN, "the variance is 0, which does not make the area sure"


def test_equal_curves_have_no_test():
    scores = np.array([0.1, 0.7, 0.4, 0.9, 0.3])
    found = paired_difference(areas(np.array([False, True, False, True, True]), np.stack([scores, scores])))
    assert found.value == 0
    assert math.isnan(found.p)
