import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops

from spinal_tf.networks.losses import HARDEST, dice_bce, dice_topk, with_cord

LN2 = math.log(2)


def loss(truth, probability):
    y = np.asarray(truth).reshape(-1, 1, 2, 1)
    p = np.asarray(probability, np.float32).reshape(-1, 1, 2, 1)
    return float(ops.convert_to_numpy(dice_bce(ops.convert_to_tensor(y), ops.convert_to_tensor(p))))


def test_by_hand():
    # Dice (2 x 0.5 + 1) / (1 + 1 + 1) = 2/3; cross-entropy ln 2 at both pixels
    assert loss([[1, 0]], [[0.5, 0.5]]) == pytest.approx(1 / 3 + LN2, abs=1e-5)
    # Dice (2 x 0.8 + 1) / (1 + 1.2 + 1) = 0.8125; cross-entropy mean(-ln 0.8, -ln 0.6)
    expected = 1 - 0.8125 - (math.log(0.8) + math.log(0.6)) / 2
    assert loss([[1, 0]], [[0.8, 0.4]]) == pytest.approx(expected, abs=1e-5)


def test_an_empty_batch_left_empty_costs_nothing():
    assert loss([[0, 0]], [[0, 0]]) == pytest.approx(0, abs=1e-5)


def test_a_false_pixel_in_an_empty_batch_costs_half_a_dice():
    # Dice (0 + 1) / (0 + 1 + 1) = 0.5 for one pixel's worth of probability, spread over two; cross-entropy ln 2
    assert loss([[0, 0]], [[0.5, 0.5]]) == pytest.approx(0.5 + LN2, abs=1e-5)


def test_a_perfect_prediction_costs_nothing():
    assert loss([[1, 0], [1, 1]], [[1, 0], [1, 1]]) == pytest.approx(0, abs=1e-5)


def test_dice_is_taken_over_the_batch():
    # over the batch 1 - (1 + 1) / (1 + 2 + 1) = 1/2; the mean over the two slices would be (1/3 + 1/2) / 2
    assert loss([[1, 0], [0, 0]], [[0.5, 0.5], [0.5, 0.5]]) == pytest.approx(0.5 + LN2, abs=1e-5)


def test_a_device_with_half_of_the_batch_takes_dice_over_the_whole():
    # the other half is the same again: Dice (2 x 2 + 1) / (4 + 2 + 1) over both, (2 x 1 + 1) / (2 + 1 + 1) over one
    y, p = np.array([1, 1]).reshape(1, 1, 2, 1), np.array([0.5, 0.5], np.float32).reshape(1, 1, 2, 1)
    assert float(dice_bce(y, p, total=lambda sums: 2 * sums)) == pytest.approx(1 - 5 / 7 + LN2, abs=1e-5)
    assert float(dice_bce(y, p)) == pytest.approx(1 - 3 / 4 + LN2, abs=1e-5)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.float32])
def test_masks_may_have_any_dtype(dtype):
    assert loss(np.array([[1, 0]], dtype), [[0.5, 0.5]]) == pytest.approx(1 / 3 + LN2, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    arrays(np.uint8, (2, 2), elements=st.integers(0, 1)),
    arrays(np.float32, (2, 2), elements=st.floats(0, 1, width=32)),
)
def test_never_negative_and_blind_to_the_order_of_slices(truth, probability):
    value = loss(truth, probability)
    assert value >= -1e-6
    assert loss(truth[::-1], probability[::-1]) == pytest.approx(value, abs=1e-5)


def hardest(truth, probability):
    return ops.convert_to_numpy(dice_topk(np.asarray(truth, np.float32), np.asarray(probability, np.float32)))


def test_the_hardest_pixels_alone_count_by_hand():
    # 100 pixels, of which the two hardest count: 0.5 each. Dice (0 + 1) / (0 + 1.98 + 1) with 98 pixels of 0.01.
    assert HARDEST == 0.02
    p = np.full((1, 10, 10, 1), 0.01)
    p[0, 3, 4], p[0, 7, 1] = 0.5, 0.5
    expected = 1 - 1 / (2 * 0.5 + 98 * 0.01 + 1) + LN2
    assert hardest(np.zeros((1, 10, 10, 1)), p) == pytest.approx([expected], abs=1e-5)


def test_each_crop_has_its_own_dice_and_its_own_hardest_pixels():
    # a lesion of one pixel that is missed costs the same beside a crop full of lesion as beside an empty one
    y = np.zeros((2, 10, 10, 1))
    y[0, 0, 0], y[1] = 1, 1
    p = np.where(y > 0, 1.0, 0.0)
    p[0, 0, 0] = 0.5
    # Dice 1 - (2 x 0.5 + 1) / (1 + 0.5 + 1) = 0.2; the two hardest pixels ln 2 and 0
    assert hardest(y, p) == pytest.approx([0.2 + LN2 / 2, 0], abs=1e-5)


def test_a_crop_smaller_than_the_share_still_has_one_hardest_pixel():
    assert hardest(np.zeros((1, 1, 2, 1)), np.reshape([0.5, 0.1], (1, 1, 2, 1))) == pytest.approx(
        [1 - 1 / 1.6 + LN2], abs=1e-5
    )


def lesion_and_cord(lesion, cord):
    """Loss of each of some crops of one row and two columns; lesions alone cost their probability's sum."""
    y = np.stack([np.zeros_like(lesion), cord[0]], axis=-1)[:, None]
    p = np.stack([lesion, cord[1]], axis=-1)[:, None]
    both = with_cord(lambda drawn, found: ops.sum(found - drawn, axis=(1, 2, 3)))
    return ops.convert_to_numpy(both(np.float32(y), np.float32(p)))


def test_the_cord_of_each_crop_adds_its_dice_and_its_mean_cross_entropy():
    lesion = np.array([[0.25, 0.5], [0.0, 0.25]])
    found = lesion_and_cord(lesion, (np.array([[1, 0], [0, 0]]), np.array([[0.8, 0.4], [0.0, 0.0]])))
    expected = 1 - (1.6 + 1) / (1 + 1.2 + 1) - (math.log(0.8) + math.log(0.6)) / 2
    np.testing.assert_allclose(found, [0.75 + expected, 0.25], atol=1e-5)


def test_a_crop_whose_cord_is_unknown_is_judged_by_its_lesion_alone():
    lesion = np.array([[0.25, 0.5]])
    found = lesion_and_cord(lesion, (np.array([[-1, -1]]), np.array([[0.8, 0.4]])))
    np.testing.assert_allclose(found, [0.75], atol=1e-6)
