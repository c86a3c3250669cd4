"""The same Python code in several processes at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

TIMEOUT_SECONDS = 300


def run_together(code: str, *arguments: Sequence[object]) -> list[subprocess.CompletedProcess[str]]:
    """Start a process for each list of arguments, and wait for all; none is left running."""
    commands = [[sys.executable, "-c", code, *map(str, each)] for each in arguments]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for command in commands
    ]
    try:
        results = [process.communicate(timeout=TIMEOUT_SECONDS) for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    return [
        subprocess.CompletedProcess(command, process.returncode, *result)
        for command, process, result in zip(commands, running, results, strict=True)
    ]
