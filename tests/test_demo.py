"""The README's figures of the demo's case are those that the demo's own commands give."""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from spinal_tf.evaluation.overlap import score_mask
from spinal_tf.images.volume import read_mask, read_volume

ROOT = Path(__file__).parents[1]
ROUNDED = 0.005 + 1e-3
"""Half of the last digit that the README gives, and what another processor may change."""


def makefile() -> str:
    return (ROOT / "Makefile").read_text(encoding="utf-8")


def demo_commands() -> list[list[str]]:
    """Arguments of ``spinal-tf`` in the recipe of ``make demo``."""
    values = dict(re.findall(r"^(\w+) := (.+)$", makefile(), re.MULTILINE))
    recipe = makefile().split("\ndemo:", 1)[1].split("\n\n", 1)[0]
    lines = re.findall(r"^\t\$\(BIN\)/spinal-tf (.+)$", recipe, re.MULTILINE)
    while any("$(" in line for line in lines):
        lines = [re.sub(r"\$\((\w+)\)", lambda found: values[found[1]], line) for line in lines]
    return [shlex.split(line) for line in lines]


def caption() -> str:
    """What the README says below the picture of the demo."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return " ".join(readme.split("docs/images/demo.png", 1)[1].split("\n## ", 1)[0].split())


def figure(name: str) -> float:
    found = re.search(rf"\b{name}\b[^.\d]*?(\d\.\d\d)\b", caption())
    assert found, f"no {name} in: {caption()}"
    return float(found[1])


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Path:
    """Folder of the case, once the demo's commands are done."""
    folder = tmp_path_factory.mktemp("demo")
    for arguments in demo_commands():
        command = [sys.executable, "-c", "from spinal_tf.cli.main import main; main()", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    [table] = folder.glob("*/cohort.csv")
    with table.open(newline="", encoding="utf-8") as file:
        [row] = csv.DictReader(file)
    return table.parent / row["case"]


@pytest.mark.slow
def test_the_mask_overlaps_with_the_simulated_lesion_as_the_readme_says(case: Path) -> None:
    t2 = read_volume(case / "t2.nii.gz")
    found, drawn = (read_mask(case / name, like=t2) for name in ("t2_lesion.nii.gz", "mask.nii.gz"))
    assert score_mask(found, drawn, t2.spacing_mm).dice == pytest.approx(figure("Dice"), abs=ROUNDED)


@pytest.mark.slow
def test_the_diagnosis_and_its_posterior_are_those_of_the_readme(case: Path) -> None:
    record = json.loads((case / "t2_diagnosis.json").read_text(encoding="utf-8"))
    diagnosis, posterior = max(record["classification"]["posterior"].items(), key=lambda item: item[1])
    assert posterior == pytest.approx(figure("posterior"), abs=ROUNDED)
    assert f" {diagnosis}," in caption()
    with (case.parent / "cohort.csv").open(newline="", encoding="utf-8") as file:
        assert [row["diagnosis"] for row in csv.DictReader(file)] == [diagnosis]


def test_the_demo_simulates_segments_and_classifies() -> None:
    assert [command[0] for command in demo_commands()] == ["simulate", "segment", "classify"]
