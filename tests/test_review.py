import numpy as np
import pytest

from spinal_tf.lesions import Lesion
from spinal_tf.review import review_mask


def lesion(number=1, volume_ml=1.0, touches_border=False):
    return Lesion(
        number=number,
        volume_ml=volume_ml,
        length_mm=20.0,
        width_mm=6.0,
        diameter_mm=22.0,
        centroid_mm=(0.0, 0.0, 0.0),
        slices=(5, 6),
        contrast=2.0,
        touches_border=touches_border,
    )


def review(lesions, inside=0.9, outside=0.0, *, flip_agreement=None, threshold=0.5):
    """Review of a mask of four voxels; without lesions the mask is empty."""
    mask = np.zeros((2, 3, 4), bool)
    mask[0, 1] = bool(lesions)
    probability = np.where(mask, inside, outside)
    return review_mask(lesions, probability, mask, threshold=threshold, flip_agreement=flip_agreement)


def test_a_plain_mask_needs_no_review():
    result = review([lesion()], flip_agreement=0.9)
    assert not result.needed
    assert result.reasons == ()


@pytest.mark.parametrize(("inside", "needed"), [(0.74, True), (0.75, False)])
def test_low_confidence_is_the_mean_inside_the_mask(inside, needed):
    result = review([lesion()], inside, outside=0.4)
    assert result.needed is needed
    assert not needed or result.reasons == ("low confidence: mean probability inside the mask is 0.74",)


@pytest.mark.parametrize(("volume_ml", "needed"), [(0.0499, True), (0.05, False)])
def test_small_lesions_are_counted(volume_ml, needed):
    result = review([lesion(), lesion(2, volume_ml)])
    assert result.needed is needed
    assert not needed or result.reasons == ("1 of 2 lesions smaller than 0.05 mL",)


@pytest.mark.parametrize(("count", "needed"), [(5, False), (6, True)])
def test_many_lesions(count, needed):
    result = review([lesion(n + 1) for n in range(count)])
    assert result.needed is needed
    assert not needed or result.reasons == ("many lesions: 6",)


def test_lesions_at_the_border_are_named():
    result = review([lesion(1, touches_border=True), lesion(2), lesion(3, touches_border=True)])
    assert result.reasons == ("at the border of the field of view: lesion 1, 3",)


@pytest.mark.parametrize(("agreement", "needed"), [(0.69, True), (0.7, False), (None, False)])
def test_a_network_that_disagrees_with_itself(agreement, needed):
    result = review([lesion()], flip_agreement=agreement)
    assert result.needed is needed
    assert not needed or result.reasons == ("the mask of the mirrored slices agrees little (Dice 0.69)",)


@pytest.mark.parametrize(("highest", "needed"), [(0.2999, False), (0.3, True)])
def test_an_empty_mask_is_doubted_from_half_the_threshold_on(highest, needed):
    result = review([], outside=highest, threshold=0.6)
    assert result.needed is needed
    assert not needed or result.reasons == ("no lesion was marked, but the probability reaches 0.30 (threshold 0.60)",)


def test_an_empty_mask_can_disagree_with_that_of_the_mirrored_slices():
    assert review([], flip_agreement=0.0).reasons == ("the mask of the mirrored slices agrees little (Dice 0.00)",)


def test_every_reason_is_given():
    lesions = [lesion(n + 1, 0.01, touches_border=n == 0) for n in range(6)]
    reasons = review(lesions, 0.6, flip_agreement=0.5).reasons
    starts = ("low confidence", "6 of 6 lesions smaller", "many lesions", "at the border", "the mask of the mirrored")
    assert len(reasons) == len(starts)
    assert all(reason.startswith(start) for reason, start in zip(reasons, starts, strict=True))


@pytest.mark.parametrize(("outliers", "voxels"), [(1, "1 voxel was"), (7, "7 voxels were")])
def test_clipped_outliers_are_a_reason_with_or_without_a_lesion(outliers, voxels):
    for lesions in ([], [lesion()]):
        probability = np.full((2, 3, 4), 0.9 if lesions else 0.0)
        mask = np.full((2, 3, 4), bool(lesions))
        result = review_mask(lesions, probability, mask, threshold=0.5, flip_agreement=None, outliers=outliers)
        assert result.needed
        assert result.reasons == (
            f"{voxels} far outside the intensities of the others and had to be clipped; see the warnings",
        )


def test_doubts_about_size_and_place_are_reasons():
    mask = np.ones((2, 3, 4), bool)
    result = review_mask(
        [lesion()], mask * 0.9, mask, threshold=0.5, flip_agreement=None, doubts=("the mask marks 60 mL",)
    )
    assert (result.needed, result.reasons) == (True, ("the mask marks 60 mL",))
