"""A tree with a fifth diagnosis goes through everything: table, training, classification, evaluation, report."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner
from five_leaves import FIVE_LEAVES, INFARCTION, INFARCTION_VS_DEMYELINATING, TUMOR_VS_OTHER
from html_page import Page

from spinal_tf.case_files import CaseFiles, write_diagnosis_files
from spinal_tf.cli.main import main
from spinal_tf.cohort.cohort_check import check_cohort
from spinal_tf.cohort.counts import counted
from spinal_tf.cohort.read_cohort import read_cohort
from spinal_tf.cohort.split import SplitOptions, draw_split, read_unsplit
from spinal_tf.errors import CohortError, WeightsError
from spinal_tf.evaluation.cohort_summary import summarise
from spinal_tf.evaluation.paper.paper_table1 import MARKS
from spinal_tf.evaluation.summary_text import as_record, as_text, mark_letters
from spinal_tf.explanation.gradcam import Explanation
from spinal_tf.find_cases import find_cases
from spinal_tf.models import Classifier, Networks, classifier_checkpoints, require_same_classes
from spinal_tf.phantom.plan import plan_cohort
from spinal_tf.pipeline import ReviewedMask, diagnose
from spinal_tf.report.study.pipeline_steps import classifier_steps
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.taxonomy import ASTROCYTOMA, MS, MS_VS_NMOSD, NMOSD, PAPER_TREE, Task, tree, using

SCHEMAS = Path(__file__).parents[1] / "docs" / "schema"

SPLITS = ("train", "train", "validation", "validation", "test", "test")


@pytest.fixture(autouse=True)
def five_leaves():
    """The tree, in use."""
    with using(FIVE_LEAVES):
        yield


@pytest.fixture
def rows(tmp_path, phantom_data, oblique_affine, lesion, write_nifti):
    """The rows of a cohort with six cases of each diagnosis, two in each split."""
    rows = []
    for number in range(len(SPLITS) * len(FIVE_LEAVES.diagnoses)):
        diagnosis, split = FIVE_LEAVES.diagnoses[number % 5], SPLITS[number // 5]
        mask = np.roll(lesion, (number % 6, number // 6), (1, 2))
        images = {"t2": phantom_data + np.int16(number) + 500 * mask.astype(np.int16), "mask": mask.astype(np.uint8)}
        paths = {name: f"{name}-{number}.nii.gz" for name in images}
        for name, array in images.items():
            write_nifti(tmp_path / paths[name], array, oblique_affine)
        about = {"diagnosis": diagnosis.value, "split": split, "age_years": 30 + number, "sex": "fm"[number % 2]}
        rows.append({"case": f"c{number:02}", "patient": f"p{number:02}", **paths, **about})
    return rows


@pytest.fixture
def table(rows, write_table):
    """That cohort's table."""
    return write_table(rows)


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


# Cohort


def test_a_cohort_is_checked_and_counted(table):
    assert check_cohort(table).faults == ()
    lines = counted(read_cohort(table)).splitlines()
    assert lines[3].split() == ["Infarction", "2", "2", "2", "6"]
    with using(PAPER_TREE), pytest.raises(CohortError, match='"infarction" is not a diagnosis; write astrocytoma, '):
        read_cohort(table)


def test_a_cohort_is_split_within_the_fifth_diagnosis_too(rows, write_table):
    cohort, _ = read_unsplit(write_table([{name: row[name] for name in row if name != "split"} for row in rows]))
    drawn = draw_split(cohort, SplitOptions(validation=1 / 3))
    parts = [drawn[case.patient].value for case in cohort.cases if case.diagnosis == INFARCTION]
    assert sorted(parts) == ["train"] * 4 + ["validation"] * 2


def test_a_cohort_is_summarized_without_the_papers_columns(table):
    summary = summarise(read_cohort(table))
    text = as_text(summary)
    assert "Infarction" in text
    assert "paper" not in text.lower()
    assert "a, e, i, m: differs from astrocytoma, ependymoma, infarction, MS (p < .05" in text
    train = as_record(summary)["splits"]["train"]
    assert train["cases"]["infarction"] == 2
    assert "paper" not in json.dumps(train)


