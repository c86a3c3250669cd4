"""``spinal_tf.train_segmenter`` and ``spinal_tf.train_classifier``: what they ask the library for.

tests/test_python_page.py trains a network with the first.
"""

from __future__ import annotations

import json

import pytest

import spinal_tf
from spinal_tf.training.run_folder import RunFolder

BEST = {"step": 7, "operating_point": 0.4, "measures": {"validation_auc": 0.9}}


@pytest.fixture
def asked(monkeypatch, tmp_path, write_cohort, write_table):
    """What was asked for; nothing is trained."""
    from spinal_tf.training import train_classifier, train_segmenter

    seen = []

    def noted(cohort, *arguments, resume):
        seen.append((cohort, arguments, resume))
        (tmp_path / "run" / "best.json").write_text(json.dumps(BEST))
        return RunFolder(path=tmp_path / "run")

    monkeypatch.setattr(train_segmenter, "train_segmenter", noted)
    monkeypatch.setattr(train_classifier, "train_classifier", noted)
    write_table(write_cohort(1))
    return seen


def test_a_classifier_is_trained_with_the_authors_choices_on_the_checked_cohort(asked, tmp_path):
    from spinal_tf.training.train_classifier import ClassifierPlan

    run = spinal_tf.train_classifier(tmp_path / "cohort.csv", "ms_vs_nmosd", tmp_path / "run", device="cpu")
    [(cohort, (task, out, plan, options, _), resume)] = asked
    assert [case.name for case in cohort.cohort.cases] == ["c1"]
    assert (task.name, out, plan, resume) == ("ms_vs_nmosd", tmp_path / "run", ClassifierPlan(), True)
    assert options == spinal_tf.TrainingOptions()
    assert run == spinal_tf.TrainedNetwork(folder=tmp_path / "run", **{**BEST, "measures": {"validation_auc": 0.9}})


def test_the_segmenters_defaults_are_the_commands(asked, tmp_path):
    from spinal_tf.cli.training_options import SEGMENTER

    spinal_tf.train_segmenter(str(tmp_path / "cohort.csv"), str(tmp_path / "run"), device="cpu")
    [(_, (_, _, options, _), _)] = asked
    assert options == spinal_tf.TrainingOptions(batch=8)
    import click

    [batch] = [one for one in map(lambda add: add(click.Command("none")).params[-1], SEGMENTER) if one.name == "batch"]
    assert batch.default == options.batch


def test_progress_is_told_of_the_training(asked, tmp_path):
    told = []
    spinal_tf.train_segmenter(tmp_path / "cohort.csv", tmp_path / "run", device="cpu", progress=told.append)
    setting = asked[0][1][-1]
    setting.report("a step")
    assert told == ["a step"]


def test_a_task_of_another_name_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(ValueError, match="no task is called ms; the tasks are tumor_vs_demyelinating"):
        spinal_tf.train_classifier(tmp_path / "nowhere.csv", "ms", tmp_path)


def test_a_cohort_with_a_fault_is_refused(tmp_path, write_table):
    path = write_table([{"case": "a"}])
    with pytest.raises(spinal_tf.CohortError, match="cohort.csv: row 1"):
        spinal_tf.train_segmenter(path, tmp_path / "run", device="cpu")
