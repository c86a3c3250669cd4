"""The cut-off is Youden's, and no case is called at one that it chose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from spinal_tf.evaluation.statistics.operating_point import calls_at_others_youden, youden

cases = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=40)


@pytest.mark.parametrize(
    ("labels", "scores", "cutoff"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9], 0.7),
        ([0, 1, 0, 1, 1], [0.1, 0.3, 0.4, 0.6, 0.8], 0.6),
        ([0, 1, 1, 0], [0.5, 0.5, 0.9, 0.1], 0.9),  # 0.5 finds both, and calls one of two falsely: as good, but lower
        ([1, 0], [0.1, 0.9], 1.0),  # nothing is better than calling nobody positive
    ],
)
def test_youdens_cut_off_has_the_best_sensitivity_and_specificity(labels, scores, cutoff):
    assert youden(np.array(labels), np.array(scores)) == pytest.approx(cutoff)


@given(cases)
def test_no_other_cut_off_is_better(rows):
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    scores = scores / 20
    assume(0 < labels.sum() < len(labels))
    called = scores >= youden(labels, scores)
    found = called[labels].mean() - called[~labels].mean()
    false_positive, true_positive, _ = roc_curve(labels, scores)
    best = (true_positive - false_positive).max()
    if best > 0:
        assert found == pytest.approx(best)


def example():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3 == 0
    return labels, np.clip(labels * 0.3 + rng.random(60) * 0.7, 0, 1), np.arange(60) // 3 * 3 + labels


def test_a_case_has_no_say_in_its_own_call():
    labels, scores, patients = example()
    calls = calls_at_others_youden(labels, scores, patients, seed=1)
    for index in range(len(labels)):
        moved = scores.copy()
        moved[index] = 1 - moved[index]
        again = calls_at_others_youden(labels, moved, patients, seed=1)
        # Its own call is the old or new score against the same cut-off.
        if moved[index] > scores[index]:
            assert again[index] >= calls[index]
        else:
            assert again[index] <= calls[index]


def test_patients_stay_together():
    # Two cases of a patient, of which one alone would move the cut-off for the other.
    labels = np.array([True, True, True, True, False, False, False, False])
    scores = np.array([0.9, 0.2, 0.9, 0.8, 0.1, 0.1, 0.1, 0.1])
    patients = np.array([1, 1, 2, 3, 4, 5, 6, 7])
    calls = calls_at_others_youden(labels, scores, patients, seed=0)
    assert calls.tolist() == [True, False, True, True] + [False] * 4


def test_what_is_clear_is_called_right_by_whoever_chooses():
    labels = np.arange(30) % 2 == 0
    scores = np.where(labels, 0.9, 0.1)
    assert np.array_equal(calls_at_others_youden(labels, scores, np.arange(30), seed=3), labels)


def test_noise_is_not_taken_for_skill():
    # At a cut-off of their own, cases without any signal seem to be told apart; at that of others they are not.
    gains = {"own": [], "others": []}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        labels, scores = np.arange(40) % 2 == 0, rng.random(40)
        own = scores >= youden(labels, scores)
        others = calls_at_others_youden(labels, scores, np.arange(40), seed=seed)
        for name, calls in (("own", own), ("others", others)):
            gains[name].append((calls == labels).mean() - 0.5)
    assert np.mean(gains["own"]) > 0.08
    assert abs(np.mean(gains["others"])) < 0.04


def test_one_patient_of_a_class_is_too_few():
    labels = np.array([True, True, False, False])
    with pytest.raises(ValueError, match="needs two patients"):
        calls_at_others_youden(labels, np.linspace(0, 1, 4), np.array([1, 1, 2, 3]), seed=0)
