"""The lock for what is read, changed and written: with real processes, and what is left of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from together import run_together

from spinal_tf import locks
from spinal_tf.errors import OutputError
from spinal_tf.locks import locked

COUNTER = """
import sys
from pathlib import Path
from spinal_tf.locks import locked

path = Path(sys.argv[1])
for _ in range(int(sys.argv[2])):
    with locked(path):
        path.write_text(str(int(path.read_text()) + 1))
"""

HOLDER = """
import sys, time
from pathlib import Path
from spinal_tf.locks import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "a.json")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_no_change_of_several_processes_is_lost_and_nothing_is_left(tmp_path):
    path = tmp_path / "count"
    path.write_text("0")
    ended = run_together(COUNTER, *[(path, 40)] * 3)
    assert [process.returncode for process in ended] == [0, 0, 0], ended
    assert path.read_text() == "120"
    assert names(tmp_path) == ["count"]


@pytest.mark.usefixtures("holder")
def test_a_lock_that_another_process_holds_is_refused_at_once_where_nobody_waits(tmp_path):
    with pytest.raises(OutputError, match=r"a\.json: another process is writing there; wait until"):
        locked(tmp_path / "a.json", wait=False).__enter__()


@pytest.mark.usefixtures("holder")
def test_nobody_waits_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0.2)
    with pytest.raises(OutputError, match="another process is writing there"):
        locked(tmp_path / "a.json").__enter__()


@pytest.mark.usefixtures("holder")
def test_other_files_of_the_folder_are_free(tmp_path):
    with locked(tmp_path / "b.json", wait=False):
        pass


def test_the_lock_of_a_killed_process_blocks_nobody(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert names(tmp_path) == [".spinal-tf-a.json.lock"]
    with locked(tmp_path / "a.json", wait=False):
        pass
    assert names(tmp_path) == []


def test_whoever_waits_gets_the_lock_in_the_end(tmp_path):
    order: list[str] = []

    def second() -> None:
        with locked(tmp_path / "a.json"):
            order.append("second")

    with locked(tmp_path / "a.json"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]
    assert names(tmp_path) == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_an_error_frees_the_lock(tmp_path, stop):
    with pytest.raises(stop), locked(tmp_path / "a.json"):
        raise stop
    assert names(tmp_path) == []
    with locked(tmp_path / "a.json", wait=False):
        pass


@pytest.mark.parametrize("disk", ["ro"], indirect=True)
def test_a_folder_that_refuses_is_told_in_a_sentence(disk):
    with pytest.raises(OutputError, match=r"a\.json: cannot be locked for writing \(Read-only"):
        locked(disk / "a.json").__enter__()


def test_a_place_where_no_lock_can_lie_is_told_in_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be locked for writing"):
        locked(tmp_path / "file" / "a.json").__enter__()