def test_the_letters_of_the_papers_tree_are_the_papers():
    with using(PAPER_TREE):
        assert mark_letters() == MARKS


# Simulation


def test_a_diagnosis_without_parameters_is_not_simulated(tmp_path):
    assert {case.diagnosis for case in plan_cohort(cases=40)} == set(PAPER_TREE.diagnoses)
    assert {case.diagnosis for case in plan_cohort(cases=None)} == set(PAPER_TREE.diagnoses)
    refused = run("simulate", tmp_path / "out", "--diagnosis", "infarction", "--cases", "1")
    assert refused.exit_code == 3
    assert refused.stderr == (
        "spinal-tf: infarction: has no simulation parameters; simulate one of astrocytoma, ependymoma, ms, nmosd\n"
    )


# Classification


def classifiers(checkpoints, **positive):
    """Classifiers that answer these probabilities, 0.5 where nothing is said."""

    def made(task):
        probability = positive.get(task.name, 0.5)

        def explain(images, *, class_index):
            probabilities = np.tile(np.float32([1 - probability, probability]), (len(images), 1))
            return Explanation(probabilities=probabilities, maps=np.ones(images.shape[:3], np.float32))

        return Classifier(task=task, checkpoint=checkpoints["ms_vs_nmosd"], explain=explain)

    return [made(task) for task in tree().tasks]


@pytest.fixture
def called_infarction(phantom_volume, lesion, checkpoints):
    """A case whose tasks say that it is no tumor, and infarction rather than demyelinating."""
    answers = classifiers(checkpoints, tumor_vs_other=0.8, infarction_vs_demyelinating=0.25, ms_vs_nmosd=0.9)
    return diagnose(
        phantom_volume, Networks(classifiers=answers), given=ReviewedMask(mask=lesion.copy(), source="m.nii.gz")
    )


def test_a_case_is_classified_down_the_tree(called_infarction):
    found = called_infarction.classification
    assert found.diagnosis == INFARCTION
    # 0.2 x 0.5, 0.8 x 0.75, 0.8 x 0.25 x 0.1, 0.8 x 0.25 x 0.9
    expected = {ASTROCYTOMA: 0.1, INFARCTION: 0.6, MS: 0.02, NMOSD: 0.18}
    assert {one: found.posterior[one] for one in expected} == pytest.approx(expected)


def test_a_case_is_reported(called_infarction, tmp_path):
    case = CaseFiles(case=tmp_path / "case.nii.gz", folder=tmp_path)
    write_diagnosis_files(called_infarction, case.diagnosis_outputs(), Stopwatch())
    record = json.loads((tmp_path / "case_diagnosis.json").read_text())["classification"]
    assert list(record["posterior"]) == ["astrocytoma", "ependymoma", "infarction", "ms", "nmosd"]
    assert [task["name"] for task in record["tasks"]] == list(FIVE_LEAVES.task_names)
    assert [bool(task["no_heatmap"]) for task in record["tasks"]] == [False, True, False, True]
    maps = sorted(path.name for path in tmp_path.glob("case_gradcam_*"))
    assert maps == ["case_gradcam_infarction_vs_demyelinating.nii.gz", "case_gradcam_tumor_vs_other.nii.gz"]
    page = Page((tmp_path / "case_diagnosis.html").read_text())
    assert ["tumor or other", "other 0.800", "0.500", "other", "yes"] in page.rows
    assert ["MS or NMOSD", "NMOSD 0.900", "0.500", "NMOSD", "no, other branch"] in page.rows
    assert any("Infarction, posterior probability 0.60" in words for words in page.words)


def test_a_folder_is_searched_for_scans_and_not_for_our_heat_maps(tmp_path):
    for name in ("case.nii.gz", "other_gradcam_infarction_vs_demyelinating.nii.gz"):
        (tmp_path / name).touch()
    assert [found.case.name for found in find_cases((tmp_path,), None).cases] == ["case.nii.gz"]


