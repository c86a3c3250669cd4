"""``--level-at``: a person says which vertebra lies at which row of the file."""

from __future__ import annotations

import shutil

import pytest

from spinal_tf import pipeline
from spinal_tf.cli import session
from spinal_tf.errors import VolumeError


@pytest.fixture(autouse=True)
def networks(stub_networks):
    return stub_networks


@pytest.fixture
def asked(monkeypatch):
    """The levels that reach the pipeline."""
    levels = []

    def note(volume, networks, *, given=None, options, **others):
        levels.append((options.level_at, given is not None))
        raise VolumeError("case.nii.gz: enough")

    monkeypatch.setattr(session, "diagnose", note)
    return levels


def test_the_level_reaches_the_pipeline(run, bright_file, asked):
    run("segment", bright_file, "--level-at", "t10=12")
    run("classify", bright_file, "--level-at", "L5=0")
    assert asked == [(("T10", 12), False), (("L5", 0), False)]


def test_it_also_goes_with_a_mask(run, bright_file, asked, monkeypatch):
    with monkeypatch.context() as change:
        change.setattr(session, "diagnose", pipeline.diagnose)
        assert run("segment", bright_file).exit_code == 0
    run("classify", bright_file, "--with-mask", "--level-at", "T10=12")
    assert asked == [(("T10", 12), True)]


@pytest.mark.parametrize(
    ("level_at", "words"),
    [
        ("T10", "write a vertebra and its row, such as T10=120"),
        ("T10=", "write a vertebra and its row, such as T10=120"),
        ("T10=-3", "write a vertebra and its row, such as T10=120"),
        ("T10=1.5", "write a vertebra and its row, such as T10=120"),
        ("C1=3", "'C1' is no vertebra to count from; choose one from C2 to L5, such as T10"),
        ("S1=3", "'S1' is no vertebra to count from; choose one from C2 to L5, such as T10"),
    ],
)
@pytest.mark.parametrize("command", ["segment", "classify"])
def test_anything_else_is_refused(run, bright_file, asked, command, level_at, words):
    result = run(command, bright_file, "--level-at", level_at)
    assert result.exit_code == 2
    assert words in result.stderr
    assert asked == []


def test_it_belongs_to_one_case(run, bright_file, asked):
    other = shutil.copy(bright_file, bright_file.with_name("other.nii.gz"))
    result = run("segment", bright_file, other, "--level-at", "T10=12")
    assert result.exit_code == 2
    assert "--level-at belongs to one case; give one case" in result.stderr
    assert asked == []


def test_weights_that_find_no_vertebrae_refuse_it(refused, bright_file, names):
    sentence = refused("segment", bright_file, "--level-at", "T10=12", status=4)
    assert sentence.startswith("case.nii.gz: no network finds vertebrae to count from the given level; leave")
    assert names(bright_file.parent) == ["case.nii.gz"]
