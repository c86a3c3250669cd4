"""Batches in the order of the steps, from any step on, whole or one machine's share."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from spinal_tf.datasets.feed import feed


class Numbers:
    """Samples that hold their own step and index."""

    shapes = (2, 3, 1), (1,)

    def __init__(self):
        self.threads = set()

    def __call__(self, step, index):
        assert isinstance(step, int)
        assert isinstance(index, int)
        self.threads.add(threading.get_ident())
        return np.full((2, 3, 1), step, np.float32), np.array([index], np.float32)


def batches(**arguments):
    return [(images.numpy(), targets.numpy()) for images, targets in feed(Numbers(), **arguments)]


def test_batches_come_in_the_order_of_the_steps():
    found = batches(indices=range(4), first_step=0, steps=20)
    assert [images[0, 0, 0, 0] for images, _ in found] == list(range(20))
    for images, targets in found:
        assert images.shape == (4, 2, 3, 1)
        assert len(np.unique(images)) == 1
        assert targets[:, 0].tolist() == [0, 1, 2, 3]


def test_a_feed_from_a_later_step_goes_on_where_one_from_the_first_would_be():
    whole, later = batches(indices=range(3), first_step=0, steps=9), batches(indices=range(3), first_step=5, steps=9)
    assert len(later) == 4
    for one, other in zip(whole[5:], later, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_shares_of_several_machines_make_up_the_batch():
    shares = [batches(indices=indices, first_step=0, steps=3) for indices in ([0, 1], [2, 3])]
    for step, parts in enumerate(zip(*shares, strict=True)):
        assert np.concatenate([targets for _, targets in parts])[:, 0].tolist() == [0, 1, 2, 3]
        assert {float(images[0, 0, 0, 0]) for images, _ in parts} == {step}


def test_parts_of_a_share_follow_each_other():
    found = batches(indices=[1, 3, 5, 7], first_step=2, steps=4, parts=2)
    assert [targets[:, 0].tolist() for _, targets in found] == [[1, 3], [5, 7]] * 2
    assert [float(images[0, 0, 0, 0]) for images, _ in found] == [2, 2, 3, 3]


def test_shapes_are_known_to_the_graph():
    images, targets = feed(Numbers(), indices=range(4), first_step=0, steps=1).element_spec
    assert images.shape.as_list() == [4, 2, 3, 1]
    assert targets.shape.as_list() == [4, 1]


def test_a_fault_of_a_sample_is_not_swallowed():
    class Broken(Numbers):
        def __call__(self, step, index):
            raise ValueError("no such tile")

    with pytest.raises(Exception, match="no such tile"):
        next(iter(feed(Broken(), indices=range(2), first_step=0, steps=1)))
