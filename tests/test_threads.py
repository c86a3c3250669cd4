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