def widened(checkpoint, **training):
    """The task MS or NMOSD with infarction among MS, and weights that say this of their training."""
    task = Task(
        name="ms_vs_nmosd",
        negative=frozenset({MS, INFARCTION}),
        positive=frozenset({NMOSD}),
        classes=("not_nmosd", "nmosd"),
    )
    return dataclasses.replace(checkpoint, training=training), task


def test_weights_that_were_trained_with_other_classes_are_refused(checkpoints):
    old, task = widened(checkpoints["ms_vs_nmosd"], data="cases")
    with pytest.raises(
        WeightsError, match=r"trained to distinguish ms \(ms\) and nmosd \(nmosd\), but the tree"
    ) as told:
        require_same_classes(old, task, source="weights")
    assert "has not_nmosd (infarction, ms) and nmosd (nmosd); take weights that" in str(told.value)
    new, task = widened(checkpoints["ms_vs_nmosd"], classes={"not_nmosd": ["infarction", "ms"], "nmosd": ["nmosd"]})
    require_same_classes(new, task, source="weights")
    require_same_classes(checkpoints["ms_vs_nmosd"], MS_VS_NMOSD, source="weights")


def test_a_weights_folder_without_the_fourth_task_is_refused(tiny_weights):
    with pytest.raises(WeightsError, match="holds no weights called tumor_vs_other"):
        classifier_checkpoints(tiny_weights)


# Evaluation


