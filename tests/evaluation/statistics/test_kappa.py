"""Agreement by hand, as scikit-learn and statsmodels have it, and as published."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

from spinal_tf.evaluation.evaluation_options import Resampling
from spinal_tf.evaluation.statistics.kappa import cohen, fleiss, kappa, kappa_replicates

ratings = st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=2, max_size=30).map(lambda rows: np.array(rows).T)


def once(cases):
    return np.ones((1, cases))


def test_cohen_by_hand():
    # Agree on 3 of 4; shares (1/2, 1/2) and (3/4, 1/4): by chance 1/2. (3/4 - 1/2) / (1 - 1/2).
    assert cohen(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), once(4)) == pytest.approx([0.5])


def test_fleiss_by_hand():
    # Three raters: 3 of 3 pairs agree on the first case, 1 of 3 on the second: 2/3. Shares 4/6 and 2/6: by chance 5/9.
    assert fleiss(np.array([[0, 0], [0, 1], [0, 1]]), once(2)) == pytest.approx([(2 / 3 - 5 / 9) / (4 / 9)])


@given(ratings)
def test_kappas_are_those_of_scikit_learn_and_statsmodels(rated):
    cases = rated.shape[1]
    if len(set(rated[0]) | set(rated[1])) > 1:
        expected = cohen_kappa_score(rated[0], rated[1])
        assert kappa(rated[:2], once(cases)) == pytest.approx([expected])
    table, _ = inter_rater.aggregate_raters(rated.T)
    if table.shape[1] > 1:
        assert kappa(rated, once(cases)) == pytest.approx([inter_rater.fleiss_kappa(table)])


@given(ratings)
def test_a_case_that_counts_twice_is_as_two_cases(rated):
    cases = rated.shape[1]
    twice = np.concatenate([rated, rated[:, :1]], axis=1)
    counts = once(cases)
    counts[0, 0] = 2
    for raters in (rated[:2], rated):
        expected = kappa(twice[: len(raters)], once(cases + 1))
        assert kappa(raters, counts) == pytest.approx(expected, nan_ok=True)


def test_raters_who_only_know_one_word_have_no_kappa():
    same = np.zeros((3, 5), int)
    assert np.isnan(kappa(same, once(5))).all()
    assert np.isnan(kappa(same[:2], once(5))).all()


def test_resamples_spread_as_the_asymptotic_error_says():
    rng = np.random.default_rng(0)
    one = rng.integers(0, 3, 400)
    other = np.where(rng.random(400) < 0.7, one, rng.integers(0, 3, 400))
    table = np.array([[np.sum((one == a) & (other == b)) for b in range(3)] for a in range(3)])
    found = kappa_replicates(np.stack([one, other]), np.zeros(400), np.arange(400), Resampling())
    assert found.std() == pytest.approx(inter_rater.cohens_kappa(table).std_kappa, rel=0.1)
