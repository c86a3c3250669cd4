"""``spinal-tf port-weights``: what is shown, written and refused."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from spinal_tf.checkpoints.manifest import read_manifest
from spinal_tf.cli.main import main


def run(*arguments):
    return CliRunner().invoke(main, ["port-weights", *map(str, arguments)])


@pytest.fixture(autouse=True)
def no_folder_named(monkeypatch):
    monkeypatch.delenv("SPINAL_TF_WEIGHTS", raising=False)


@pytest.mark.slow
def test_weights_are_mapped_compared_and_installed(unet, tmp_path):
    done = run(
        unet["whole.h5"], "--as", "segmenter", "--into", tmp_path, "--operating-point", 0.4, "--data", "12 scans"
    )
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert "whole model, HDF5 of Keras 2." in lines[0]
    mapping = [line.split() for line in lines if line.startswith("  ")]
    checkpoint = read_manifest(tmp_path)["segmenter"]
    assert len(mapping) == int(lines[1 + len(mapping)].split()[0])
    assert [words[0] for words in mapping if words[2] == "logits"][0].startswith("conv2d")
    assert "by their connections and shapes" in done.stdout
    assert "compared: both networks on 3 test inputs of 32 x 48 x 1" in done.stdout
    assert "segmenter: installed" in done.stdout
    assert "export SPINAL_TF_WEIGHTS=" in done.stdout
    assert (checkpoint.operating_point, checkpoint.training["data"]) == (0.4, "12 scans")
    assert checkpoint.preprocessing.size == (32, 48)


@pytest.mark.slow
def test_a_dry_run_writes_nothing_and_says_what_could_not_be_compared(unet, tmp_path):
    done = run(unet["weights.h5"], "--as", "segmenter", "--into", tmp_path / "new", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "by Keras' order and their shapes" in done.stdout
    assert "not compared: weights alone describe no network" in done.stdout
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--as", "ms_vs_nmosd"], "takes 1 input channel, where a tile has three"),
        (["--as", "segmenter", "--size", "64", "64"], "made for inputs of 32 x 48, but --size says 64 x 64"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(arguments, sentence, unet, tmp_path):
    told = run(unet["whole.h5"], *arguments, "--into", tmp_path / "new")
    assert (told.exit_code, told.stdout) == (3, "")
    assert sentence in told.stderr
    assert told.stderr.startswith(f"spinal-tf: {unet['whole.h5']}: ")
    assert told.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_folder_of_weights_that_was_not_named_and_cannot_be_written_names_into(unet, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", str(tmp_path / "file" / "weights"))
    told = run(unet["whole.h5"], "--as", "segmenter")
    assert told.exit_code == 3
    assert told.stderr == (
        f"spinal-tf: {tmp_path}/file/weights: cannot be made (Not a directory); choose another folder with --into\n"
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Missing option '--as'"),
        (["--as", "grade"], "'grade' is not one of"),
        (["--as", "segmenter", "--mask-mode", "multiply"], "--mask-mode is for classifiers"),
        (["--as", "segmenter", "--positive-output", "1"], "--positive-output is for classifiers"),
        (["--as", "segmenter", "--fit", "spacing"], "--spacing belongs to --fit spacing"),
        (["--as", "segmenter", "--spacing", "0.8"], "--spacing belongs to --fit spacing"),
        (["--as", "ms_vs_nmosd", "--fit", "spacing", "--spacing", "0.8"], "--fit spacing is for the segmenter"),
        (["--as", "ms_vs_nmosd", "--channels", "t2w,mask"], "in the file's order"),
        (["--as", "ms_vs_nmosd", "--operating-point", "nan"], "are numbers"),
        (["--as", "ms_vs_nmosd", "--operating-point-t1c", "0.4"], "belongs to --modalities t2w+t1c"),
        (["--as", "segmenter", "--operating-point-t1c", "0.4"], "--operating-point-t1c is for classifiers"),
        (["--as", "ms_vs_nmosd", "--operating-point", "1.5"], "is not in the range"),
    ],
)
def test_options_that_contradict_each_other_are_usage_errors(arguments, complaint, tmp_path):
    told = run(tmp_path / "gone.h5", *arguments)
    assert told.exit_code == 2
    assert complaint in told.stderr
