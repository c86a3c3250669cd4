"""McNemar's test and Holm's correction by hand and as statsmodels has them."""

from __future__ import annotations

import math
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats import contingency_tables
from statsmodels.stats.multitest import multipletests

from spinal_tf.evaluation.statistics.paired_tests import EXACT_BELOW, holm, mcnemar


def answers(only_first, only_second, both=3, none=2):
    first = [True] * only_first + [False] * only_second + [True] * both + [False] * none
    second = [False] * only_first + [True] * only_second + [True] * both + [False] * none
    return np.array(first), np.array(second)


def test_a_few_discordant_cases_by_hand():
    # 1 of 6: twice (1 + 6) / 64.
    found = mcnemar(*answers(1, 5))
    assert (found.only_first, found.only_second, found.exact) == (1, 5, True)
    assert found.p == pytest.approx(14 / 64)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_that_of_statsmodels(only_first, only_second):
    found = mcnemar(*answers(only_first, only_second))
    assert found.exact == (only_first + only_second < EXACT_BELOW)
    if only_first + only_second:
        table = [[3, only_first], [only_second, 2]]
        expected = contingency_tables.mcnemar(table, exact=found.exact, correction=False).pvalue
        assert found.p == pytest.approx(min(1, expected))


def test_cases_that_both_judge_alike_show_no_difference():
    assert mcnemar(*answers(0, 0)).p == 1
    assert math.isnan(mcnemar(np.array([], bool), np.array([], bool)).p)


def test_holm_by_hand():
    # 3 x 0.01, 2 x 0.02, then not below that before it.
    assert holm([0.02, 0.01, 0.03]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_that_of_statsmodels(values):
    with mock.patch("gc.collect"):  # which it calls each time, and which takes long beside other tests
        expected = multipletests(values, method="holm")[1]
    assert holm(values) == pytest.approx(expected)


def test_a_test_that_was_not_possible_is_none_of_the_family():
    found = holm([0.02, math.nan, 0.01])
    assert math.isnan(found[1])
    assert [found[0], found[2]] == holm([0.02, 0.01])
    assert holm([]) == []
