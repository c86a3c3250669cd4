"""``spinal-tf cohort`` from the command line: what it prints, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from spinal_tf import spine_search
from spinal_tf.anatomy.found_spine import FoundSpine
from spinal_tf.cli import cohort as commands

ROOT = Path(__file__).parents[2]
WITHOUT_TENSORFLOW = """
import sys
from spinal_tf.cli.main import main
try:
    main(["cohort", *sys.argv[1:]], prog_name="spinal-tf")
except SystemExit as end:
    assert end.code in (0, None), end.code
heavy = {"tensorflow", "keras"} & set(sys.modules)
assert not heavy, heavy
"""


def test_a_sound_cohort_is_counted_and_hashed(run, write_cohort, write_table, monkeypatch):
    monkeypatch.setattr(commands, "MOST_WARNINGS", 2)
    result = run("cohort", "check", write_table(write_cohort(5)))
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("warning: row 2, t2: c1/t2.nii.gz: very small field of view")
    assert lines[2].startswith("warning: and ")
    assert lines[3] == "cohort.csv: no faults"
    assert lines[5].split() == ["train", "validation", "test", "all"]
    assert lines[6].split() == ["Astrocytoma", "2", "0", "0", "2"]
    assert lines[-3].split() == ["patients", "5", "0", "0", "5"]
    assert lines[-1].startswith("sha256 ")


def test_faults_are_listed_and_exit_with_3(run, write_cohort, write_table, tmp_path):
    rows = write_cohort(2)
    rows[0]["split"] = "all"
    (tmp_path / "c2/mask.nii.gz").unlink()
    result = run("cohort", "check", write_table(rows))
    assert result.exit_code == 3
    listed = [line for line in result.stdout.splitlines() if not line.startswith("warning")]
    assert listed[0] == 'row 2, split: "all" is not a split; write train, validation or test'
    assert listed[1].startswith("row 3, mask: c2/mask.nii.gz: there is no such file")
    assert result.stderr == ("spinal-tf: cohort.csv: 2 faults, listed above; correct them and check again\n")


@pytest.mark.parametrize("command", ["check", "summary"])
def test_a_table_that_is_none_is_one_sentence(refused, command, tmp_path):
    assert refused("cohort", command, tmp_path / "none.csv").startswith("none.csv: there is no such file in ")


def test_a_summary_needs_a_table_without_faults(refused, write_cohort, write_table):
    rows = [row | {"split": "all"} for row in write_cohort(2)]
    sentence = refused("cohort", "summary", write_table(rows))
    assert sentence.endswith("2 faults in all, spinal-tf cohort check lists them")


def test_allowances_reach_the_scans(
    run, write_cohort, write_table, write_nifti, tmp_path, phantom_data, oblique_affine
):
    path = write_table(write_cohort(1))
    for column, data in (
        ("t2", phantom_data),
        ("t1c", phantom_data[::-1]),
        ("mask", phantom_data == phantom_data.max()),
    ):
        write_nifti(tmp_path / f"c1/{column}.nii.gz", data.astype(np.int16), oblique_affine, codes=(0, 0))
    refusal = run("cohort", "check", path)
    assert refusal.exit_code == 3
    assert "add --assume-orientation if" in refusal.stdout
    assert run("cohort", "check", path, "--assume-orientation", "--allow-plane").exit_code == 0
    assert run("cohort", "summary", path, "--assume-orientation", "--allow-plane").exit_code == 0


def test_summary_prints_a_table_or_json(run, write_cohort, write_table):
    path = write_table(write_cohort(4))
    table = run("cohort", "summary", path)
    assert (table.exit_code, table.stderr) == (0, "")
    assert "Training: 4 cases with lesion of 4 patients" in table.stdout
    record = json.loads(run("cohort", "summary", path, "--json").stdout)
    assert record["splits"]["train"]["patients"] == 4


def test_levels_from_images_need_a_network_that_finds_vertebrae(refused, write_cohort, write_table, monkeypatch):
    path = write_table(write_cohort(1))
    weights = SimpleNamespace(anatomy=lambda: None, folder="weights")
    monkeypatch.setattr(commands, "open_weights", lambda choices: weights)
    sentence = refused("cohort", "summary", path, "--levels-from-images", status=4)
    assert sentence == "weights: has no network that finds vertebrae; name other weights with --weights"


def test_levels_from_images_reach_the_summary(run, write_cohort, write_table, monkeypatch):
    rows = write_cohort(2)
    rows[0]["level"] = "cervical"
    spine = SimpleNamespace(
        numbering=SimpleNamespace(ambiguous=False), level_of=lambda voxels: np.full(len(voxels), 20)
    )
    weights = SimpleNamespace(anatomy=lambda: "network")
    monkeypatch.setattr(commands, "open_weights", lambda choices: weights)
    monkeypatch.setattr(spine_search, "search_spine", lambda volume, network, watch: FoundSpine(spine=spine))
    result = run("cohort", "summary", write_table(rows), "--levels-from-images", "--json")
    train = json.loads(result.stdout)["splits"]["train"]
    assert train["from_images"] == {"level": 1, "extent_vertebrae": 2}
    assert train["rows"]["lumbar"]["groups"]["ependymoma"]["count"] == 1


def test_weights_without_levels_from_images_are_refused(run, write_cohort, write_table, tmp_path):
    result = run("cohort", "summary", write_table(write_cohort(1)), "--weights", tmp_path)
    assert result.exit_code == 2
    assert "--weights is for finding vertebrae; add --levels-from-images" in result.stderr


@pytest.mark.parametrize("command", ["check", "summary"])
def test_tensorflow_is_not_imported(write_cohort, write_table, command):
    path = write_table(write_cohort(1))
    arguments = [sys.executable, "-c", WITHOUT_TENSORFLOW, command, str(path)]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
