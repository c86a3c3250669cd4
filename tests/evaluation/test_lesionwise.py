import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from picai_eval.eval import evaluate_case
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from spinal_tf.evaluation.lesionwise import (
    ALL_SIZES,
    MATCH_IOU,
    SIZES,
    Detection,
    LesionwiseScore,
    MatchedLesion,
    Rule,
    Size,
    match_lesions,
    pooled,
)
from spinal_tf.lesions import label_lesions

ROWS = arrays(bool, (1, 1, 24), elements=st.booleans())
SMALL_MASKS = arrays(bool, (3, 6, 8), elements=st.booleans())


def row(*spans, length=24):
    """A mask of one row whose lesions run from a first to a last column."""
    mask = np.zeros((1, 1, length), bool)
    for first, last in spans:
        mask[..., first : last + 1] = True
    return mask


def match(prediction, reference, **options):
    return match_lesions(prediction, reference, voxel_volume_ml=0.002, **options)


def counts(prediction, reference, rule=Rule.ONE_TO_ONE, **options):
    detection = match(prediction, reference, **options).detection(rule)
    return detection.found, detection.missed, detection.true, detection.false


def smooth_masks(seed, shape=(9, 40, 36)):
    """Two masks of many lesions that are alike to a degree that varies."""
    rng = np.random.default_rng(seed)
    common, own = (ndimage.gaussian_filter(rng.normal(size=shape), (1, 2, 2)) for _ in range(2))
    other = common + rng.uniform(0, 2) * own
    return tuple(field > 1.2 * field.std() for field in (other, common))


def test_found_missed_and_false():
    # the first is found, the second missed, the mark at the end false
    reference, prediction = row((0, 4), (10, 12)), row((1, 5), (20, 20))
    for rule in Rule:
        assert counts(prediction, reference, rule) == (1, 1, 1, 1)
    score = match(prediction, reference)
    first, second = score.reference
    assert first.volume_ml == pytest.approx(5 * 0.002)
    assert first.overlap == pytest.approx(4 / 5)
    assert first.partner_iou == pytest.approx(4 / 6)
    assert (second.overlap, second.partner_iou) == (0, 0)
    assert [lesion.volume_ml for lesion in score.predicted] == pytest.approx([0.01, 0.002])


def test_voxels_that_share_a_corner_are_one_lesion():
    reference = np.zeros((2, 2, 2), bool)
    reference[0, 0, 0] = reference[1, 1, 1] = True
    assert counts(reference, reference) == (1, 0, 1, 0)


def test_one_mark_over_two_lesions():
    # any overlap: it finds both; one to one: it is the partner of the larger
    reference, prediction = row((0, 3), (6, 11)), row((0, 11))
    assert counts(prediction, reference, Rule.ANY_OVERLAP) == (2, 0, 1, 0)
    assert counts(prediction, reference, Rule.ONE_TO_ONE) == (1, 1, 1, 0)
    assert [lesion.partner_iou for lesion in match(prediction, reference).reference] == pytest.approx([6 / 12, 0])


def test_two_marks_in_one_lesion():
    reference, prediction = row((0, 11)), row((0, 3), (6, 11))
    assert counts(prediction, reference, Rule.ANY_OVERLAP) == (1, 0, 2, 0)
    assert counts(prediction, reference, Rule.ONE_TO_ONE) == (1, 0, 1, 1)


def test_a_touch_is_no_pair():
    # one voxel of twelve
    reference, prediction = row((0, 5)), row((5, 11))
    assert counts(prediction, reference, Rule.ANY_OVERLAP) == (1, 0, 1, 0)
    assert counts(prediction, reference, Rule.ONE_TO_ONE) == (0, 1, 0, 1)


def test_the_least_overlap_of_a_pair_is_included():
    reference, prediction = row((0, 9)), row((9, 9))  # 1 of 10 voxels
    assert MATCH_IOU == 0.1
    assert counts(prediction, reference) == (1, 0, 1, 0)
    assert counts(prediction, reference, match_iou=0.11) == (0, 1, 0, 1)


