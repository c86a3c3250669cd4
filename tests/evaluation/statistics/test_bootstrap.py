"""Resamples are of patients within classes; what is computed from them all at once is what a loop computes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from spinal_tf.evaluation.evaluation_options import Resampling
from spinal_tf.evaluation.statistics import bootstrap
from spinal_tf.evaluation.statistics.bootstrap import Answers, draws, mean_replicates, replicate

FEW = Resampling(resamples=25, seed=4)


def all_draws(*arguments, **options):
    return np.concatenate(list(draws(*arguments, **options)))


def example(cases=40, seed=0, patients=None):
    rng = np.random.default_rng(seed)
    patients = np.arange(cases) if patients is None else rng.integers(0, patients, cases)
    labels = patients % 3 == 0
    scores = np.round(labels * 0.3 + rng.random(cases) * 0.7, 1)  # with ties
    return labels, patients, scores


def test_each_class_keeps_its_number_of_patients():
    labels, patients, _ = example()
    counts = all_draws(labels, patients, FEW)
    assert counts.shape == (25, 40)
    assert (counts[:, labels].sum(axis=1) == labels.sum()).all()
    assert (counts[:, ~labels].sum(axis=1) == (~labels).sum()).all()
    assert len({tuple(row) for row in counts}) == 25


def test_a_patient_is_drawn_with_all_cases():
    labels, patients, _ = example(patients=12)
    counts = all_draws(labels, patients, FEW)
    for patient in set(patients):
        of_patient = counts[:, patients == patient]
        assert (of_patient == of_patient[:, :1]).all()
    first = [np.flatnonzero(patients == patient)[0] for patient in set(patients)]
    assert (counts[:, first].sum(axis=1) == len(first)).all()


def test_every_patient_is_as_likely_as_any_other():
    labels, patients, _ = example(cases=10)
    counts = all_draws(labels, patients, Resampling(resamples=8000))
    assert counts.mean(axis=0) == pytest.approx(np.ones(10), abs=0.05)
    # Drawn n times of n: variance 1 - 1 / n.
    assert counts[:, ~labels].var() == pytest.approx(1 - 1 / (~labels).sum(), abs=0.04)


def test_the_seed_and_the_stream_make_the_draws():
    labels, patients, _ = example()
    same = all_draws(labels, patients, FEW)
    assert np.array_equal(same, all_draws(labels, patients, FEW))
    assert not np.array_equal(same, all_draws(labels, patients, Resampling(resamples=25, seed=5)))
    assert not np.array_equal(same, all_draws(labels, patients, FEW, stream=1))


def test_names_of_patients_and_the_order_of_cases_do_not_matter():
    labels, patients, _ = example(patients=12)
    order = np.random.default_rng(1).permutation(len(labels))
    named = np.array([f"p{patient:03}" for patient in patients])
    assert np.array_equal(all_draws(labels, patients, FEW)[:, order], all_draws(labels[order], named[order], FEW))


def test_blocks_are_small_however_many_resamples_there_are(monkeypatch):
    labels, patients, scores = example()
    expected = replicate(labels, patients, [Answers(calls=scores > 0.5, scores=scores)], FEW)
    monkeypatch.setattr(bootstrap, "ELEMENTS_AT_ONCE", 5 * 40)
    assert [len(block) for block in draws(labels, patients, FEW)] == [5] * 5
    [found] = replicate(labels, patients, [Answers(calls=scores > 0.5, scores=scores)], FEW)
    assert {name: values.shape for name, values in found.items()} == dict.fromkeys(expected[0], (25,))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([None, 15]))
def test_measures_are_those_that_a_loop_over_resamples_computes(seed, people):
    labels, patients, scores = example(seed=seed, patients=people)
    if labels.all() or not labels.any():
        return
    calls = scores >= 0.5
    found, raters = replicate(labels, patients, [Answers(calls=calls, scores=scores), Answers(calls=~calls)], FEW)
    for row, counts in enumerate(all_draws(labels, patients, FEW)):
        weighed = {"sample_weight": counts}
        expected = {
            "auc": metrics.roc_auc_score(labels, scores, **weighed),
            "accuracy": metrics.accuracy_score(labels, calls, **weighed),
            "sensitivity": metrics.recall_score(labels, calls, zero_division=np.nan, **weighed),
            "specificity": metrics.recall_score(~labels, ~calls, zero_division=np.nan, **weighed),
            "precision": metrics.precision_score(labels, calls, zero_division=np.nan, **weighed),
            "npv": metrics.precision_score(~labels, ~calls, zero_division=np.nan, **weighed),
        }
        assert {name: found[name][row] for name in expected} == pytest.approx(expected, nan_ok=True)
        assert raters["accuracy"][row] == pytest.approx(1 - found["accuracy"][row])
    assert "auc" not in raters


def test_means_are_weighed_by_the_draws():
    labels, patients, scores = example()
    values = np.column_stack([scores, scores**2])
    counts = all_draws(labels, patients, FEW)
    assert mean_replicates(values, labels, patients, FEW) == pytest.approx((counts @ values / 40).T)


def test_a_class_that_is_absent_leaves_measures_undefined():
    scores = np.array([0.2, 0.9, 0.4])
    [found] = replicate(np.ones(3, bool), np.arange(3), [Answers(calls=scores > 0.5, scores=scores)], FEW)
    assert np.isnan(found["auc"]).all()
    assert np.isnan(found["specificity"]).all()
    assert not np.isnan(found["sensitivity"]).any()
