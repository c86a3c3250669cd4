"""Progress in a log file: a line every 30 s, and nothing about work that is done sooner."""

from __future__ import annotations

import sys

import pytest

from spinal_tf.cli import progress
from spinal_tf.cli.progress import progress_bar, progress_share


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    times = [100.0]
    monkeypatch.setattr(progress, "monotonic", lambda: times[0])

    def wait(seconds: float) -> None:
        times[0] += seconds

    return wait


def test_a_log_gets_a_line_every_30_seconds(clock, capsys):
    with progress_bar("Reading the images") as show:
        for done in range(1, 13):
            clock(10)
            show(done, 12)
    shown = capsys.readouterr()
    assert shown.out == ""
    # The speed counts from the first call, at 10 s with 1 of 12.
    assert shown.err.splitlines() == [
        "Reading the images: 3/12, 25% done, about 90 s left",
        "Reading the images: 6/12, 50% done, about 60 s left",
        "Reading the images: 9/12, 75% done, about 30 s left",
        "Reading the images: 12/12, 100% done",
    ]


def test_short_work_says_nothing(clock, capsys):
    with progress_bar("Reading the images") as show:
        for done in range(1, 13):
            clock(2)
            show(done, 12)
    assert capsys.readouterr().err == ""


def test_the_time_left_of_a_resumed_training_counts_from_where_it_was_resumed(clock, capsys):
    with progress_share("Training") as show:
        show(0.9, "step 900, loss 0.5")
        clock(300)
        show(0.95, "step 950, loss 0.4")
    assert capsys.readouterr().err == "Training: step 950, loss 0.4, 95% done, about 5 min left\n"


def test_without_progress_no_time_is_promised(clock, capsys):
    with progress_share("Training") as show:
        show(0.5, "step 1, loss 1")
        clock(31)
        show(0.5, "step 1, loss 1")
    assert capsys.readouterr().err == "Training: step 1, loss 1, 50% done\n"


def test_a_terminal_keeps_its_bar(clock, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress_bar("Reading") as show:
        for done in (1, 2, 3):
            show(done, 3)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Reading" in shown.err
    assert "3/3" in shown.err
    assert "left" not in shown.err


def test_a_validation_tells_its_cases(clock, capsys):
    from spinal_tf.cli import training_session
    from spinal_tf.training.setting import Report

    with training_session._reporting() as report:
        report(Report(step=500, share=0.5, loss=0.5))
        for done in range(1, 41):
            clock(2)
            report(Report(step=500, share=0.5, loss=0.5, cases=(done, 40)))
        clock(20)
        report(Report(step=500, share=1.0, loss=float("nan"), cases=(3, 40)))
    assert capsys.readouterr().err.splitlines() == [
        "Training: validation of step 500, 15/40 cases, 50% done",
        "Training: validation of step 500, 30/40 cases, 50% done",
        "Training: validation of step 500, 3/40 cases, 100% done",
    ]


def test_a_training_without_a_terminal_tells_step_and_loss(clock, capsys):
    from spinal_tf.cli import training_session
    from spinal_tf.training.setting import Report

    with training_session._reporting() as report:
        report(Report(step=10, share=0.01, loss=0.75))
        clock(45)
        report(Report(step=40, share=0.04, loss=0.5))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "Training: step 40, loss 0.5000, 4% done, about 24 min left\n"