@pytest.fixture
def predictions(tmp_path):
    """A table of sixty predictions, two thirds of them right, half of validation and half of the test."""
    lines = []
    for number in range(60):
        diagnosis = FIVE_LEAVES.diagnoses[number % 5]
        row = {"case": f"c{number}", "split": ("validation", "test")[number // 5 % 2], "diagnosis": diagnosis.value}
        row |= {"sex": "fm"[number % 2], "age_years": str(12 + number), "rater_1": "infarction", "flagged": "1"}
        row |= {"dice": f"{0.4 + number / 150:.3f}", "reference_volume_ml": "2.0", "volume_ml": "1.5"}
        for task in FIVE_LEAVES.tasks:
            towards = task.label(diagnosis) if task.applies_to(diagnosis) else None
            right = 0.3 + 0.4 * (towards if number % 3 else 1 - towards) + number / 1000 if towards is not None else ""
            row |= {f"p_{task.name}": str(right), f"gradcam_{task.name}": "core" if towards is not None else ""}
        lines.append(row)
    path = tmp_path / "predictions.csv"
    with path.open("w", newline="") as stream:
        table = csv.DictWriter(stream, lines[0])
        table.writeheader()
        table.writerows(lines)
    return path


def test_predictions_are_judged_without_the_papers_columns(predictions, tmp_path):
    done = run("evaluate", "--predictions", predictions, "--out", tmp_path / "out", "--resamples", 100, "--no-figures")
    assert done.exit_code == 0, done.output
    assert "Infarction vs demyelinating" in done.stdout
    assert "paper" not in done.stdout.lower()
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert {row["task"] for row in metrics["table2"]} == set(FIVE_LEAVES.task_names)
    assert not [name for row in metrics["table2"] + metrics["masks"] for name in row if name.startswith("paper")]
    groups = {row["group"] for row in metrics["triage"]}
    assert {"tumor", "other", "demyelinating", "infarction"} < groups
    schema = json.loads((SCHEMAS / "metrics.schema.json").read_text())
    assert not list(jsonschema.Draft202012Validator(schema).iter_errors(metrics))


@pytest.mark.slow
def test_an_evaluation_is_drawn_and_shown(predictions, tmp_path):
    done = run("evaluate", "--predictions", predictions, "--out", tmp_path / "out", "--resamples", 100)
    assert done.exit_code == 0, done.output
    page = Page(next((tmp_path / "out").glob("*.html")).read_text())
    words = " ".join(page.words)
    assert "Infarction vs demyelinating" in words
    assert "Zhuo et al. 2022, Table 2" not in words
    assert "Performance beside the paper" not in words


def test_the_steps_are_drawn_by_level():
    steps = {task.name: step for task, step in classifier_steps().items()}
    assert [step.lines[1] for step in steps.values()] == [
        "tumor or other",
        "astrocytoma or ependymoma",
        "infarction or demyelinating",
        "MS or NMOSD",
    ]
    columns = {name: round(step.x, 1) for name, step in steps.items()}
    assert columns["astrocytoma_vs_ependymoma"] == columns["infarction_vs_demyelinating"] == 6.4
    assert columns["ms_vs_nmosd"] == 9.1


# Server


def test_a_graph_joins_the_tasks_as_the_command_line_does():
    from spinal_tf.serving.cascade import graph_diagnosis, graph_posterior

    for seed in range(8):
        rng = np.random.default_rng(seed)
        answers, calls = rng.random(4).astype(np.float32), rng.integers(0, 2, 4).astype(np.int32)
        ours = FIVE_LEAVES.posterior(dict(zip(FIVE_LEAVES.task_names, answers.tolist(), strict=True)))
        np.testing.assert_allclose(graph_posterior(answers), list(ours.values()), rtol=1e-5)
        followed = FIVE_LEAVES.follow(dict(zip(FIVE_LEAVES.task_names, calls.tolist(), strict=True)))
        assert graph_diagnosis(calls, np.int32(3)).numpy().decode() == followed.value


@pytest.mark.slow
def test_a_network_is_trained_released_and_served_with_the_others(table, tmp_path, tiny_weights):
    """One step of the fourth task, then all networks as one model that answers as the command line does."""
    from spinal_tf.checkpoints.manifest import load_network, read_manifest, save_checkpoint
    from spinal_tf.models import load_classifiers
    from spinal_tf.preprocess import Preprocessing
    from spinal_tf.serving.parity import CommandLine
    from spinal_tf.serving.write_export import export_saved_model, serve_pipeline
    from spinal_tf.training.data import open_cohort
    from spinal_tf.training.release import release_run
    from spinal_tf.training.train_classifier import ClassifierPlan, train_classifier
    from spinal_tf.training.training_choices import TrainingOptions

    weights = shutil.copytree(tiny_weights, tmp_path / "weights")
    before = read_manifest(weights)["tumor_vs_demyelinating"]
    first = dataclasses.replace(before, name="tumor_vs_other", training={"classes": TUMOR_VS_OTHER.to_dict()})
    save_checkpoint(load_network(weights, before), weights, first, half_precision=True)
    plan = ClassifierPlan(preprocessing=Preprocessing(size=(64, 64)), arguments={"last_convolution": "pool2_relu"})
    options = TrainingOptions(batch=2, steps=1, validation_every=1)
    cohort = open_cohort(table, tmp_path / "cache")
    trained = train_classifier(cohort, INFARCTION_VS_DEMYELINATING, tmp_path / "run", plan, options)
    cases = trained.read_record()["cohort"]["cases"]["train"]
    assert cases == {"infarction": 2, "ms": 2, "nmosd": 2}
    release_run(trained, weights, data="blocks")
    manifest = read_manifest(weights)
    assert manifest["infarction_vs_demyelinating"].training["classes"] == INFARCTION_VS_DEMYELINATING.to_dict()
    assert [one.task for one in load_classifiers(weights)] == list(FIVE_LEAVES.tasks)
    for checkpoint in manifest.values():
        (weights / checkpoint.card).write_text(f"# {checkpoint.name}\n", encoding="utf-8")
    exported = export_saved_model(serve_pipeline(weights), weights, tmp_path / "models")
    parity = CommandLine(weights).compare(exported.folder, "pipeline")
    assert parity.probability < 1e-3
    assert parity.highest > parity.lowest
