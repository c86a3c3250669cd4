"""Runs at the same time share the cases: with real processes, killed ones, and file systems without locks."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys

import pytest

from spinal_tf.case_files import CaseFiles
from spinal_tf.claims import Claims, FinishedElsewhereError
from spinal_tf.errors import BusyError, OutputError

RUN = """
import os, sys, time
from pathlib import Path

import click

from spinal_tf.case_files import CaseFiles
from spinal_tf.claims import Claims
from spinal_tf.cli.batch import run_cases
from spinal_tf.cli.summary import Outcome
from spinal_tf.files import output_files

overwrite = sys.argv[2] == "overwrite"
cases = [CaseFiles(case=path, folder=path.parent) for path in sorted(Path(sys.argv[1]).glob("*.nii.gz"))
         if "_lesion" not in path.name]

def outputs(case):
    return case.lesion_outputs()

def work(case, hold):
    with hold(case), output_files(*outputs(case), overwrite=overwrite) as temporary:
        for path in temporary:
            path.write_text(str(os.getpid()))
            time.sleep(0.01)
    return Outcome(words=f"done {case.case.name}", lesion=True, review=False)

claims = Claims(cases, outputs)  # before the other starts: what it finishes earlier exists already

@click.command()
def main():
    run_cases(cases, work, claims, resume=False)

print("ready", flush=True)
sys.stdin.readline()
main(args=[])
"""

HOLDER = """
import sys, time
from pathlib import Path
from spinal_tf.case_files import CaseFiles
from spinal_tf.claims import Claims

case = CaseFiles(case=Path(sys.argv[1]), folder=Path(sys.argv[1]).parent)
with Claims([case], lambda case: case.lesion_outputs()).hold(case):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def case(tmp_path) -> CaseFiles:
    return CaseFiles(case=tmp_path / "t2.nii.gz", folder=tmp_path)


def claims(*cases) -> Claims:
    return Claims(cases, lambda case: case.lesion_outputs())


def write(case, text="") -> None:
    for path in case.lesion_outputs():
        path.write_text(text)


@pytest.mark.parametrize("mode", ["new", "overwrite"])
def test_two_runs_do_each_case_once_and_never_mix_outputs(tmp_path, mode):
    cases = [CaseFiles(case=tmp_path / f"{number:02}.nii.gz", folder=tmp_path) for number in range(12)]
    for case in cases:
        case.case.touch()
        if mode == "overwrite":
            write(case, "before")
    commands = [[sys.executable, "-c", RUN, str(tmp_path), mode]] * 2
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    running = [subprocess.Popen(command, text=True, **pipes) for command in commands]
    try:
        for process in running:
            assert process.stdout.readline() == "ready\n"
        for process in running:
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [process.communicate(timeout=120) for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert [process.returncode for process in running] == [0, 0], said
    done = sorted(line for out, _ in said for line in out.splitlines() if line.startswith("done"))
    assert done == [f"done {case.case.name}" for case in cases]
    assert all("0 failed" in err for _, err in said)
    for case in cases:
        writers = {path.read_text() for path in case.lesion_outputs()}
        assert len(writers) == 1
        assert "before" not in writers
    assert not list(tmp_path.glob(".*"))


def test_a_case_is_held_by_one_run_and_the_other_is_told_its_path(case):
    with (
        claims(case).hold(case),
        pytest.raises(BusyError, match=r"/t2\.nii\.gz: another run is working on this case; wait"),
        claims(case).hold(case),
    ):
        pass


def test_the_claim_of_a_killed_process_is_taken_over(case):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(case.case)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BusyError), claims(case).hold(case):
            pass
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    assert [path.name for path in case.folder.iterdir()] == [".spinal-tf-t2.lock"]
    with claims(case).hold(case):
        pass
    assert list(case.folder.iterdir()) == []


@pytest.mark.parametrize("before", [False, True])
def test_what_another_run_finished_meanwhile_is_not_done_again(case, before):
    if before:
        write(case)
    ours = claims(case)
    assert ours.finished_before(case) is before
    for path in case.lesion_outputs():
        path.unlink(missing_ok=True)
    write(case, "of another run")
    with pytest.raises(FinishedElsewhereError, match="has written its outputs meanwhile"), ours.hold(case):
        pass


def test_what_existed_before_is_not_taken_for_another_runs(case):
    write(case)
    with claims(case).hold(case):
        pass


def test_outputs_that_appear_while_publishing_are_another_runs(case):
    def fail(sentence, *, meanwhile) -> None:
        with claims(case).hold(case):
            meanwhile()
            raise OutputError(sentence)

    with pytest.raises(OutputError, match="the disk is full"):
        fail("the disk is full", meanwhile=lambda: None)
    with pytest.raises(FinishedElsewhereError):
        fail("t2_lesion.json: already exists", meanwhile=lambda: write(case))


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_work_goes_on_and_leaves_none(case, monkeypatch, code):
    import fcntl

    def refuse(*_):
        raise OSError(code, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with claims(case).hold(case):
        pass
    assert list(case.folder.iterdir()) == []


@pytest.mark.parametrize("disk", ["ro"], indirect=True)
def test_a_folder_that_refuses_is_left_to_whoever_writes_there(disk):
    case = CaseFiles(case=disk / "t2.nii.gz", folder=disk)
    with claims(case).hold(case):
        pass
