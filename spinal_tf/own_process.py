"""Run a function in a process of its own, so that a crash or hang of native code inside it is an ordinary error."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

CHILD = """
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
try:
    answer = pickle.load(sys.stdin.buffer)(), None
except Exception as error:
    answer = None, error
pickle.dump(answer, sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)
"""
"""Program of the process. It does not import the program that it works for, unlike the processes of multiprocessing."""


SECONDS = 300.0
"""Time limit. Reading the weights of a network takes about a second; a damaged file can take forever."""


class EndedError(Exception):
    """The process ended by a signal or took too long; the message says which."""


def run_apart(work: Callable[[], Result], *, seconds: float = SECONDS) -> Result:
    """Run a function in a new process that shares no memory with this one.

    Args:
        work: module-level function, or a partial application of one; what it gets, returns and raises can be pickled.
        seconds: time limit, after which the process is killed.

    Raises:
        EndedError: the process was ended by a signal, as by a crash, or reached the time limit.
        Exception: the work raised it.
    """
    # Isolated, so that no module of the current folder is taken for one of Python's; the path then comes from here.
    command = [sys.executable, "-I", "-X", f"utf8={sys.flags.utf8_mode}", "-c", CHILD]
    sent = pickle.dumps(sys.path) + pickle.dumps(work, pickle.HIGHEST_PROTOCOL)
    try:
        done = subprocess.run(command, input=sent, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise EndedError(f"not done after {seconds:g} s") from error
    if done.returncode < 0:
        raise EndedError(signal.strsignal(-done.returncode) or f"signal {-done.returncode}")
    if done.returncode > 0:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    answer: tuple[Result, None] | tuple[None, Exception] = pickle.loads(done.stdout)
    if answer[1] is not None:
        raise answer[1]
    return answer[0]
