"""``spinal-tf train`` and ``weights release``: options, refusals, and what is said."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from click.testing import CliRunner

from spinal_tf.cli.main import main
from spinal_tf.images.volume import new_volume, write_on_grid
from spinal_tf.taxonomy import MS

AFFINE = np.array([[-4.0, 0, 0, 5], [0, 0, -0.8, 20], [0, -0.8, 0, 30], [0, 0, 0, 1]])
SMALL = ["--width", "4", "--crop", "16", "--batch", "2", "--steps", "2", "--validation-every", "1"]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """One training and one validation case, of MS."""
    folder, lines = tmp_path_factory.mktemp("cohort"), ["case,patient,t2,mask,diagnosis,split"]
    for number, split in enumerate(("train", "validation")):
        rng, mask = np.random.default_rng(number), np.zeros((3, 20, 24), bool)
        mask[1, 5:15, 8 + number : 14 + number] = True
        volume = new_volume(rng.gamma(4, 20, mask.shape) + 200 * mask, AFFINE, source="t2")
        for name, array in (("t2", volume.data), ("mask", mask)):
            write_on_grid(array, folder / f"{name}-{number}.nii.gz", like=volume)
        lines.append(f"c{number},p{number},t2-{number}.nii.gz,mask-{number}.nii.gz,{MS.value},{split}")
    (folder / "cohort.csv").write_text("\n".join(lines) + "\n")
    return folder / "cohort.csv"


def test_a_segmenter_is_trained_gone_on_with_and_released(tmp_path, table, two_pixels_wide, monkeypatch):
    monkeypatch.delenv("SPINAL_TF_WEIGHTS", raising=False)
    out = tmp_path / "run"
    weighted = [*SMALL, "--sampling-weight", "ms", "2"]
    done = run("train", "segmenter", "--cohort", table, "--out", out, *weighted)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["step 1", "step 2"]
    assert ", dice_ms " in lines[0]
    assert lines[0].endswith(", best")
    assert f"{out}: best weights of step" in lines[2]
    assert lines[3] == f"  to use them: spinal-tf weights release {out} --into FOLDER --data WORDS"
    assert len(list(out.glob("cache/segmenter-train-*/index.json"))) == 1
    assert json.loads((out / "run.json").read_text())["plan"]["crop_sampling_weights"] == {"ms": 2.0}
    again = run("train", "segmenter", "--cohort", table, "--out", out, *weighted, "--resume")
    assert again.exit_code == 0
    assert not [line for line in again.stdout.splitlines() if line.startswith("step")]
    refused = run("train", "segmenter", "--cohort", table, "--out", out, *SMALL)
    assert refused.exit_code == 3
    assert refused.stderr.count("\n") == 1
    released = run("weights", "release", out, "--into", tmp_path / "weights", "--data", "two blocks")
    assert released.exit_code == 0, released.output
    assert "installed" in released.stdout
    assert "export SPINAL_TF_WEIGHTS=" in released.stdout
    assert two_pixels_wide[0] == two_pixels_wide[-1] == {"width": 4, "channels": 3}
    kept = run("weights", "release", out, "--into", tmp_path / "weights", "--data", "two blocks more")
    assert "kept (add --overwrite to replace it)" in kept.stdout


def test_a_learning_curve_is_drawn_and_gone_on_with(tmp_path, table, two_pixels_wide):
    out = tmp_path / "curve"
    arguments = ("train", "learning-curve", "segmenter", "--cohort", table, "--out", out, *SMALL, "--steps", "1")
    done = run(*arguments, "--fraction", "1")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-2].startswith("fraction 1, patients 1, seed 0: dice 0.")
    assert done.stdout.splitlines()[-1] == f"{out / 'learning-curve.csv'}: 1 trainings; drawn in learning-curve.png"
    assert (out / "learning-curve.png").exists()
    again = run(*arguments, "--fraction", "1", "--resume")
    assert again.exit_code == 0, again.output
    assert "step" not in again.stdout


def test_a_cohort_without_both_classes_is_told_in_one_line(tmp_path, table):
    arguments = ("train", "classifier", "--task", "ms_vs_nmosd", "--cohort", table, "--out", tmp_path / "run")
    told = run(*arguments)
    assert told.exit_code == 3
    assert "the split train has no case of the class nmosd" in told.stderr
    assert told.stderr.count("\n") == 1


def test_a_default_cache_that_cannot_be_written_names_cache(tmp_path, table):
    (tmp_path / "run" / "cache" / "cohort.json").mkdir(parents=True)
    told = run("train", "segmenter", "--cohort", table, "--out", tmp_path / "run", "--steps", 1)
    assert told.exit_code == 3
    assert told.stderr.splitlines()[-1] == (
        f"spinal-tf: {tmp_path}/run/cache/cohort.json: is a folder, so no file can be written under that name; choose "
        "another folder with --cache"
    )


def test_a_missing_table_is_told_in_one_line(tmp_path):
    told = run("train", "segmenter", "--cohort", tmp_path / "none.csv", "--out", tmp_path / "run")
    assert told.exit_code == 3
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["segmenter", "--crop", "50"], "50 is not a multiple of 16"),
        (["segmenter", "--deterministic", "--minutes", "3"], "ends by the clock is not deterministic"),
        (["classifier", "--task", "ms_vs_nmosd", "--batch", "5"], "5 is not a multiple of 2"),
        (
            ["classifier", "--task", "ms_vs_nmosd", "--imagenet", "x", "--initial-weights", "y"],
            "exclude each other; give one of them",
        ),
        (["classifier", "--task", "tumour"], "tumor_vs_demyelinating"),
        (["segmenter", "--precision", "float16"], "mixed_float16"),
        (["segmenter", "--device", "tpu"], "write auto, cpu, gpu, gpu:N or gpu:all"),
        (["segmenter", "--device", "gpu:99"], "device gpu:99 is not there"),
        (["segmenter", "--sampling-weight", "ms", "0"], "0.0 is not in the range x>0"),
        (["segmenter", "--sampling-weight", "lymphoma", "2"], "healthy"),
        (["segmenter", "--slurm"], "start the command with srun"),
        (["learning-curve", "segmenter", "--fraction", "0"], "0<x<=1"),
        (["learning-curve", "classifier", "--task", "ms_vs_nmosd", "--batch", "3"], "3 is not a multiple of 2"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(tmp_path, table, words, complaint):
    told = run("train", *words, "--cohort", table, "--out", tmp_path / "run")
    assert told.exit_code == 2
    assert complaint in told.stderr
    assert not (tmp_path / "run").exists()


def test_what_is_no_run_cannot_be_released(tmp_path):
    told = run("weights", "release", tmp_path, "--data", "x", "--into", tmp_path / "weights")
    assert told.exit_code == 3
    assert "holds no training run" in told.stderr
    assert run("weights", "release", tmp_path).exit_code == 2  # what it was trained on must be said


class Terminal(io.StringIO):
    """A stream that somebody watches."""

    def isatty(self):
        return True


def test_a_bar_shows_the_step_and_lets_validations_stand_above_it(monkeypatch, capsys):
    from spinal_tf.cli import training_session
    from spinal_tf.training.setting import Report
    from spinal_tf.training.validation import Validation

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    validation = Validation(score=(0.5,), operating_point=0.3, measures={"dice": 0.5}, cases=())
    with training_session._reporting() as report:
        report(Report(step=30, share=0.25, loss=0.75))
        report(Report(step=60, share=0.5, loss=0.5, validation=validation, best=True))
    shown = terminal.getvalue()
    assert "Training" in shown
    assert "25%" in shown
    assert "step 30, loss 0.7500" in shown
    assert "50%" in shown
    assert capsys.readouterr().out == "step 60: loss 0.5000, dice 0.500, best\n"
