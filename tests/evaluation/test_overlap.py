import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from surface_distance import compute_robust_hausdorff, compute_surface_dice_at_tolerance, compute_surface_distances

from spinal_tf.evaluation.lesionwise import Rule
from spinal_tf.evaluation.overlap import SegmentationScore, score_mask
from spinal_tf.evaluation.overlap_summary import MEASURES
from spinal_tf.lesions import LENGTH_TOLERANCE_MM

SPACING_MM = (3.3, 0.7, 0.8)
VOXEL_ML = 3.3 * 0.7 * 0.8 / 1000
SHAPE = (7, 40, 48)
SMALL_MASKS = arrays(bool, (4, 5, 6), elements=st.booleans())
SOME_MASKS = SMALL_MASKS.filter(np.any)
SPACINGS = st.tuples(*[st.sampled_from([0.4, 0.7, 1.0, 2.5, 4.0])] * 3)
RATIOS = [name for name in MEASURES if name.startswith(("dice", "iou", "nsd", "lesion"))]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:surface_distance")


def box(slices, rows, columns, shape=SHAPE):
    mask = np.zeros(shape, bool)
    mask[slices, rows, columns] = True
    return mask


def numbers(score):
    return {name: measure(score) for name, measure in MEASURES.items()}


def score_of(prediction, reference, spacing_mm=SPACING_MM):
    return score_mask(prediction, reference, spacing_mm)


def test_a_shifted_box_by_hand():
    # 2 x 10 x 5 voxels, shifted by two columns: 60 of 100 voxels in common
    reference = box(slice(2, 4), slice(10, 20), slice(20, 25))
    score = score_of(np.roll(reference, 2, axis=2), reference)
    assert score.dice == pytest.approx(0.6)
    assert score.iou == pytest.approx(60 / 140)
    assert score.hd95_mm == pytest.approx(1.6)
    assert score.reference_volume_ml == score.volume_ml == pytest.approx(100 * VOXEL_ML)
    assert score.volume_error_ml == 0
    assert score.volume_error_relative == 0
    assert score.nsd_1mm < 1
    assert score.nsd_2mm == pytest.approx(1)
    assert score.lesions.detection(Rule.ONE_TO_ONE).f1 == 1


def test_a_slice_too_many_by_hand():
    # 2 slices of 3: the volume is half as large again, and a slice is farther than 2 mm
    reference = box(slice(2, 4), slice(10, 20), slice(20, 25))
    score = score_of(box(slice(2, 5), slice(10, 20), slice(20, 25)), reference)
    assert score.dice == pytest.approx(2 * 100 / 250)
    assert score.iou == pytest.approx(100 / 150)
    assert score.hd95_mm == pytest.approx(3.3)
    assert score.volume_error_ml == pytest.approx(50 * VOXEL_ML)
    assert score.volume_error_relative == pytest.approx(0.5)
    assert score.nsd_1mm <= score.nsd_2mm < 1


def test_distances_are_in_mm_and_know_the_voxel():
    one = box(3, 20, 20)
    for axis, size_mm in enumerate(SPACING_MM):
        assert score_of(np.roll(one, 2, axis), one).hd95_mm == pytest.approx(2 * size_mm)


NOTHING, SOMETHING = np.zeros(SHAPE, bool), box(slice(2, 4), slice(10, 20), slice(20, 25))


@pytest.mark.parametrize(
    ("prediction", "reference", "ratio", "hd95_mm", "error_ml", "error_relative"),
    [
        (NOTHING, NOTHING, math.nan, math.nan, 0, math.nan),
        (NOTHING, SOMETHING, 0, math.inf, -100 * VOXEL_ML, -1),
        (SOMETHING, NOTHING, 0, math.inf, 100 * VOXEL_ML, math.nan),
    ],
    ids=["both empty", "only reference", "only prediction"],
)
def test_empty_masks(prediction, reference, ratio, hd95_mm, error_ml, error_relative):
    score = score_of(prediction, reference)
    assert [score.dice, score.iou, score.nsd_1mm, score.nsd_2mm] == pytest.approx([ratio] * 4, nan_ok=True)
    assert score.hd95_mm == pytest.approx(hd95_mm, nan_ok=True)
    assert score.volume_error_ml == pytest.approx(error_ml)
    assert score.volume_error_relative == pytest.approx(error_relative, nan_ok=True)
    assert score.lesions.detection(Rule.ONE_TO_ONE).f1 == pytest.approx(ratio, nan_ok=True)


