"""The loss of the anatomy network, by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from spinal_tf.networks.anatomy_loss import anatomy_loss

ops = keras.ops


def loss(drawn, found, **given):
    return float(anatomy_loss(ops.convert_to_tensor(drawn), ops.convert_to_tensor(found), **given))


def field(*values):
    """One crop of two by two pixels with one structure."""
    return np.array(values, np.float32).reshape(1, 2, 2, 1)


def test_it_is_three_times_the_cross_entropy_plus_dice_over_known_pixels():
    drawn, found = field(1, 0, -1, -1), field(0.8, 0.3, 0.1, 0.9)
    entropy = -(np.log(0.8) + np.log(0.7)) / (2 + 1)
    dice = (2 * 0.8 + 10) / (1 + 0.8 + 0.3 + 10)
    assert loss(drawn, found) == pytest.approx(3 * entropy + 1 - dice, rel=1e-5)


def test_unknown_pixels_do_not_count():
    drawn = field(1, 0, -1, -1)
    assert loss(drawn, field(0.8, 0.3, 0.1, 0.9)) == pytest.approx(loss(drawn, field(0.8, 0.3, 0.7, 0.2)))


def test_a_structure_of_which_nothing_is_known_has_no_loss_and_no_gradient():
    assert loss(field(-1, -1, -1, -1), field(0.8, 0.3, 0.1, 0.9)) == pytest.approx(0)
    one, none = np.full((1, 2, 2, 2), -1, np.float32), np.full((1, 2, 2, 2), 0.5, np.float32)
    one[..., 0] = 1
    assert loss(one, none) == pytest.approx(loss(one[..., :1], none[..., :1]) / 2)


def test_a_structure_that_a_batch_does_not_show_has_cross_entropy_alone():
    entropy = -(np.log(0.2) + np.log(0.7)) / (2 + 1)
    assert loss(field(0, 0, -1, -1), field(0.8, 0.3, 0.1, 0.9)) == pytest.approx(3 * entropy, rel=1e-5)


def test_a_rare_structure_is_learned_from_the_few_batches_that_show_it():
    """One bias for all pixels settles near the structure's share, which Dice in the other batches would take to 0."""
    with_it, without = np.zeros((1, 32, 32, 1), np.float32), np.zeros((1, 32, 32, 1), np.float32)
    with_it[0, :4, :4] = 1
    bias = tf.Variable(-3.0)
    optimizer = keras.optimizers.SGD(2.0)
    for step in range(400):
        with tf.GradientTape() as tape:
            found = anatomy_loss(without if step % 5 else with_it, tf.fill((1, 32, 32, 1), tf.sigmoid(bias)))
        optimizer.apply([tape.gradient(found, bias)], [bias])
    assert -7 < float(bias) < -3


def test_a_lost_structure_still_has_a_gradient():
    logit = tf.Variable(-17.0)
    with tf.GradientTape() as tape:
        found = anatomy_loss(np.ones((1, 2, 2, 1), np.float32), tf.fill((1, 2, 2, 1), tf.sigmoid(logit)))
    assert float(tape.gradient(found, logit)) < -0.5


def test_right_answers_have_almost_no_loss_and_certain_wrong_ones_a_finite_one():
    drawn = field(1, 0, 1, 0)
    assert loss(drawn, drawn) < 1e-4
    assert 10 < loss(drawn, 1 - drawn) < 60


def test_whole_numbers_are_accepted_as_targets():
    drawn, found = field(1, 0, -1, 0), field(0.8, 0.3, 0.1, 0.9)
    assert loss(drawn.astype(np.int8), found) == pytest.approx(loss(drawn, found))


def test_devices_that_share_a_batch_get_the_loss_of_the_whole_batch():
    rng = np.random.default_rng(0)
    drawn = rng.integers(-1, 2, (2, 4, 4, 3)).astype(np.float32)
    found = rng.uniform(0.1, 0.9, (2, 4, 4, 3)).astype(np.float32)
    sums = []
    for part in (slice(0, 1), slice(1, 2)):
        loss(drawn[part], found[part], total=lambda own: sums.append(own) or own)
    whole = [loss(drawn[part], found[part], total=lambda own: sums[0] + sums[1]) for part in (slice(0, 1), slice(1, 2))]
    assert whole == pytest.approx([loss(drawn, found)] * 2, rel=1e-5)
