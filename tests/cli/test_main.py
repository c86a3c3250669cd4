"""The command itself: help without TensorFlow, exit statuses, one sentence for every error, orderly ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest

from spinal_tf import errors
from spinal_tf.cli import main as main_module
from spinal_tf.cli.failures import Terminated, orderly_termination
from spinal_tf.cli.main import COMMANDS, main
from spinal_tf.cli.quiet import quiet_stderr
from spinal_tf.errors import DeviceError, VolumeError

ROOT = Path(__file__).parents[2]

HELP = """
import sys
from spinal_tf.cli.main import main
try:
    main(sys.argv[1:], prog_name="spinal-tf")
except SystemExit as end:
    assert end.code == 0
heavy = {"tensorflow", "keras", "cv2", "scipy", "nibabel", "numpy", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""

STUCK_WHILE_WRITING = """
import signal, sys, time
from pathlib import Path
from spinal_tf import case_files, loaded_weights
from spinal_tf.checkpoints.manifest import read_manifest
from spinal_tf.cli.main import main
from spinal_tf.models import Segmenter

def stuck(result, path):
    path.write_bytes(b"half a pic")
    print("writing", flush=True)
    time.sleep(120)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job's children inherit it ignored
case_files.write_contact_sheet = stuck
loaded_weights.import_tensorflow = lambda watch: None
checkpoint = read_manifest(Path(sys.argv[1]))["segmenter"]
loaded_weights.load_segmenter = lambda folder, device: Segmenter(checkpoint=checkpoint, engine=lambda batch: batch)
main(sys.argv[2:], prog_name="spinal-tf")
"""


def python(script, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture
def raising(monkeypatch):
    """The function that replaces ``doctor`` by a command that raises."""

    def replace(error):
        @click.command()
        def doctor():
            raise error

        monkeypatch.setattr("spinal_tf.cli.doctor.doctor", doctor)

    return replace


# Help


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["segment", "--help"], ["classify", "-h"], ["--version"]])
def test_help_imports_nothing_heavy(words):
    process = python(HELP, *words)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "spinal-tf" in output


def test_the_overview_says_what_each_commands_own_help_says(run):
    overview = " ".join(run("--help").stdout.split())
    for name, (_, line) in COMMANDS.items():
        assert f"{name} {line}" in overview
        assert main.get_command(None, name).help.startswith(line.split(";")[0].rstrip("."))


def test_unknown_command_and_option_are_wrong_usage(run):
    assert run("diagnose").exit_code == 2
    assert run("segment", "case.nii.gz", "--fast").exit_code == 2
    assert run("segment").exit_code == 2


# Errors


@pytest.mark.parametrize(
    ("error", "status"),
    [
        *[(errors.SpinalTfError, 1), (errors.DeviceError, 2), (errors.RequirementError, 2), (errors.VolumeError, 3)],
        *[(errors.CohortError, 3), (errors.OutputError, 3), (errors.BusyError, 3), (errors.TrainingError, 3)],
        *[(errors.PortError, 3), (errors.WeightsError, 4), (errors.ServerError, 6), (errors.StoppedError, 130)],
    ],
)
def test_an_expected_error_is_one_sentence_with_its_status(refused, raising, error, status):
    raising(error("scan.nii: is empty; export it again"))
    assert refused("doctor", status=status) == "scan.nii: is empty; export it again"


def test_an_unforeseen_error_is_one_sentence_too(refused, raising):
    raising(ZeroDivisionError("by\nnothing"))
    assert refused("doctor", status=1) == (
        "an error of ours: ZeroDivisionError: by nothing; run again with --debug and report what it prints"
    )


@pytest.mark.parametrize("words", [["--debug", "doctor"], ["doctor", "--debug"]])
@pytest.mark.parametrize(("error", "status"), [(VolumeError("no"), 3), (KeyError("no"), 1), (KeyboardInterrupt(), 130)])
def test_debug_shows_the_trace_wherever_it_stands(run, raising, words, error, status):
    raising(error)
    result = run(*words)
    assert result.exit_code == status
    assert result.stderr.startswith("Traceback (most recent call last)")
    assert "raise error" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("spinal-tf: ")


def test_a_closed_pipe_is_nobodys_fault(run, raising):
    raising(BrokenPipeError(32, "Broken pipe"))
    assert "error of ours" not in run("doctor").stderr


@pytest.mark.parametrize(("stop", "status"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_an_interruption_has_the_shells_status(refused, raising, stop, status):
    raising(stop())
    assert refused("doctor", status=status) == "interrupted; nothing unfinished was left behind"


# Interruption


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_nothing_is_left_when_writing_is_interrupted(bright_file, stub_networks, names, number, status):
    before = bright_file.read_bytes()
    arguments = ["segment", bright_file, "--weights", stub_networks]
    process = python(STUCK_WHILE_WRITING, stub_networks, *arguments)
    try:
        assert process.stdout.readline() == "writing\n", process.stderr.read()
        assert len(names(bright_file.parent)) == 5  # the case, its claim and three temporaries
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, output) == (status, "")
    assert errors == "spinal-tf: interrupted; nothing unfinished was left behind\n"
    assert names(bright_file.parent) == ["case.nii.gz"]
    assert bright_file.read_bytes() == before


def test_the_handler_is_there_for_the_command_only():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), orderly_termination():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_command_run_in_another_thread_leaves_the_handler_alone():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work():
        with orderly_termination():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


# TensorFlow's messages


def _chatter():
    os.write(2, b"I0000 chatter of a library\n")


def test_native_messages_are_held_back(capfd):
    with quiet_stderr():
        _chatter()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


@pytest.mark.parametrize(
    ("error", "shown"), [(ImportError, "I0000 chatter of a library\n"), (DeviceError, "")], ids=["unforeseen", "ours"]
)
def test_they_are_shown_only_when_something_unforeseen_fails(capfd, error, shown):
    def fail():
        with quiet_stderr():
            _chatter()
            raise error

    with pytest.raises(error):
        fail()
    assert capfd.readouterr().err == shown


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", "gpu:99"])
def test_a_real_run_prints_nothing_but_its_own_words(bright_file, tiny_weights, device):
    arguments = ["segment", bright_file, "--weights", tiny_weights, "--device", device]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    process = python("from spinal_tf.cli.main import main; main(prog_name='spinal-tf')", *arguments, env=environment)
    output, errors = process.communicate(timeout=300)
    if device == "cpu":
        assert (process.returncode, errors) == (0, "")
        assert output.startswith("case.nii.gz: 1 lesion")
    else:
        assert (process.returncode, output) == (2, "")
        assert errors.startswith("spinal-tf: device gpu:99 is not there; ")
        assert errors.count("\n") == 1


def test_statuses_are_those_of_the_shell():
    assert main_module.INTERRUPTED == 128 + signal.SIGINT
    assert main_module.TERMINATED == 128 + signal.SIGTERM