@pytest.mark.parametrize(
    ("prediction", "reference", "spacing_mm", "words"),
    [
        (SOMETHING.astype(np.uint8), SOMETHING, SPACING_MM, "prediction is uint8"),
        (SOMETHING, SOMETHING.astype(float), SPACING_MM, "reference is float64"),
        (SOMETHING[0], SOMETHING[0], SPACING_MM, "2 axes"),
        (SOMETHING[:5], SOMETHING, SPACING_MM, "shape"),
        (SOMETHING, SOMETHING, (3.3, 0.7), "spacing"),
        (SOMETHING, SOMETHING, (3.3, 0.0, 0.8), "spacing"),
        (SOMETHING, SOMETHING, (3.3, math.nan, 0.8), "spacing"),
    ],
)
def test_what_is_no_pair_of_masks_is_refused(prediction, reference, spacing_mm, words):
    with pytest.raises(ValueError, match=words):
        score_mask(prediction, reference, spacing_mm)


def test_a_score_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        score_of(SOMETHING, SOMETHING).dice = 1.0


def test_masks_are_left_as_they_are():
    prediction, reference = SOMETHING.copy(), np.roll(SOMETHING, 1, 2)
    kept = prediction.copy(), reference.copy()
    score_of(prediction, reference)
    assert (prediction == kept[0]).all()
    assert (reference == kept[1]).all()


def test_least_overlap_of_a_pair_is_passed_on():
    shifted = np.roll(SOMETHING, 2, axis=2)  # IoU 0.43
    for match_iou, found in ((0.4, 1), (0.5, 0)):
        score = score_mask(shifted, SOMETHING, SPACING_MM, match_iou=match_iou)
        assert score.lesions.detection(Rule.ONE_TO_ONE).found == found


@pytest.mark.parametrize("seed", range(6))
def test_overlap_is_what_simpleitk_measures(seed):
    rng = np.random.default_rng(seed)
    prediction, reference = (ndimage.gaussian_filter(rng.normal(size=SHAPE), (1, 3, 3)) > 0.05 for _ in range(2))
    overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*(SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in (reference, prediction)))
    score = score_of(prediction, reference)
    assert score.dice == pytest.approx(overlap.GetDiceCoefficient(1))
    assert score.iou == pytest.approx(overlap.GetJaccardCoefficient(1))
    half_mean_ml = (score.volume_ml + score.reference_volume_ml) / 2
    assert abs(score.volume_error_ml) / half_mean_ml == pytest.approx(abs(overlap.GetVolumeSimilarity(1)))


@pytest.mark.parametrize("seed", range(6))
def test_surfaces_are_what_the_reference_implementation_measures(seed):
    rng = np.random.default_rng(seed)
    reference = ndimage.gaussian_filter(rng.normal(size=SHAPE), (1, 3, 3)) > 0.08
    prediction = ndimage.binary_dilation(np.roll(reference, (0, 2, -1), (0, 1, 2)), iterations=seed % 2 + 1)
    theirs = compute_surface_distances(reference, prediction, SPACING_MM)
    score = score_of(prediction, reference)
    tolerances_mm = 1 + LENGTH_TOLERANCE_MM, 2 + LENGTH_TOLERANCE_MM
    their_nsd = [compute_surface_dice_at_tolerance(theirs, tolerance_mm) for tolerance_mm in tolerances_mm]
    assert [score.nsd_1mm, score.nsd_2mm] == pytest.approx(their_nsd)
    assert score.hd95_mm == pytest.approx(compute_robust_hausdorff(theirs, 95))


