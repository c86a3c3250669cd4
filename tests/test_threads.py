"""Work in threads keeps its order, tells its progress, and ends at the first error."""

from __future__ import annotations

import threading
import time

import pytest

from spinal_tf.threads import map_threads


def test_results_keep_the_order_of_the_items():
    def work(number):
        time.sleep(0.02 if number == 0 else 0)
        return number**2

    told = []
    found = map_threads(work, range(20), progress=lambda done, total: told.append((done, total)))
    assert found == [number**2 for number in range(20)]
    assert told == [(done, 20) for done in range(1, 21)]


def test_progress_is_told_as_items_finish_and_does_not_wait_for_a_slow_first_one(monkeypatch):
    monkeypatch.setattr("spinal_tf.threads.usable_cores", lambda: 2)
    others_told = threading.Event()

    def work(number):
        return number if number else others_told.wait(20)

    def progress(done, total):
        if done == 2:
            others_told.set()

    assert map_threads(work, range(3), progress=progress) == [True, 1, 2]


def test_of_several_errors_the_first_item_s_is_raised(monkeypatch):
    monkeypatch.setattr("spinal_tf.threads.usable_cores", lambda: 2)
    second_failed = threading.Event()

    def work(number):
        if number == 0:
            second_failed.wait(20)
        try:
            raise ValueError(number)
        finally:
            second_failed.set()

    with pytest.raises(ValueError, match="0"):
        map_threads(work, range(50))


def test_nothing_to_do_gives_nothing():
    assert map_threads(str, []) == []


def test_progress_is_told_in_the_calling_thread():
    threads = set()
    map_threads(str, [1, 2], progress=lambda *_: threads.add(threading.current_thread()))
    assert threads == {threading.current_thread()}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_no_further_item_is_begun(error):
    begun = []

    def work(number):
        begun.append(number)
        time.sleep(0.01)
        if number == 0:
            raise error

    with pytest.raises(error):
        map_threads(work, range(500))
    assert len(begun) < 100
