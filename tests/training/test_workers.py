"""One process stops when it is asked to; two train as one does, and the chief alone keeps the run folder."""

from __future__ import annotations

import csv
import signal
from pathlib import Path

import pytest

STUB = Path(__file__).with_name("small_training.py")
OPTIONS = ("train", "segmenter", "--crop", 16, "--batch", 4, "--validation-every", 2, "--learning-rate", 0.02)


@pytest.fixture
def train(cohort_table, shared_cache, processes):
    """Start the command with a network of two layers; no process outlives the test."""
    started = []

    def start(out, *more, **environment):
        given = ["--cohort", cohort_table, "--cache", shared_cache, "--out", out]
        started.append(processes.start(STUB, *OPTIONS, *given, *more, **environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()


def log(run: Path) -> list[list[float]]:
    with (run / "log.csv").open(newline="") as file:
        return [[float(value) for name, value in row.items() if name != "seconds"] for row in csv.DictReader(file)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_two_processes_train_and_go_on_as_one_does(tmp_path, train, processes):
    alone, chief, other = tmp_path / "alone", tmp_path / "chief", tmp_path / "other"
    processes.finish(train(alone, "--steps", 6))
    for steps in (4, 6):
        workers = zip((chief, other), processes.two_workers(), strict=True)
        started = [train(out, "--steps", steps, "--resume", **environment) for out, environment in workers]
        said, silent = processes.finish(*started)
    assert f"{chief}: best weights of step" in said
    assert silent == ""
    ours, theirs = log(chief), log(alone)
    assert [row[0] for row in ours] == [2, 4, 6]
    for shared, single in zip(ours, theirs, strict=True):
        assert shared == pytest.approx(single, rel=1e-4, abs=1e-6)
    assert not other.exists()


def after_a_step(process):
    while not process.stdout.readline().startswith("step "):
        assert process.poll() is None, process.stderr.read()
    return process


def ended(process, status: int) -> str:
    _, errors = process.communicate(timeout=600)
    assert process.returncode == status, errors
    return errors


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_training_asked_to_stop_saves_its_state_and_says_how_to_go_on(tmp_path, train, processes, number, status):
    out = tmp_path / "run"
    process = after_a_step(train(out, "--steps", 10**6))
    process.send_signal(number)
    *_, sentence = ended(process, status).splitlines()
    assert sentence.startswith(f"spinal-tf: {out}: stopped after step ")
    assert sentence.endswith("and the state is saved; repeat the command with --resume to continue")
    last = int(sentence.split("step ")[1].split(",")[0])
    processes.finish(train(out, "--steps", last + 2, "--resume"))
    assert [row[0] for row in log(out)][-1] == last + 2


@pytest.mark.slow
def test_the_others_of_one_that_is_asked_to_stop_or_killed_end_in_a_sentence(tmp_path, train, processes):
    def start():
        tasks = processes.two_workers()
        chief, other = (train(tmp_path / "run", "--steps", 10**6, "--resume", **task) for task in tasks)
        return after_a_step(chief), other

    chief, other = start()
    other.send_signal(signal.SIGTERM)
    for process, status in ((other, 143), (chief, 130)):
        assert "the state is saved; repeat the command with --resume to continue" in ended(process, status)
    chief, other = start()
    other.kill()
    assert "another process of this training ended or cannot be reached" in ended(chief, 3)
