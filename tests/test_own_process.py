"""Work in a process of its own: its results, its errors, and its violent ends."""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial

import numpy as np
import pytest

from spinal_tf.errors import PortError
from spinal_tf.own_process import EndedError, run_apart

OTHER = partial(eval, "__import__('os').getpid()")


def test_the_work_is_done_in_another_process_that_finds_the_same_modules():
    assert run_apart(OTHER) != os.getpid()
    assert run_apart(partial(eval, "__import__('sys').path")) == sys.path


def test_arrays_and_odd_names_come_back_as_they_are(tmp_path):
    path = tmp_path / "caf\udce9.txt"
    path.write_text("x")
    assert run_apart(path.read_bytes) == b"x"
    np.testing.assert_array_equal(run_apart(partial(np.arange, 200_000)), np.arange(200_000))


def test_an_error_of_the_work_is_raised_here():
    with pytest.raises(PortError, match="^a sentence$"):
        run_apart(partial(exec, "from spinal_tf.errors import PortError; raise PortError('a sentence')"))


@pytest.mark.parametrize(
    ("number", "words"), [(signal.SIGSEGV, "Segmentation fault"), (signal.SIGKILL, "Killed"), (signal.SIGABRT, "Abort")]
)
def test_the_signal_that_ends_the_process_is_named(number, words):
    with pytest.raises(EndedError, match=words):
        run_apart(partial(signal.raise_signal, number))


def test_a_process_that_hangs_is_killed():
    begun = time.monotonic()
    with pytest.raises(EndedError, match=r"^not done after 0\.5 s$"):
        run_apart(partial(time.sleep, 60), seconds=0.5)
    assert time.monotonic() - begun < 20


def test_an_exit_without_an_answer_is_no_crash():
    with pytest.raises(RuntimeError):
        run_apart(partial(os._exit, 3))


def test_modules_of_the_current_folder_stay_unused(tmp_path, monkeypatch):
    (tmp_path / "pickle.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    assert run_apart(OTHER)