@given(SOME_MASKS, SPACINGS)
@settings(deadline=None, max_examples=60)
def test_a_mask_agrees_with_itself(mask, spacing_mm):
    score = numbers(score_mask(mask, mask, spacing_mm))
    assert [score[name] for name in RATIOS] == pytest.approx([1] * len(RATIOS))
    assert [score[name] for name in ("hd95_mm", "volume_error_ml", "volume_error_relative")] == [0, 0, 0]


@given(SMALL_MASKS, SMALL_MASKS, SPACINGS)
@settings(deadline=None, max_examples=60)
def test_measures_stay_in_their_range(prediction, reference, spacing_mm):
    score = numbers(score_mask(prediction, reference, spacing_mm))
    assert all(0 <= score[name] <= 1 or math.isnan(score[name]) for name in RATIOS)
    assert score["iou"] <= score["dice"] or math.isnan(score["dice"])
    assert score["nsd_1mm"] <= score["nsd_2mm"] or math.isnan(score["nsd_1mm"])
    assert not score["hd95_mm"] < 0
    assert not score["volume_error_relative"] < -1


@given(SMALL_MASKS, SMALL_MASKS, SPACINGS)
@settings(deadline=None, max_examples=60)
def test_dice_and_iou_tell_the_same(prediction, reference, spacing_mm):
    score = score_mask(prediction, reference, spacing_mm)
    assert score.dice == pytest.approx(2 * score.iou / (1 + score.iou), nan_ok=True)


@given(SMALL_MASKS, SMALL_MASKS, SPACINGS)
@settings(deadline=None, max_examples=60)
def test_exchanging_the_masks_changes_no_agreement(prediction, reference, spacing_mm):
    one, other = (score_mask(*pair, spacing_mm) for pair in ((prediction, reference), (reference, prediction)))
    for name in ("dice", "iou", "nsd_1mm", "nsd_2mm", "hd95_mm"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), nan_ok=True)
    assert one.volume_error_ml == pytest.approx(-other.volume_error_ml)


@given(SMALL_MASKS, SMALL_MASKS, SPACINGS, st.permutations(range(3)), st.sets(st.sampled_from(range(3))))
@settings(deadline=None, max_examples=60)
def test_flips_and_turns_of_the_axes_change_nothing(prediction, reference, spacing_mm, order, flipped):
    turned = [np.flip(mask.transpose(order), tuple(flipped)) for mask in (prediction, reference)]
    one = score_mask(prediction, reference, spacing_mm)
    other = score_mask(*turned, tuple(spacing_mm[axis] for axis in order))
    assert numbers(one) == pytest.approx(numbers(other), nan_ok=True)


@given(SMALL_MASKS, SMALL_MASKS, SPACINGS)
@settings(deadline=None, max_examples=60)
def test_empty_space_around_changes_nothing(prediction, reference, spacing_mm):
    padded = [np.pad(mask, ((1, 2), (3, 0), (0, 4))) for mask in (prediction, reference)]
    one, other = score_mask(prediction, reference, spacing_mm), score_mask(*padded, spacing_mm)
    assert numbers(one) == pytest.approx(numbers(other), nan_ok=True)


@given(SOME_MASKS, SOME_MASKS, SPACINGS)
@settings(deadline=None, max_examples=60)
def test_larger_voxels_are_farther_apart(prediction, reference, spacing_mm):
    one = score_mask(prediction, reference, spacing_mm)
    doubled = score_mask(prediction, reference, tuple(2 * size for size in spacing_mm))
    assert doubled.hd95_mm == pytest.approx(2 * one.hd95_mm)
    assert doubled.volume_error_ml == pytest.approx(8 * one.volume_error_ml)
    assert doubled.dice == pytest.approx(one.dice)
    assert doubled.nsd_2mm <= one.nsd_2mm + 1e-9


def test_every_field_is_among_the_measures():
    fields = set(SegmentationScore.__dataclass_fields__) - {"lesions"}
    assert fields < set(MEASURES)
