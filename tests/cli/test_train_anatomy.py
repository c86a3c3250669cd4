"""``spinal-tf train anatomy`` from simulated cases to released weights."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from spinal_tf.checkpoints.manifest import read_manifest
from spinal_tf.cli.main import main
from spinal_tf.phantom import simulated_case, sources
from spinal_tf.structures import NAMES

SMALL = ["--width", "4", "--crop", "32", "16", "--batch", "2", "--steps", "3", "--validation-every", "2"]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Coarse simulated cases: two healthy people to train on, one for validation, and two for the test."""
    monkeypatch.setattr(sources, "IN_PLANE_MM", (1.8, 2.2))
    monkeypatch.setattr(simulated_case, "THIN_SHARE", 0)
    made = run("simulate", tmp_path / "co", "--cases", 1, "--healthy", 4, "--contrasts", "random", "--workers", 1)
    assert made.exit_code == 0, made.output
    return tmp_path / "co" / "cohort.csv"


def test_simulated_cases_train_a_network_that_is_released(tmp_path, table):
    out, weights = tmp_path / "run", tmp_path / "weights"
    done = run("train", "anatomy", "--cohort", table, "--out", out, *SMALL)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["step 2", "step 3"]
    for structure in ("cord", "canal", "body", "disc"):
        assert f", dice_{structure} " in lines[0]
    assert lines[-1] == f"  to use them: spinal-tf weights release {out} --into FOLDER --data WORDS"
    record = json.loads((out / "run.json").read_text())
    assert record["cohort"]["cases"] == {"train": {"healthy": 2}, "validation": {"healthy": 1}}
    released = run("weights", "release", out, "--into", weights, "--data", "3 simulated cases")
    assert released.exit_code == 0, released.output
    [checkpoint] = read_manifest(weights).values()
    assert (checkpoint.name, checkpoint.arguments) == ("anatomy", {"width": 4, "channels": 3, "structures": NAMES})
    assert checkpoint.training["kind"] == "simulated"


@pytest.mark.usefixtures("two_pixels_wide")
def test_options_reach_the_record_and_defaults_are_the_recipe(tmp_path, table):
    given = [*SMALL, "--spacing-mm", "2", "--neighbour-mm", "5", "--slab-mm", "0", "--spine-share", "0.5"]
    done = run("train", "anatomy", "--cohort", table, "--out", tmp_path / "run", *given, "--real-share", "0.7")
    assert done.exit_code == 0, done.output
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["plan"]["crop_size"] == [32, 16]
    assert (record["plan"]["crop_spine_share"], record["plan"]["crop_real_share"]) == (0.5, 0.7)
    seen = record["preprocessing"]
    assert (seen["spacing_mm"], seen["neighbour_mm"], seen["slab_mm"], seen["multiple"]) == (2.0, 5.0, None, 16)
    assert (seen["intensity"], seen["fit"]) == ("zscore_no_clip", "spacing")
    options = record["options"]
    assert (options["learning_rate"], options["schedule"], options["warm_up_steps"]) == (0.0015, "cosine", 100)
    assert (options["clip_norm"], options["batch"], options["epochs"]) == (1.0, 2, None)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--crop", "32", "30"], "30 is not a multiple of 16"),
        (["--crop", "32"], "--crop"),
        (["--network", "multiresunet"], "anatomy_multiresunet"),
        (["--spine-share", "2"], "0<=x<=1"),
        (["--deterministic", "--minutes", "3"], "ends by the clock is not deterministic"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(tmp_path, words, complaint):
    told = run("train", "anatomy", "--cohort", tmp_path / "c.csv", "--out", tmp_path / "run", *words)
    assert told.exit_code == 2
    assert complaint in told.stderr
    assert not (tmp_path / "run").exists()


def test_a_cohort_without_labels_is_told_in_one_line(tmp_path, table):
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([header.replace("anatomy", "bones"), *rows]) + "\n")
    told = run("train", "anatomy", "--cohort", table, "--out", tmp_path / "run", *SMALL)
    assert told.exit_code == 3
    assert "cohort.csv: the split train has no case with a label map in the column anatomy" in told.stderr
    assert told.stderr.count("\n") == 1


@pytest.mark.usefixtures("two_pixels_wide")
def test_python_trains_and_saves_it_too(tmp_path, table):
    import spinal_tf
    from spinal_tf.datasets.sample_plans import AnatomyCropPlan
    from spinal_tf.training.plans import AnatomyPlan

    plan = AnatomyPlan(crops=AnatomyCropPlan(size=(32, 16)))
    options = spinal_tf.TrainingOptions(batch=2, steps=2, validation_every=2)
    trained = spinal_tf.train_anatomy(table, tmp_path / "run", plan=plan, options=options)
    assert (trained.step, trained.operating_point) == (2, 0.5)
    assert "dice_body" in trained.measures
    assert trained.save(tmp_path / "weights", data="3 simulated cases") == "installed"
    assert spinal_tf.train_anatomy(table, tmp_path / "run", plan=plan, options=options) == trained
