"""Pieces of work one after the other: failures stop nothing, and whoever asks is told of each."""

from __future__ import annotations

import sys

import pytest

from spinal_tf import one_by_one
from spinal_tf.errors import DeviceError, RequirementError, VolumeError, WeightsError
from spinal_tf.one_by_one import run_one_by_one


def fail(error):
    raise error


def test_a_failure_stops_nothing_and_each_piece_is_told(monkeypatch):
    ticks = iter([0.0, 10.0, 12.0, 30.0])
    monkeypatch.setattr(one_by_one, "perf_counter", lambda: next(ticks))
    told, fault = [], VolumeError("b.nii.gz: is empty")
    failed = run_one_by_one({"a": lambda: "fine", "b": lambda: fail(fault), "c": lambda: "well"}, told.append)
    assert failed == {"b": fault}
    assert [(one.name, one.number, one.total, one.words, one.error) for one in told] == [
        ("a", 1, 3, "fine", None),
        ("b", 2, 3, "", fault),
        ("c", 3, 3, "well", None),
    ]
    # After 10 s for one, two are left; after 12 s for two, one.
    assert [one.seconds_left for one in told] == [20, 6, 0]


def test_whoever_is_told_of_a_failure_can_show_its_trace():
    seen = []
    run_one_by_one({"a": lambda: fail(ValueError("no"))}, lambda one: seen.append(sys.exc_info()[1] is one.error))
    assert seen == [True]


@pytest.mark.parametrize("error", [WeightsError("w"), DeviceError("d"), RequirementError("r")])
def test_what_every_piece_would_fail_at_ends_it(error):
    told = []
    with pytest.raises(type(error)):
        run_one_by_one({"a": lambda: fail(error), "b": lambda: "never"}, told.append)
    assert told == []


def test_an_error_of_whoever_is_told_is_not_taken_for_the_works():
    with pytest.raises(BrokenPipeError):
        run_one_by_one({"a": lambda: "fine", "b": lambda: "fine"}, lambda _: fail(BrokenPipeError()))
