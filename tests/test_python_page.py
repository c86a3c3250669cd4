"""The examples of docs/python.md run, one after the other as a reader would run them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks() -> dict[str, list[str]]:
    """The examples by the heading above them; those above any are of the page."""
    parts = re.split(r"^## (.+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = dict(zip(["", *parts[1::2]], [parts[0], *parts[2::2]], strict=True))
    return {heading: BLOCK.findall(text) for heading, text in found.items() if BLOCK.search(text)}


BLOCKS = blocks()
NEED_KERAS = ("Train", "Export")
CHEAP = ("", "Classify", "Explain", "Arrays", "Many cases", "Evaluate", "Errors")


@pytest.fixture
def place(tmp_path, monkeypatch, bright_data, lesion, oblique_affine, write_nifti, write_table):
    """A folder with the files that the page names."""
    monkeypatch.chdir(tmp_path)
    rows = []
    for name, split in (("case", "train"), ("other", "validation"), ("third", "test")):
        write_nifti(tmp_path / f"{name}.nii.gz", bright_data + np.int16(len(rows)), oblique_affine, axes="PSR")
        mask = np.roll(lesion, len(rows), axis=1)  # no two masks alike
        write_nifti(tmp_path / f"{name}-mask.nii.gz", mask.astype(np.uint8), oblique_affine)
        images = {"t2": f"{name}.nii.gz", "mask": f"{name}-mask.nii.gz"}
        rows.append({"case": name, "patient": name, **images, "diagnosis": "nmosd", "split": split})
    write_nifti(tmp_path / "reviewed.nii.gz", lesion.astype(np.uint8), oblique_affine)
    write_table(rows)
    return tmp_path


def run(*headings: str, change=lambda block: block) -> dict:
    """Run the examples of the page's beginning and below some headings; returns their names."""
    names: dict = {}
    for heading in dict.fromkeys(("", *headings)):
        for block in BLOCKS[heading]:
            exec(compile(change(block), f"{PAGE.name}, {heading}", "exec"), names)  # noqa: S102
    return names


def test_every_example_is_run():
    assert set(BLOCKS) == {*CHEAP, *NEED_KERAS, "Simulate"}


def test_examples_of_single_cases_and_cohorts_run(place, stub_networks, capsys):
    names = run(*CHEAP)
    assert {path.name for path in (place / "out").iterdir()} >= {
        *("case_lesion.nii.gz", "case_lesion.json", "case_lesion.png"),
        *("case_diagnosis.json", "case_diagnosis.html", "case_gradcam.png"),
        *("case_gradcam_tumor_vs_demyelinating.nii.gz", "sub-017_lesion.nii.gz"),
    }
    assert names["classified"].diagnosis == "nmosd"
    assert (place / "report" / "report.html").exists()
    said = capsys.readouterr().out
    assert "1 lesions, 0.31 mL" in said
    assert "VolumeError: nowhere.nii.gz: there is no such file" in said


@pytest.mark.slow
def test_the_example_of_simulation_runs(place, stub_networks):
    names = run("Simulate")
    assert names["cohort"].table == Path("practice/cohort.csv")
    assert (place / names["cohort"].cases[0] / "mask.nii.gz").exists()
    assert names["found"].mask.ndim == 3


@pytest.mark.slow
def test_the_example_of_training_runs(place, stub_networks, two_pixels_wide):
    import spinal_tf

    names = run("Train", change=lambda block: block.replace("steps=2000", "steps=2"))
    assert names["run"].step in (1, 2)
    [record] = [one for one in (place / "my-weights").glob("*.json") if one.name == "manifest.json"]
    assert "312 patients of one hospital" in record.read_text()
    again = spinal_tf.train_segmenter("cohort.csv", "runs/segmenter", options=names["options"])
    assert again == names["run"]


@pytest.mark.slow
def test_the_example_of_export_runs(place, stub_networks, tiny_weights, monkeypatch, checkpoints):
    from spinal_tf import loaded_weights, models

    for name, checkpoint in checkpoints.items():
        (tiny_weights / checkpoint.card).write_text(f"# {name}\n", encoding="utf-8")
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", str(tiny_weights))
    monkeypatch.setattr(loaded_weights, "load_segmenter", models.load_segmenter)
    model = run("Export")["model"]
    assert model.folder == Path("models/segmenter/1")
    assert model.size_bytes > 0