def test_more_pairs_come_before_better_pairs():
    # pairing the two long ones alone gives 8/14; each with a short one gives two pairs of 2/13
    reference, prediction = row((0, 3), (5, 15)), row((2, 12), (14, 17))
    assert counts(prediction, reference) == (2, 0, 2, 0)
    assert [lesion.partner_iou for lesion in match(prediction, reference).reference] == pytest.approx([2 / 13] * 2)


def test_of_as_many_pairs_the_better_ones():
    # the mark lies over both: 3/9 with the first, 4/10 with the second
    reference, prediction = row((0, 3), (5, 10)), row((1, 8))
    assert [lesion.partner_iou for lesion in match(prediction, reference).reference] == pytest.approx([4 / 10, 0])


@pytest.mark.parametrize("match_iou", [0, -0.1, 1.01, math.nan])
def test_an_overlap_that_cannot_be_asked_for(match_iou):
    with pytest.raises(ValueError, match="match_iou"):
        match(row((0, 1)), row((0, 1)), match_iou=match_iou)


def test_ratios_by_hand():
    detection = Detection(found=3, missed=1, true=2, false=2)
    assert detection.recall == 0.75
    assert detection.precision == 0.5
    assert detection.f1 == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("reference", "prediction", "recall", "precision", "f1"),
    [
        (row(), row(), math.nan, math.nan, math.nan),
        (row((0, 3)), row(), 0, math.nan, 0),
        (row(), row((0, 3)), math.nan, 0, 0),
        (row((0, 3)), row((9, 9)), 0, 0, 0),
    ],
    ids=["both empty", "only reference", "only prediction", "apart"],
)
@pytest.mark.parametrize("rule", Rule)
def test_empty_masks(reference, prediction, recall, precision, f1, rule):
    detection = match(prediction, reference).detection(rule)
    found = [detection.recall, detection.precision, detection.f1]
    assert found == pytest.approx([recall, precision, f1], nan_ok=True)


def lesion(volume_ml, partner_iou):
    return MatchedLesion(volume_ml=volume_ml, overlap=partner_iou, partner_iou=partner_iou)


def test_each_lesion_is_counted_in_its_own_size():
    score = LesionwiseScore(
        reference=(lesion(12, 0.8), lesion(0.5, 0), lesion(0.05, 0.3)), predicted=(lesion(9, 0.8), lesion(0.05, 0.3))
    )
    by_size = [score.detection(Rule.ONE_TO_ONE, size) for size in SIZES]
    assert [(one.found, one.missed, one.true, one.false) for one in by_size] == [
        (1, 0, 1, 0),
        (0, 1, 0, 0),
        (0, 0, 1, 0),
        (1, 0, 0, 0),
    ]
    assert sum(by_size, Detection()) == score.detection(Rule.ONE_TO_ONE)


def test_sizes_hold_every_volume_once():
    for volume_ml in (1e-6, 0.1, 0.0999, 1, 5, 10, 1e6):
        assert sum(size.holds(volume_ml) for size in SIZES) == 1
        assert ALL_SIZES.holds(volume_ml)


def test_a_limit_belongs_to_the_larger_size_however_headers_round():
    size = Size(from_ml=0.1, below_ml=1)
    assert size.holds(0.1)
    assert size.holds(50 * float(np.float32(0.002)) * (1 - 1e-8))
    assert not size.holds(0.0999)
    assert not size.holds(1)


def test_sizes_are_named():
    assert [str(size) for size in SIZES] == ["below 0.1 mL", "0.1-1 mL", "1-10 mL", "from 10 mL"]
    assert str(ALL_SIZES) == "all"


def test_pooled_counts_the_lesions_of_all_cases():
    cases = [match(row((0, 4)), row((0, 4), (9, 9))), match(row(), row((0, 4))), match(row((0, 0)), row())]
    assert pooled(cases, Rule.ONE_TO_ONE) == Detection(found=1, missed=2, true=1, false=1)
    assert pooled([], Rule.ONE_TO_ONE) == Detection()


