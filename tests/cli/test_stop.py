"""Ctrl-C and SIGTERM in a training are noted, and heeded after the step."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from spinal_tf.cli.failures import STOPPING, Terminated, noted_stop
from spinal_tf.errors import StoppedError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


def test_nobody_has_asked_at_first():
    with noted_stop() as asked:
        assert not asked()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_is_noted_and_decides_the_status(capfd, number, status):
    before = signal.getsignal(number)

    def train():
        with noted_stop() as asked:
            os.kill(os.getpid(), number)
            if asked():
                raise StoppedError

    with pytest.raises(StoppedError) as caught:
        train()
    assert caught.value.exit_code == status
    assert capfd.readouterr().err == STOPPING.decode()
    assert signal.getsignal(number) is before


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_the_second_one_ends_it_at_once(number, error):
    def train():
        with noted_stop():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), number)

    with pytest.raises(error):
        train()


def test_what_another_process_was_asked_for_has_the_status_of_ctrl_c():
    with pytest.raises(StoppedError) as caught, noted_stop():
        raise StoppedError
    assert caught.value.exit_code == 130


def test_another_thread_leaves_the_handlers_alone():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        with noted_stop() as asked:
            seen.append((signal.getsignal(signal.SIGINT), asked()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(before, False)]
