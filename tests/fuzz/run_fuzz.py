"""Read damaged files: each gives a result or one sentence of ours, within a time and a memory limit.

    python tests/fuzz/run_fuzz.py --files 10000

The exit status is 0 if all files did. Every finding names its kind and number; ``--kind nrrd --first 812 --files 1``
makes the same file again.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

from fuzz_kinds import KINDS, LIGHT, Kind

MEMORY_BYTES = 10**9
SECONDS_A_FILE = 5.0
MOST_SHOWN = 5
NOW = "now"
"""File that says what is being read, for the case of a crash."""
SENTENCE_AT_MOST = 1200


class Slow(BaseException):
    """The time of a file is up; nothing catches it on the way."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", action="append", choices=KINDS, help="kind of file; all that need no TensorFlow")
    parser.add_argument("--files", type=int, default=1000, help="number of files of each kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--apart", action="store_true", help="read each file in a process of its own, if its kind can")
    options = parser.parse_args()
    kinds = options.kind or list(LIGHT)
    if options.child:
        return max(_fuzz(kind, options) for kind in kinds)
    return _in_child(kinds, options.first, options.files, apart=options.apart)


def _in_child(kinds: list[str], first: int, files: int, *, apart: bool = False) -> int:
    """Fuzz in another process, whose crash is a finding unless the package reads such files apart."""
    named = [part for kind in kinds for part in ("--kind", kind)]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, *named, "--first", str(first), "--files", str(files), "--child", folder]
        command += ["--apart"] if apart else []
        status = subprocess.run(command, check=False).returncode
        if status in (0, 1):
            return status
        name, number = (Path(folder) / NOW).read_text().split()
    print(f"{name} {number}: crashed with status {status}", flush=True)
    is_finding = apart or KINDS[name].read_apart is None
    found = [1 if is_finding else _in_child([name], int(number), 1, apart=True)]
    done = int(number) + 1 - first
    if done < files:
        found.append(_in_child([name], first + done, files - done, apart=apart))
    if others := kinds[kinds.index(name) + 1 :]:
        found.append(_in_child(others, first, files, apart=apart))
    return max(found)


def _fuzz(name: str, options: argparse.Namespace) -> int:
    """Read so many damaged files of a kind and print what came of them; return 1 if there are findings."""
    kind, outcomes, findings, folder = KINDS[name], Counter[str](), Counter[str](), options.child
    if options.apart:
        kind = replace(kind, read=kind.read_apart or kind.read)
    _outcome(kind, folder, None, must_succeed=True)
    _limit_memory()
    for number in range(options.first, options.first + options.files):
        (folder / NOW).write_text(f"{name} {number}")
        finding = _outcome(kind, folder, Random(f"{name} {number}"), outcomes=outcomes)
        if finding:
            place = finding.strip().splitlines()[-1][:100]
            findings[place] += 1
            if findings[place] <= MOST_SHOWN:
                print(f"{name} {number}: {finding}", flush=True)
    print(f"{name}: {dict(outcomes)}, {sum(findings.values())} findings", flush=True)
    return 1 if findings else 0


def _outcome(
    kind: Kind, folder: Path, rng: Random | None, *, must_succeed: bool = False, outcomes: Counter[str] | None = None
) -> str:
    """Read one file; return what is wrong with how that ended, empty if nothing is."""
    from spinal_tf.errors import SpinalTfError

    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    path = _write(work, kind.make(rng))
    signal.signal(signal.SIGALRM, _time_is_up)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_A_FILE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            kind.read(path)
        ended = "read"
    except SpinalTfError as error:
        if must_succeed:
            raise
        return _fault_of(error) or _count(outcomes, "refused")
    except Slow:
        return f"slow: more than {SECONDS_A_FILE} s"
    except Exception:
        if must_succeed:
            raise
        return traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return _count(outcomes, ended)


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / next(iter(files))


def _fault_of(error: BaseException) -> str:
    """Say what is wrong with a sentence of ours: several lines, too long, or memory that ran out behind it."""
    text, cause = str(error), error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return f"memory: {text}"
        cause = cause.__cause__
    if "\n" in text or len(text) > SENTENCE_AT_MOST or " " not in text:
        return f"not one sentence: {text[:300]!r} ({len(text)} characters)"
    return ""


def _count(outcomes: Counter[str] | None, ended: str) -> str:
    if outcomes is not None:
        outcomes[ended] += 1
    return ""


def _limit_memory() -> None:
    """Allow so much data more than the process has."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    used = 1024 * int(status["VmData"].split()[0])
    resource.setrlimit(resource.RLIMIT_DATA, (used + MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _time_is_up(*_: object) -> None:
    raise Slow


if __name__ == "__main__":
    sys.exit(main())
