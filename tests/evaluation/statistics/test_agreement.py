"""Limits of agreement by hand, and that their intervals hold what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spinal_tf.evaluation.statistics.agreement import limits_of_agreement


def test_limits_by_hand():
    # Mean 2, variance (1 + 0 + 1) / 2 = 1; t of 2 degrees of freedom is 4.3027.
    found = limits_of_agreement(np.array([1.0, 2.0, 3.0]))
    assert (found.total, found.mean) == (3, 2)
    assert (found.low, found.high) == pytest.approx((2 - 1.959964, 2 + 1.959964))
    half = 4.302653 / math.sqrt(3)
    assert (found.mean_interval.low, found.mean_interval.high) == pytest.approx((2 - half, 2 + half))
    half = 4.302653 * math.sqrt(1 / 3 + 1.959964**2 / 4)
    assert found.high_interval.high - found.high == pytest.approx(half)
    assert found.low - found.low_interval.low == pytest.approx(half)


def test_fewer_than_two_have_no_limits():
    one, none = limits_of_agreement(np.array([0.5])), limits_of_agreement(np.array([]))
    assert (one.total, one.mean, none.total) == (1, 0.5, 0)
    assert math.isnan(none.mean)
    assert math.isnan(one.low)
    assert not one.mean_interval.known
    assert not one.high_interval.known


def test_equal_differences_have_limits_without_width():
    found = limits_of_agreement(np.full(5, 0.25))
    assert (found.low, found.mean, found.high) == (0.25, 0.25, 0.25)


def test_about_95_percent_of_limits_lie_in_their_intervals():
    rng = np.random.default_rng(0)
    held = [limits_of_agreement(rng.normal(size=40)).high_interval for _ in range(600)]
    assert np.mean([one.low < 1.959964 < one.high for one in held]) == pytest.approx(0.95, abs=0.03)
