import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops

from spinal_tf.losses import dice_bce

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
