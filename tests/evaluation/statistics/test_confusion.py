"""Counts and ratios by hand, and in relation to each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.statistics.confusion import RATIOS, Confusion, confusion

answers = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)


def test_ratios_by_hand():
    counts = Confusion(tp=3, fn=1, tn=5, fp=2)
    assert counts.total == 11
    assert {name: str(counts.proportion(name)) for name in RATIOS} == {
        "accuracy": "8/11 (73)",
        "sensitivity": "3/4 (75)",
        "specificity": "5/7 (71)",
        "ppv": "3/5 (60)",
        "npv": "5/6 (83)",
        "precision": "3/5 (60)",
        "recall": "3/4 (75)",
    }


def test_a_ratio_without_denominator_is_none():
    nobody = Confusion(tp=0, fn=0, tn=4, fp=0)
    assert [nobody.proportion(name) for name in ("sensitivity", "ppv", "precision", "recall")] == [None] * 4
    assert nobody.proportion("accuracy") == Proportion(count=4, total=4)
    assert all(Confusion(tp=0, fn=0, tn=0, fp=0).proportion(name) is None for name in RATIOS)


@given(answers)
def test_ratios_are_those_of_scikit_learn(pairs):
    labels, calls = (np.array(side) for side in zip(*pairs, strict=True))
    counts = confusion(labels, calls)
    expected = {
        "accuracy": metrics.accuracy_score(labels, calls),
        "sensitivity": metrics.recall_score(labels, calls, zero_division=np.nan),
        "specificity": metrics.recall_score(~labels, ~calls, zero_division=np.nan),
        "ppv": metrics.precision_score(labels, calls, zero_division=np.nan),
        "npv": metrics.precision_score(~labels, ~calls, zero_division=np.nan),
    }
    for name, value in expected.items():
        found = counts.proportion(name)
        assert (found.count / found.total if found else np.nan) == pytest.approx(value, nan_ok=True)


@given(answers)
def test_exchanging_the_classes_exchanges_the_ratios(pairs):
    labels, calls = (np.array(side) for side in zip(*pairs, strict=True))
    counts, other = confusion(labels, calls), confusion(~labels, ~calls)
    assert counts.proportion("accuracy") == other.proportion("accuracy")
    assert counts.proportion("sensitivity") == other.proportion("specificity")
    assert counts.proportion("ppv") == other.proportion("npv")
