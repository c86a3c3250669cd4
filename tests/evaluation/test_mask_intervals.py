"""Intervals of masks beside a plain loop over resamples, and beside SciPy's bootstrap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.evaluation_options import Resampling
from spinal_tf.evaluation.lesionwise import ALL_SIZES, SIZES, Detection, LesionwiseScore, MatchedLesion, Rule, pooled
from spinal_tf.evaluation.mask_intervals import DetectionIntervals, MaskIntervals, mask_intervals
from spinal_tf.evaluation.statistics.bootstrap import draws
from spinal_tf.evaluation.statistics.intervals import UNKNOWN, percentile, wilson

FEW = Resampling(resamples=200, seed=3)
MANY = Resampling(resamples=20_000, seed=3)


def lesion(found, volume_ml=0.5):
    return MatchedLesion(volume_ml=volume_ml, overlap=float(found), partner_iou=float(found))


def example(patients=15, seed=0):
    """Cases of some patients, of whom each has a share of lesions that are found."""
    rng = np.random.default_rng(seed)
    owners, dice, lesions = [], [], []
    for patient in range(patients):
        chance = rng.random()
        for _ in range(rng.integers(1, 4)):
            owners.append(f"p{patient}")
            dice.append(rng.random() if rng.random() < 0.8 else math.nan)
            made = [[lesion(rng.random() < chance, 10 ** rng.uniform(-2, 2)) for _ in range(4)] for _ in range(2)]
            lesions.append(LesionwiseScore(reference=tuple(made[0][: rng.integers(5)]), predicted=tuple(made[1])))
    return owners, dice, lesions


def test_every_interval_is_that_of_a_loop_that_draws_patients():
    patients, dice, lesions = example()
    found = mask_intervals({"dice": dice, "iou": dice[::-1]}, lesions, patients, FEW)
    means, counted = {"dice": [], "iou": []}, {key: [] for key in found.detection}
    for counts in np.concatenate(list(draws(np.zeros(len(patients)), np.array(patients), FEW))).astype(int):
        drawn = np.repeat(np.arange(len(patients)), counts)
        for name, values in (("dice", dice), ("iou", dice[::-1])):
            means[name].append(np.nanmean([values[case] for case in drawn]))
        for rule, size in counted:
            counted[rule, size].append(pooled([lesions[case] for case in drawn], rule, size))
    for name, replicates in means.items():
        expected = percentile(np.array(replicates))
        assert (found.means[name].low, found.means[name].high) == pytest.approx((expected.low, expected.high))
    assert list(counted) == [(rule, size) for rule in Rule for size in (ALL_SIZES, *SIZES)]
    for key, replicates in counted.items():
        for ratio in ("recall", "precision", "f1"):
            expected = percentile(np.array([getattr(one, ratio) for one in replicates]))
            interval = getattr(found.detection[key], ratio)
            assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), nan_ok=True)


def test_the_interval_of_a_mean_is_scipys():
    values = np.random.default_rng(1).beta(2, 1, 40)
    ours = mask_intervals({"dice": values}, None, [f"p{n}" for n in range(40)], MANY).means["dice"]
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=MANY.resamples, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    # Both are of 20,000 resamples: their limits differ by some hundredths of the interval's width.
    assert (ours.low, ours.high) == pytest.approx(theirs, abs=0.03 * (theirs.high - theirs.low))


def test_lesions_of_a_patient_that_are_found_together_give_a_wider_interval_than_wilsons():
    lesions = [LesionwiseScore(reference=(lesion(n % 2),) * 6, predicted=()) for n in range(200)]
    clustered = mask_intervals({}, lesions, [f"p{n}" for n in range(200)], MANY).detection[Rule.ONE_TO_ONE, ALL_SIZES]
    alone = wilson(Proportion(count=600, total=1200))
    # The variance of a share is that of 200 patients, not of 1,200 lesions: larger by 6.
    width = clustered.recall.high - clustered.recall.low
    assert width / (alone.high - alone.low) == pytest.approx(math.sqrt(6), abs=0.1)
    single = [LesionwiseScore(reference=(lesion(n % 2),), predicted=()) for n in range(120)]
    alone = wilson(Proportion(count=60, total=120))
    found = mask_intervals({}, single, [f"p{n}" for n in range(120)], MANY).detection[Rule.ONE_TO_ONE, ALL_SIZES]
    assert (found.recall.low, found.recall.high) == pytest.approx((alone.low, alone.high), abs=0.01)


def test_a_patients_cases_are_drawn_together():
    dice = [0.2] * 5 + [0.8] * 5
    together = mask_intervals({"dice": dice}, None, ["a"] * 5 + ["b"] * 5, FEW).means["dice"]
    assert (together.low, together.high) == pytest.approx((0.2, 0.8))
    apart = mask_intervals({"dice": dice}, None, list("abcdefghij"), FEW).means["dice"]
    assert 0.2 < apart.low < apart.high < 0.8


def test_the_order_of_cases_does_not_matter():
    patients, dice, lesions = example()
    turned = mask_intervals({"dice": dice[::-1]}, lesions[::-1], patients[::-1], FEW)
    straight = mask_intervals({"dice": dice}, lesions, patients, FEW)
    assert turned.means["dice"].low == pytest.approx(straight.means["dice"].low)
    assert turned.detection == straight.detection


def test_what_has_no_interval():
    patients, two = ["a", "a"], ["a", "b"]
    assert mask_intervals({"dice": [0.2, 0.8]}, None, patients, FEW) == MaskIntervals()
    found = mask_intervals({"hd95_mm": [2, math.inf], "dice": [math.nan, math.nan]}, None, two, FEW)
    assert found == MaskIntervals(means={"hd95_mm": UNKNOWN, "dice": UNKNOWN})
    # In a quarter of the resamples only the patient without a value is drawn.
    assert mask_intervals({"dice": [0.5, math.nan]}, None, two, FEW).means["dice"] == UNKNOWN
    nothing = [LesionwiseScore(reference=(), predicted=())] * 2
    assert set(map(repr, mask_intervals({}, nothing, two, FEW).detection.values())) == {repr(DetectionIntervals())}


def test_f1_is_0_where_none_is_found():
    one_found = LesionwiseScore(reference=(lesion(found=True),), predicted=(lesion(found=True),))
    lesions = [LesionwiseScore(reference=(lesion(found=False),), predicted=()), one_found]
    found = mask_intervals({}, lesions, ["a", "b"], FEW).detection[Rule.ANY_OVERLAP, ALL_SIZES]
    assert Detection(missed=3).f1 == 0
    assert (found.f1.low, found.f1.high) == (found.recall.low, found.recall.high) == (0, 1)
    assert not found.precision.known


def test_lesions_that_are_all_missed_or_all_found_have_no_interval():
    lesions = [LesionwiseScore(reference=(lesion(found=False),), predicted=())] * 3
    found = mask_intervals({}, lesions, ["a", "b", "c"], FEW).detection[Rule.ANY_OVERLAP, ALL_SIZES]
    assert (found.f1, found.recall) == (UNKNOWN, UNKNOWN)
