"""What the processes of a training tell each other, with the sum over them in our hands."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from spinal_tf.errors import TrainingError
from spinal_tf.training.state import Progress, share_state
from spinal_tf.training.workers import Workers

CLUSTER = {"worker": ["a:1", "b:1"]}


def workers(kind="worker", number=0, cluster=CLUSTER) -> Workers:
    spec = SimpleNamespace(as_dict=lambda: cluster)
    resolver = SimpleNamespace(cluster_spec=lambda: spec, task_type=kind, task_id=number)
    return Workers(SimpleNamespace(cluster_resolver=resolver, num_replicas_in_sync=4))


def with_sums(ours: Workers, monkeypatch, *sums) -> list[np.ndarray]:
    """Let the sums over the processes be these, or what is given; return what is given."""
    given, rest = [], iter(sums)

    def total(values):
        given.append(values)
        return next(rest, values)

    monkeypatch.setattr(ours, "_sum", total)
    return given


@pytest.mark.parametrize(
    ("kind", "number", "cluster", "chief"),
    [
        ("worker", 0, CLUSTER, True),
        ("worker", 1, CLUSTER, False),
        ("chief", 0, {"chief": ["a:1"], "worker": ["b:1"]}, True),
        ("worker", 0, {"chief": ["a:1"], "worker": ["b:1"]}, False),
    ],
)
def test_the_first_is_the_chief(kind, number, cluster, chief):
    ours = workers(kind, number, cluster)
    assert (ours.count, ours.alone, ours.is_chief) == (2, False, chief)


def test_one_process_is_its_own_chief_and_asks_nobody():
    ours = Workers(tf.distribute.get_strategy())
    assert (ours.count, ours.alone, ours.is_chief) == (1, True, True)
    assert ours.from_chief(1.5, True) == (1.5, 1.0)
    assert ours.anywhere(True)
    assert not ours.anywhere(False)
    assert ours.chief_first(lambda: "done") == "done"


def test_what_the_others_give_is_nothing(monkeypatch):
    chief, other = workers(), workers(number=1)
    assert with_sums(chief, monkeypatch) == []
    assert chief.from_chief(3, 0.5) == (3.0, 0.5)
    given = with_sums(other, monkeypatch, np.array([3, 0.5]))
    assert other.from_chief(7, 7) == (3.0, 0.5)
    assert given[0].tolist() == [0, 0]


def test_arrays_keep_shape_and_type(monkeypatch):
    arrays = [np.float32([[0.1, 2]]), np.int64([2**52 + 1]), np.array(True)]
    ours = workers()
    with_sums(ours, monkeypatch)
    for one, other in zip(ours.arrays_from_chief(arrays), arrays, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_a_flag_that_is_set_anywhere_counts(monkeypatch):
    ours = workers()
    with_sums(ours, monkeypatch, np.array([2.0]), np.array([0.0]))
    assert ours.anywhere(False)
    assert not ours.anywhere(False)


@pytest.mark.parametrize(("number", "expected"), [(0, ["work", "wait"]), (1, ["wait", "work"])])
def test_the_chief_works_first(monkeypatch, number, expected):
    ours, order = workers(number=number), []

    def wait(values):
        order.append("wait")
        return values

    monkeypatch.setattr(ours, "_sum", wait)
    assert ours.chief_first(lambda: order.append("work") or "done") == "done"
    assert order == expected


def test_a_lost_process_is_told_in_a_sentence():
    def lose(ours):
        with ours.together():
            raise tf.errors.UnavailableError(None, None, "Connection reset by peer")

    with pytest.raises(TrainingError, match="another process of this training ended or cannot be reached"):
        lose(workers())
    with pytest.raises(tf.errors.UnavailableError):
        lose(Workers(tf.distribute.get_strategy()))


def test_the_others_take_over_the_chiefs_state(monkeypatch):
    theirs = Progress(step=12, seconds=3.5, losses=1.25, losses_count=2, gain_step=10, waiting_step=8, rate_factor=0.5)
    numbers = [12, 3.5, 1.25, 2, 10, 8, 0.5]
    variable, progress, ours = keras.Variable(np.zeros(3, np.float32)), Progress(), workers(number=1)
    with_sums(ours, monkeypatch, np.array(numbers), np.array([1.0, 2.0, 3.0]))
    share_state(progress, [variable], ours)
    assert progress == theirs
    assert isinstance(progress.step, int)
    assert variable.numpy().tolist() == [1, 2, 3]