def test_thousands_of_specks_are_matched_in_little_memory():
    specks = np.zeros((2, 200, 200), bool)
    specks[0, ::2, ::2] = True
    assert counts(specks, row((0, 0), length=200) & np.ones((2, 200, 1), bool)) == (0, 1, 0, 10000)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("match_iou", [0.1, 0.5])
def test_the_pairs_are_those_of_the_picai_evaluation(seed, match_iou):
    prediction, reference = smooth_masks(seed)
    theirs, *_ = evaluate_case(
        prediction.astype(np.float32),
        reference.astype(np.int32),
        min_overlap=match_iou,
        allow_unmatched_candidates_with_minimal_overlap=False,
    )
    paired = sorted(float(overlap) for is_lesion, _, overlap in theirs if is_lesion and overlap)
    missed = sum(is_lesion and not overlap for is_lesion, _, overlap in theirs)
    false = sum(not is_lesion for is_lesion, *_ in theirs)
    score = match(prediction, reference, match_iou=match_iou)
    assert score.detection(Rule.ONE_TO_ONE) == Detection(
        found=len(paired), missed=missed, true=len(paired), false=false
    )
    ours = sorted(lesion.partner_iou for lesion in score.reference if lesion.partner_iou)
    assert ours == pytest.approx(paired, abs=1e-6)


@given(ROWS, ROWS, st.sampled_from([0.1, 0.3, 0.5]))
@settings(deadline=None, max_examples=60)
def test_no_pairing_has_more_pairs(prediction, reference, match_iou):
    marks, lesions = label_lesions(prediction)[0], label_lesions(reference)[0]
    able = [
        [
            ((lesions == i) & (marks == j)).sum() / ((lesions == i) | (marks == j)).sum() >= match_iou
            for j in seen(marks)
        ]
        for i in seen(lesions)
    ]
    graph = csr_array(np.array(able, int).reshape(len(able), len(seen(marks))))
    most = int((maximum_bipartite_matching(graph) >= 0).sum()) if graph.nnz else 0
    assert counts(prediction, reference, match_iou=match_iou)[0] == most


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def seen(labels):
    return range(1, int(labels.max()) + 1)


@given(SMALL_MASKS, SMALL_MASKS)
@settings(deadline=None, max_examples=60)
def test_any_overlap_is_a_lesion_that_meets_the_other_mask(prediction, reference):
    lesions, count = label_lesions(reference)
    met = sum(bool(prediction[lesions == number].any()) for number in range(1, count + 1))
    found, missed, *_ = counts(prediction, reference, Rule.ANY_OVERLAP)
    assert (found, missed) == (met, count - met)


@given(SMALL_MASKS, SMALL_MASKS)
@settings(deadline=None, max_examples=60)
def test_exchanging_the_masks_exchanges_recall_and_precision(prediction, reference):
    one, other = match(prediction, reference), match(reference, prediction)
    for rule in Rule:
        here, there = one.detection(rule), other.detection(rule)
        assert (here.found, here.missed, here.true, here.false) == (there.true, there.false, there.found, there.missed)
        assert here.f1 == pytest.approx(there.f1, nan_ok=True)


@given(SMALL_MASKS, SMALL_MASKS)
@settings(deadline=None, max_examples=60)
def test_a_pair_always_overlaps_and_is_counted_on_both_sides(prediction, reference):
    score = match(prediction, reference)
    pairs = [
        sorted(lesion.partner_iou for lesion in side if lesion.partner_iou)
        for side in (score.reference, score.predicted)
    ]
    assert pairs[0] == pytest.approx(pairs[1])
    assert all(lesion.overlap > 0 for lesion in score.reference if lesion.partner_iou)
    detection = score.detection(Rule.ONE_TO_ONE)
    assert detection.found == detection.true <= score.detection(Rule.ANY_OVERLAP).found
