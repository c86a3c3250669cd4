"""Intervals by hand, as published, and as statsmodels has them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.statistics.intervals import UNKNOWN, Interval, newcombe, normal, percentile, wilson

proportions = st.integers(1, 300).flatmap(
    lambda total: st.builds(Proportion, count=st.integers(0, total), total=st.just(total))
)


def test_wilson_by_hand():
    # z^2 = 3.8415: (0.8 + 0.19207) / 1.38415 -+ 1.95996 / 1.38415 x sqrt(0.016 + 0.0096036).
    found = wilson(Proportion(count=8, total=10))
    assert (found.low, found.high) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)


@given(proportions)
def test_wilson_is_that_of_statsmodels(proportion):
    found = wilson(proportion)
    expected = proportion_confint(proportion.count, proportion.total, method="wilson")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)
    assert 0 <= found.low <= proportion.count / proportion.total <= found.high <= 1


@pytest.mark.parametrize("total", [1, 3, 48, 157])
def test_wilson_reaches_0_and_1_exactly(total):
    assert wilson(Proportion(count=0, total=total)).low == 0
    assert wilson(Proportion(count=total, total=total)).high == 1


def test_newcombe_as_published():
    # Newcombe 1998, Table II, case (a), method 10: 56/70 - 48/80.
    found = newcombe(Proportion(count=56, total=70), Proportion(count=48, total=80))
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@given(proportions, proportions)
def test_newcombe_is_that_of_statsmodels(one, other):
    found = newcombe(one, other)
    expected = confint_proportions_2indep(one.count, one.total, other.count, other.total, method="newcomb")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)


def test_what_is_not_defined_has_no_interval():
    assert wilson(None) == UNKNOWN
    assert newcombe(None, Proportion(count=1, total=2)) == newcombe(Proportion(count=1, total=2), None) == UNKNOWN
    assert normal(0.5, math.nan, low=0, high=1) == normal(1.0, 0.0, low=0, high=1) == UNKNOWN
    assert percentile(np.array([])) == percentile(np.full(9, math.nan)) == UNKNOWN
    assert not UNKNOWN.known


def test_a_normal_interval_ends_where_the_value_does():
    assert normal(0.9, 0.01, low=0, high=1) == Interval(low=pytest.approx(0.9 - 0.1959964), high=1)


def test_percentiles_of_replicates():
    found = percentile(np.arange(1001.0))
    assert (found.low, found.high) == pytest.approx((25, 975))


def test_replicates_that_all_agree_give_no_interval():
    assert percentile(np.ones(1000)) == percentile(np.full(1000, 0.1) + 0.2 - 0.2) == UNKNOWN
    mostly = np.ones(1000)
    mostly[:10] = 0.9
    assert percentile(mostly) == UNKNOWN, "both limits are 1"
    mostly[:30] = 0.9
    assert percentile(mostly).known


def test_few_undefined_replicates_are_left_out_and_many_leave_no_interval():
    replicates = np.arange(1001.0)
    replicates[:50] = math.nan
    assert percentile(replicates).known
    replicates[:51] = math.nan
    assert percentile(replicates) == UNKNOWN
