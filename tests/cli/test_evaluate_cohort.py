"""``spinal-tf evaluate --cohort``: what is predicted, what is not predicted again, and how the command ends."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from spinal_tf import loaded_weights
from spinal_tf.checkpoints.manifest import MANIFEST, manifest_json
from spinal_tf.errors import ServerError
from spinal_tf.evaluation.map_check import MapComparison
from spinal_tf.evaluation.overlap import score_mask
from spinal_tf.images.volume import read_mask, read_volume
from spinal_tf.locks import locked
from spinal_tf.models import Served
from spinal_tf.phantom import simulated_cohort as phantom_cohort
from spinal_tf.phantom.sources import procedural_background
from spinal_tf.prediction import cohort_prediction
from spinal_tf.report.record import mask_digest

TASKS = ("tumor_vs_demyelinating", "astrocytoma_vs_ependymoma", "ms_vs_nmosd")
CASES = {
    "a": {"diagnosis": "ms", "split": "validation"},
    "b": {"diagnosis": "nmosd", "split": "test", "difficult": "yes", "rater_1": "ms", "site": "north"},
    "h": {"diagnosis": "healthy", "split": "test"},
    "t": {"diagnosis": "astrocytoma", "split": "train"},
}
"""In a the mask is right, in b it is one slice off, h has nothing to find, t is for training."""


@pytest.fixture
def cohort(tmp_path, bright_data, phantom_data, lesion, oblique_affine, write_nifti, stub_networks, write_table):
    """A cohort of these cases, each patient with one."""
    specks = phantom_data.copy()
    # Each is too small for a lesion, together they are too many for outliers, and beside them all else is dark.
    specks[::3, 2::4, 2::4] = bright_data.max()
    masks = {"a": lesion, "b": np.roll(lesion, 1, axis=0), "t": lesion}
    rows = []
    for number, (name, cells) in enumerate(CASES.items()):
        data = specks if name == "h" else bright_data
        for column, image in (("t2", data + np.int16(number)), ("mask", masks.get(name)), ("t1c", data[::-1])):
            if image is not None:
                write_nifti(tmp_path / f"{name}-{column}.nii.gz", image.astype(np.int16), oblique_affine)
        files = {"t2": f"{name}-t2.nii.gz", "mask": f"{name}-mask.nii.gz" if name in masks else ""}
        blank = {"difficult": "", "rater_1": "", "age_years": "17,5", "site": ""}
        rows.append({"case": name, "patient": f"p{name}", **files, "t1c": "", **blank, **cells})
    return write_table(rows)


@pytest.fixture
def evaluate(run, cohort, tmp_path):
    """The function that evaluates the cohort into the folder ``report``."""

    def evaluate(*arguments, figures=False):
        options = ["--resamples", 100, "--operating-point", 0.5, *([] if figures else ["--no-figures"])]
        return run("evaluate", "--cohort", cohort, "--out", tmp_path / "report", *options, *arguments)

    return evaluate


@pytest.fixture
def table(tmp_path):
    """The function that reads a table of the report, by case."""

    def table(name="predictions.csv"):
        with (tmp_path / "report" / name).open(newline="", encoding="utf-8") as stream:
            return [dict(row) for row in csv.DictReader(stream)]

    return table


def cells_of(table):
    return {row["case"]: row for row in table()}


def test_validation_and_test_are_predicted_and_judged(evaluate, table, tmp_path, names):
    result = evaluate()
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("a: 1 lesion, 0.310 mL in total; Dice 1.00")
    assert "\nMasks: testing\n" in result.stdout
    assert [re.sub(r"about \d+ s", "about N s", line) for line in result.stderr.splitlines()] == [
        f"[{number}/3] {name}, about N s left" for number, name in enumerate("abh", start=1)
    ]
    cells = cells_of(table)
    assert list(cells) == ["a", "b", "h"]
    assert names(tmp_path / "report/masks") == sorted(
        f"{name}_{end}" for name in "abh" for end in ("lesion.nii.gz", "prediction.json")
    )
    metrics = json.loads((tmp_path / "report/metrics.json").read_text())
    digest = hashlib.sha256((tmp_path / "report/lesions.csv").read_bytes()).hexdigest()
    assert (metrics["lesions"], metrics["lesions_sha256"]) == ("lesions.csv", digest)
    dice = {(row["set"], row["diagnosis"]): row["mean"] for row in metrics["masks"] if row["measure"] == "dice"}
    assert dice["validation", "ms"] == 1
    assert dice["test", "nmosd"] == pytest.approx(2 / 3)


def test_overlap_by_hand(evaluate, table):
    evaluate()
    cells = cells_of(table)
    # Three slices against three, two of them in common, 56 voxels of 3.3 x 0.7 x 0.8 mm in each.
    slice_ml = 56 * 3.3 * 0.7 * 0.8 / 1000
    b = {name: float(cells["b"][name]) for name in ("dice", "iou", "volume_ml", "reference_volume_ml")}
    assert b == pytest.approx({"dice": 2 / 3, "iou": 1 / 2, **dict.fromkeys(list(b)[2:], 3 * slice_ml)})
    assert (cells["h"]["dice"], float(cells["h"]["volume_ml"])) == ("", 0)
    spots = [row for row in table("lesions.csv") if row["case"] == "b"]
    assert [row["mask"] for row in spots] == ["reference", "predicted"]
    assert [float(row["partner_iou"]) for row in spots] == [0.5, 0.5]
    assert [float(row["overlap"]) for row in spots] == pytest.approx([2 / 3, 2 / 3])


def test_probabilities_are_the_classifiers_and_none_without_lesion(evaluate, table):
    evaluate()
    cells = cells_of(table)
    for task in TASKS:
        assert (cells["b"][f"p_{task}"], cells["h"][f"p_{task}"]) == ("0.75", "none")
        assert cells["b"][f"p_{task}_t1c"] == ""
    assert {row["mask_provenance"] for row in cells.values()} == {"automatic"}


def test_the_cohorts_facts_are_carried_along(evaluate, table):
    evaluate()
    b = cells_of(table)["b"]
    facts = {"patient": "pb", "split": "test", "difficult": "yes", "rater_1": "ms", "site": "north"}
    assert {name: b[name] for name in facts} == facts
    assert b["age_years"] == "17,5"
    assert not {"t2", "t1c", "mask"} & set(b)


def test_masks_lie_on_the_scans_own_grid(evaluate, tmp_path, lesion):
    evaluate()
    scan = read_volume(tmp_path / "b-t2.nii.gz")
    np.testing.assert_array_equal(read_mask(tmp_path / "report/masks/b_lesion.nii.gz", like=scan), lesion)


def test_flags_are_the_reviews(evaluate, table, tmp_path):
    evaluate()
    for name, row in cells_of(table).items():
        record = json.loads((tmp_path / f"report/masks/{name}_prediction.json").read_text())
        assert row["flagged"] == str(int(bool(record["review"])))


def test_a_record_says_what_the_tables_rest_on(evaluate, tmp_path, checkpoints):
    evaluate("--threshold", 0.6)
    record = json.loads((tmp_path / "report/predictions.json").read_text())
    assert record["cohort"]["file"] == "cohort.csv"
    assert (record["cases"], record["predicted"], record["failed"]) == (3, 3, {})
    assert [model["name"] for model in record["models"]] == ["segmenter", *TASKS]
    assert record["options"]["segmentation"]["threshold"] == 0.6


@pytest.fixture
def no_networks(monkeypatch):
    """The function after which loading a network fails."""

    def refuse(*_, **__):
        raise AssertionError("a network was loaded")

    return lambda: monkeypatch.setattr(loaded_weights, "load_segmenter", refuse)


def test_a_case_that_is_done_is_not_done_again(evaluate, table, tmp_path, no_networks):
    evaluate()
    before = table(), table("lesions.csv")
    no_networks()
    result = evaluate("--overwrite")
    assert result.exit_code == 0, result.output
    assert result.stderr == "3 of 3 cases are predicted already\n"
    assert (table(), table("lesions.csv")) == before


def test_new_facts_need_no_new_predictions(evaluate, table, cohort, no_networks):
    evaluate()
    no_networks()
    cohort.write_text(cohort.read_text().replace("north", "south"))
    assert evaluate("--overwrite").exit_code == 0
    assert cells_of(table)["b"]["site"] == "south"


def done_again(result):
    return re.findall(r"^\[\d/\d\] (\w),", result.stderr, re.MULTILINE)


def test_another_image_is_predicted_anew_and_it_alone(evaluate, tmp_path, write_nifti, bright_data, oblique_affine):
    evaluate()
    write_nifti(tmp_path / "a-t2.nii.gz", bright_data + np.int16(9), oblique_affine)
    assert done_again(evaluate("--overwrite")) == ["a"]


@pytest.mark.parametrize("change", [{"sha256": "1" * 64}, {"operating_point": 0.25}])
def test_other_weights_predict_anew(evaluate, stub_networks, checkpoints, change):
    evaluate()
    changed = checkpoints | {"segmenter": replace(checkpoints["segmenter"], **change)}
    (stub_networks / MANIFEST).write_text(manifest_json(changed))
    assert done_again(evaluate("--overwrite")) == ["a", "b", "h"]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [("simulated", "The weights of segmenter were trained on simulated lesions."), ("patients", None)],
)
def test_the_study_says_which_weights_were_trained_on_simulated_lesions(
    evaluate, stub_networks, checkpoints, tmp_path, kind, sentence
):
    changed = checkpoints | {"segmenter": replace(checkpoints["segmenter"], training={"kind": kind, "data": "cases"})}
    (stub_networks / MANIFEST).write_text(manifest_json(changed))
    result = evaluate()
    page = (tmp_path / "report" / "report.html").read_text()
    metrics, predictions = (
        json.loads((tmp_path / "report" / name).read_text()) for name in ("metrics.json", "predictions.json")
    )
    for text in (result.stdout, page, metrics["note"], predictions["notice"]):
        assert (sentence in text) if sentence else ("simulated" not in text)
    assert [model["trained_on_kind"] for model in predictions["models"]] == [kind, None, None, None]


def test_other_options_predict_anew_and_the_first_are_known_no_more(evaluate):
    evaluate()
    assert done_again(evaluate("--overwrite", "--min-volume", 0.03)) == ["a", "b", "h"]
    assert done_again(evaluate("--overwrite", "--min-volume", 0.03)) == []


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("{")])
@pytest.mark.parametrize("ending", ["prediction.json", "lesion.nii.gz"])
def test_what_is_lost_is_made_again(evaluate, tmp_path, damage, ending):
    evaluate()
    path = tmp_path / f"report/masks/b_{ending}"
    if ending == "lesion.nii.gz":
        path.unlink()
    else:
        damage(path)
    assert done_again(evaluate("--overwrite")) == ["b"]


def test_a_broken_case_is_named_and_stops_nothing(evaluate, table, tmp_path):
    (tmp_path / "b-t2.nii.gz").write_bytes(b"")
    result = evaluate()
    assert result.exit_code == 5
    assert "spinal-tf: b: b-t2.nii.gz: is empty (zero bytes); copy or export it again\n" in result.stderr
    assert result.stderr.splitlines()[-1] == "spinal-tf: 1 of 3 cases failed: b"
    b = cells_of(table)["b"]
    assert b["problem"] == "b-t2.nii.gz: is empty (zero bytes); copy or export it again"
    assert [b[f"p_{task}"] for task in TASKS] == ["none"] * 3
    assert (b["dice"], b["flagged"], b["mask_provenance"]) == ("", "", "")
    assert "warning: ms_vs_nmosd: 1 of 1 test cases have no probability and are left out" in result.stdout
    assert (tmp_path / "report/metrics.json").exists()


def test_an_image_that_is_missing_is_a_broken_case(evaluate, tmp_path):
    (tmp_path / "h-t2.nii.gz").unlink()
    result = evaluate()
    assert result.exit_code == 5
    assert "spinal-tf: h: h-t2.nii.gz: there is no such file in " in result.stderr


def test_an_interrupt_leaves_whole_rows_and_the_rest_is_done_later(evaluate, table, tmp_path, monkeypatch):
    predict = cohort_prediction.predict_case

    def interrupted(images, *arguments):
        if images.t2.source.startswith("b"):
            raise KeyboardInterrupt
        return predict(images, *arguments)

    monkeypatch.setattr(cohort_prediction, "predict_case", interrupted)
    assert evaluate().exit_code != 0
    assert list(cells_of(table)) == ["a"]
    assert not (tmp_path / "report/metrics.json").exists()
    monkeypatch.setattr(cohort_prediction, "predict_case", predict)
    result = evaluate()
    assert result.exit_code == 0
    assert result.stderr.startswith("1 of 3 cases are predicted already\n")
    assert done_again(result) == ["b", "h"]
    assert list(cells_of(table)) == ["a", "b", "h"]


def test_a_mask_that_a_record_names_as_a_networks_counts_as_automatic(
    evaluate, table, tmp_path, lesion, write_nifti, oblique_affine
):
    edited = np.roll(lesion, 1, axis=0)
    (tmp_path / "b-mask.json").write_text("{}")
    (tmp_path / "b-t2_lesion.json").write_text(json.dumps({"mask": {"voxels_sha256": mask_digest(edited)}}))
    evaluate("--with-mask")
    assert cells_of(table)["b"]["mask_provenance"] == "automatic"


def test_values_of_the_cohorts_masks_are_chosen_by_options_or_by_row(
    evaluate, table, cohort, tmp_path, lesion, write_nifti, oblique_affine
):
    for name, drawn in (("a", lesion), ("b", np.roll(lesion, 1, axis=0))):
        labels = np.where(drawn, 2, np.roll(drawn, 9, 1)).astype(np.int16)
        write_nifti(tmp_path / f"{name}-mask.nii.gz", labels, oblique_affine)
    result = evaluate("--mask-label", 1, "--mask-threshold", 0.5)
    assert (result.exit_code, "its threshold, not both" in result.stderr) == (2, True)
    result = evaluate()
    assert "holds the values 0, 1 and 2; say which one is the lesion with --mask-label" in result.stderr
    assert evaluate("--mask-label", 2, "--overwrite").exit_code == 0
    assert [float(cells_of(table)[name]["dice"]) for name in "ab"] == pytest.approx([1, 2 / 3])
    lines = cohort.read_text().splitlines()
    rows = [f"{line},{value}" for line, value in zip(lines, ("mask_label", 1, "", "", 1), strict=True)]
    cohort.write_text("\n".join(rows) + "\n")
    assert evaluate("--mask-label", 2, "--overwrite").exit_code == 0
    assert [float(cells_of(table)[name]["dice"]) for name in "ab"] == pytest.approx([0, 2 / 3])


def test_with_mask_the_classifiers_see_the_cohorts_mask(evaluate, table, monkeypatch):
    evaluate()
    seen = []
    diagnose = cohort_prediction.predict_case.__globals__["diagnose"]

    def noted(volume, networks, **arguments):
        if networks.classifiers:
            seen.append(arguments["given"].mask)
        return diagnose(volume, networks, **arguments)

    monkeypatch.setitem(cohort_prediction.predict_case.__globals__, "diagnose", noted)
    before = cells_of(table)
    result = evaluate("--overwrite", "--with-mask")
    after = cells_of(table)
    assert [int(mask.sum()) for mask in seen] == [168, 168, 0]
    assert seen[1][5].any(), "the reference of b reaches one slice further"
    # In a the cohort's mask has the voxels that the segmenter marks, and h has no mask where nothing is found.
    assert {name: row["mask_provenance"] for name, row in after.items()} == {
        "a": "automatic",
        "b": "reviewed",
        "h": "automatic",
    }
    for name, row in after.items():
        assert {column: row[column] for column in ("dice", "flagged", "volume_ml")} == {
            column: before[name][column] for column in ("dice", "flagged", "volume_ml")
        }
    assert "warning: in 1 of 2 test cases the classifiers saw a mask that a person checked or drew" in result.stdout


def test_warnings_about_a_mask_of_the_cohort_are_those_of_its_case(evaluate, tmp_path):
    path = tmp_path / "b-mask.nii.gz"
    path.write_bytes(path.read_bytes() + b"attachment")
    result = evaluate()
    assert result.exit_code == 0, result.output
    warning = "  warning: b-mask.nii.gz: has other bytes behind its gzip data; they were ignored"
    assert result.output.count(warning) == 1


def test_scans_with_contrast_give_a_second_set_of_probabilities(
    evaluate, table, cohort, stub_networks, checkpoints, monkeypatch
):
    cohort.write_text(re.sub(r"(a-mask.nii.gz),", r"\1,a-t1c.nii.gz", cohort.read_text()))
    assert "contrast-enhanced scans are not used" in evaluate().stderr
    able = {task: replace(checkpoints[task], modalities=("t2w", "t1c")) for task in TASKS[:2]}
    (stub_networks / MANIFEST).write_text(manifest_json(checkpoints | able))
    load = loaded_weights.load_classifiers
    monkeypatch.setattr(
        loaded_weights,
        "load_classifiers",
        lambda *_, **__: tuple(replace(one, checkpoint=able.get(one.task.name, one.checkpoint)) for one in load()),
    )
    result = evaluate("--overwrite")
    assert result.exit_code == 0, result.output
    assert "contrast-enhanced scans are not used" not in result.stderr
    cells = cells_of(table)
    assert [cells["a"][f"p_{task}_t1c"] for task in TASKS] == ["0.75", "0.75", ""]
    assert [cells["b"][f"p_{task}_t1c"] for task in TASKS] == ["", "", ""]


def test_predictions_of_a_report_give_the_same_numbers_again(evaluate, run, tmp_path):
    evaluate()
    report, again = tmp_path / "report", tmp_path / "again"
    options = ("--lesions", report / "lesions.csv", "--resamples", 100, "--operating-point", 0.5, "--no-figures")
    result = run("evaluate", "--predictions", report / "predictions.csv", "--out", again, *options)
    assert result.exit_code == 0, result.output
    assert (again / "metrics.json").read_bytes() == (report / "metrics.json").read_bytes()


@pytest.fixture
def alike(monkeypatch):
    """Random weights that give the same maps; returns the masks of the cases that were compared."""
    seen = []

    def compare(t2, mask, classifier):
        seen.append((t2.source, int(mask.sum())))
        return (MapComparison(spearman=0.9, ssim=0.8, blank=0, tiles=3),)

    monkeypatch.setattr(cohort_prediction, "compare_maps", compare)
    return seen


def test_maps_are_compared_with_random_weights_where_that_is_asked(evaluate, alike, tmp_path, table):
    assert evaluate().exit_code == 0
    assert (alike, table("gradcam_check.csv")) == ([], [])
    result = evaluate("--overwrite", "--gradcam-check", 5)
    assert result.exit_code == 0, result.output
    # b is the one case of the test with a lesion; tasks of tumours have none.
    assert [source for source, _ in alike] == ["b-t2.nii.gz"] * 2
    rows = table("gradcam_check.csv")
    assert [row["task"] for row in rows] == ["tumor_vs_demyelinating", "ms_vs_nmosd"]
    assert (rows[0]["cases"], rows[0]["rank_correlation"], rows[0]["depends_on_weights"]) == ("1", "0.9", "False")
    warning = "ms_vs_nmosd: Grad-CAM maps stay much as they are with random weights (mean rank correlation 0.90"
    assert f"warning: {warning}" in result.stdout
    page = (tmp_path / "report/report.html").read_text(encoding="utf-8")
    assert warning in page
    assert page.index("Rank correlation") > page.index(">Grad-CAM</h2>")


def test_maps_are_of_the_mask_that_was_classified(evaluate, alike, tmp_path, write_nifti, lesion, oblique_affine):
    write_nifti(tmp_path / "b-mask.nii.gz", (lesion & (np.arange(48) < 24)).astype(np.uint8), oblique_affine)
    evaluate("--gradcam-check", 1)
    evaluate("--gradcam-check", 1, "--with-mask", "--overwrite")
    assert [voxels for _, voxels in alike] == [168, 168, 72, 72]


def test_representative_cases_are_shown_with_both_masks(evaluate, tmp_path, lesion, bright_data, monkeypatch):
    shown = {}
    write = "spinal_tf.report.study.figures.write_figures"
    monkeypatch.setattr(write, lambda *_, pictures, **__: shown.update(pictures) or ())
    assert evaluate(figures=True).exit_code == 0
    # One test case has a lesion; its mask is the lesion moved by a slice, and the slice with most of it is shown.
    [(name, picture)] = shown.items()
    index = int(np.roll(lesion, 1, axis=0).sum(axis=(1, 2)).argmax())
    t2 = read_volume(tmp_path / "b-t2.nii.gz")
    assert name == "b"
    assert (picture.image == t2.data[index]).all()
    assert (picture.reference == lesion[index - 1]).all()
    assert (picture.predicted == read_mask(tmp_path / "report/masks/b_lesion.nii.gz", like=t2)[index]).all()
    assert picture.spacing_mm == t2.spacing_mm[1:]
    # The networks' map is 1 in the middle of a tile and 0 at its edge.
    assert picture.heat.shape == picture.image.shape
    assert picture.heat[picture.predicted].max() == 1
    assert picture.heat[0, -1] == 0


def test_figures_that_exist_are_told_before_anything_is_predicted(evaluate, tmp_path):
    folder = tmp_path / "report" / "figures"
    folder.mkdir(parents=True)
    (folder / "flow.svg").write_text("mine")
    result = evaluate(figures=True)
    assert result.exit_code == 3
    assert "flow.svg: already exists and was kept; add --overwrite" in result.stderr
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["figures"]


def test_faults_are_told_before_anything_is_predicted(run, cohort, tmp_path):
    result = run("evaluate", "--cohort", cohort, "--out", tmp_path / "report", "--subgroup", "sit")
    assert result.exit_code == 3
    assert [line.split(" has ")[0] for line in result.stdout.splitlines()] == [
        f"{cohort}: the validation split",
        f"{cohort}: the validation split",
        f"{cohort}: row 1, sit: there is no such column to divide by; the nearest is site",
    ]
    assert not (tmp_path / "report").exists()


def test_results_that_exist_are_kept_before_anything_is_predicted(evaluate, no_networks, stub_networks):
    evaluate()
    no_networks()
    (stub_networks / MANIFEST).write_text((stub_networks / MANIFEST).read_text().replace("0" * 64, "2" * 64))
    result = evaluate()
    assert result.exit_code == 3
    assert "metrics.json: already exists and was kept; add --overwrite" in result.stderr


def test_a_folder_that_another_process_predicts_into_is_refused(refused, cohort, tmp_path, stub_networks):
    with locked(tmp_path / "report" / "predictions.csv"):
        sentence = refused("evaluate", "--cohort", cohort, "--out", tmp_path / "report", "--operating-point", 0.5)
    assert "predictions.csv: another process is writing there; wait until that has ended" in sentence
    assert [path.name for path in (tmp_path / "report").rglob("*")] == ["masks"]


def test_a_table_that_appears_while_cases_are_predicted_is_kept(evaluate, tmp_path, monkeypatch):
    theirs = tmp_path / "report" / "lesions.csv"

    def appear(*given):
        theirs.write_text("mine")
        return predict(*given)

    predict = cohort_prediction.predict_case
    monkeypatch.setattr(cohort_prediction, "predict_case", appear)
    result = evaluate()
    assert result.exit_code == 3
    assert "lesions.csv: already exists and was kept" in result.stderr
    assert theirs.read_text() == "mine"
    assert not (tmp_path / "report" / "predictions.csv").exists()


@pytest.mark.parametrize("table", ["predictions.csv", "lesions.csv", "predictions.json"])
def test_a_table_of_someone_elses_predictions_is_kept(refused, cohort, tmp_path, table):
    (tmp_path / "report").mkdir()
    theirs = tmp_path / "report" / table
    theirs.write_text("mine")
    sentence = refused("evaluate", "--cohort", cohort, "--out", tmp_path / "report")
    assert sentence == f"{theirs}: was not written by evaluate --cohort and was kept; choose another folder"
    assert theirs.read_text() == "mine"


def test_a_column_that_is_to_be_predicted_may_not_be_there(refused, cohort, tmp_path):
    cohort.write_text(cohort.read_text().replace("site", "dice"))
    sentence = refused("evaluate", "--cohort", cohort, "--out", tmp_path / "report")
    assert sentence == "cohort.csv: the column dice is one that the evaluation writes; rename it"


@pytest.fixture
def serve(stub_networks, monkeypatch):
    """The function that puts the networks on a server, of which no weights are left on this machine.

    Every version at every address answers as this machine did; a server that is down refuses whatever it is asked.
    """

    def serve(*, down=False, **described):
        served = replace(Served(address="?", version=1, precision="float32", written_by="0.1.0"), **described)

        def engine(batch):
            if down:
                raise ServerError("the server is down")
            return local["load_segmenter"]().engine(batch)

        def remote_segmenter(server, expected):
            return replace(local["load_segmenter"](), served=replace(served, address=str(server)), engine=engine)

        def remote_classifiers(server, expected):
            return tuple(
                replace(one, served=replace(served, address=str(server))) for one in local["load_classifiers"]()
            )

        monkeypatch.setenv("SPINAL_TF_WEIGHTS", "/no/such/folder")
        monkeypatch.setattr(loaded_weights, "Connection", str)
        monkeypatch.setattr(loaded_weights, "remote_segmenter", remote_segmenter)
        monkeypatch.setattr(loaded_weights, "remote_anatomy", lambda *_: None)
        monkeypatch.setattr(loaded_weights, "remote_classifiers", remote_classifiers)

    local = {name: getattr(loaded_weights, name) for name in ("load_segmenter", "load_classifiers")}
    return serve


def test_a_server_predicts_what_this_machine_predicts_and_is_named(evaluate, table, serve, tmp_path, no_networks):
    evaluate()
    before = table()
    serve(version=4)
    no_networks()
    result = evaluate("--overwrite", "--server", "grpc://one:8500")
    assert result.exit_code == 0, result.output
    assert done_again(result) == ["a", "b", "h"], "predictions of this machine are not taken for the server's"
    assert table() == before
    models = json.loads((tmp_path / "report/predictions.json").read_text())["models"]
    assert {one["served"] for one in models} == {"version 4 at grpc://one:8500, float32"}


def test_a_servers_predictions_are_known_by_what_it_serves_and_not_by_where(evaluate, serve):
    serve(version=4)
    assert done_again(evaluate("--server", "grpc://one:8500")) == ["a", "b", "h"]
    serve(version=5)
    assert done_again(evaluate("--overwrite", "--server", "http://two:8501")) == []
    serve(precision="bfloat16")
    assert done_again(evaluate("--overwrite", "--server", "grpc://one:8500")) == ["a", "b", "h"]


def test_what_a_server_leaves_undone_is_done_later(evaluate, table, serve):
    serve(down=True)
    result = evaluate("--server", "grpc://one:8500")
    assert result.exit_code == 5
    assert result.stderr.count("the server is down") == 3
    serve()
    result = evaluate("--overwrite", "--server", "grpc://one:8500")
    assert (result.exit_code, done_again(result)) == (0, ["a", "b", "h"])
    assert {row["problem"] for row in table()} == {""}


def test_a_server_that_is_not_there_is_told_before_anything_is_predicted(refused, cohort, tmp_path, monkeypatch):
    monkeypatch.setattr("spinal_tf.remote.connection.WAITS_S", ())
    options = ("--cohort", cohort, "--out", tmp_path / "report", "--server", "http://localhost:1")
    assert "cannot be reached" in refused("evaluate", *options, status=6)
    assert not (tmp_path / "report").exists()


def test_a_cohort_for_training_alone_has_nothing_to_judge(refused, cohort, tmp_path):
    cohort.write_text(re.sub(",(test|validation)", ",train", cohort.read_text()))
    sentence = refused("evaluate", "--cohort", cohort, "--out", tmp_path / "report")
    assert sentence.startswith("cohort.csv: has no case of validation or test")


def test_without_weights_nothing_is_read(refused, cohort, tmp_path, monkeypatch):
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", str(tmp_path / "nowhere"))
    sentence = refused("evaluate", "--cohort", cohort, "--out", tmp_path / "report", status=4)
    assert "nowhere" in sentence


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give either --cohort or --predictions"),
        (["--cohort", "c.csv", "--predictions", "p.csv"], "give either --cohort or --predictions"),
        (["--predictions", "p.csv", "--threshold", "0.5"], "--threshold is for making predictions"),
        (["--predictions", "p.csv", "--device", "cpu"], "--device is for making predictions"),
        (["--predictions", "p.csv", "--server", "grpc://one:8500"], "--server is for making predictions"),
        (["--cohort", "c.csv", "--server", "grpc://one:8500", "--gradcam-check", "2"], "leave out --server"),
        (["--cohort", "c.csv", "--server", "grpc://one:8500", "--device", "cpu"], "--device is for networks on this"),
        (["--predictions", "p.csv", "--with-mask"], "--with-mask is for making predictions"),
        (["--predictions", "p.csv", "--gradcam-check", "2"], "--gradcam-check needs networks and images"),
        (["--cohort", "c.csv", "--lesions", "l.csv"], "--lesions belongs to --predictions"),
        (["--predictions", "p.csv", "--poor-dice", "nan"], "must be a number"),
    ],
)
def test_wrong_usage_is_told(run, tmp_path, arguments, words):
    result = run("evaluate", *arguments, "--out", tmp_path / "report")
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


def coarse_source(rng, view):
    """A spine of few voxels."""
    size = {"spacing_mm": (1.75, 2.0, 1.6), "size": (22, 120, 80), "with_t1c": view.with_t1c}
    return procedural_background(np.random.default_rng(0), level="cervical", **size)


@pytest.mark.slow
def test_simulated_cases_go_from_images_to_a_report(run, tmp_path, tiny_weights, monkeypatch):
    monkeypatch.setattr(phantom_cohort, "read_backgrounds", lambda backgrounds: coarse_source)
    assert run("simulate", tmp_path / "cohort", "--cases", 4, "--seed", 7, "--workers", 1).exit_code == 0
    report, options = tmp_path / "report", ("--weights", tiny_weights, "--operating-point", 0.5, "--resamples", 100)
    options += ("--gradcam-check", 1)
    result = run("evaluate", "--cohort", tmp_path / "cohort/cohort.csv", "--out", report, *options)
    assert result.exit_code == 0, result.output
    with (report / "predictions.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4
    for row in rows:
        folder = tmp_path / "cohort" / row["case"]
        scan = read_volume(folder / "t2.nii.gz")
        paths = report / f"masks/{row['case']}_lesion.nii.gz", folder / "mask.nii.gz"
        ours, theirs = (read_mask(path, like=scan) for path in paths)
        assert float(row["dice"]) == score_mask(ours, theirs, scan.spacing_mm).dice
        assert row["scanner"] == "simulated"
        assert (row["p_ms_vs_nmosd"] == "none") == (not ours.any())
    assert nib.load(report / f"masks/{rows[0]['case']}_lesion.nii.gz").get_data_dtype() == np.uint8
    metrics = json.loads((report / "metrics.json").read_text())
    assert {row["diagnosis"] for row in metrics["masks"]} == {"astrocytoma", "ependymoma", "ms", "nmosd"}
    found = {row["task"]: row["draws"] for row in metrics["gradcam_check"]}
    asked = {task for task in TASKS if any(row[f"p_{task}"] not in ("", "none") for row in rows)}
    assert set(found) <= asked
    assert set(found.values()) <= {3}
    assert (report / "figures/cases.png").stat().st_size > 0
    assert "data:image" in (report / "report.html").read_text(encoding="utf-8")


def test_names_that_are_not_utf_8(run, cohort, tmp_path):
    """The table, its images' folder and the report all have names in Latin-1."""
    folder = tmp_path / os.fsdecode(b"Universit\xe4t")
    folder.mkdir()
    for file in tmp_path.glob("*.nii.gz"):
        file.rename(folder / file.name)
    (folder / "a-t2.nii.gz").unlink()
    table, report = cohort.rename(folder / os.fsdecode(b"F\xe4lle.csv")), folder / os.fsdecode(b"Erg\xe4nzung")
    result = run("evaluate", "--cohort", table, "--out", report, "--resamples", 100, "--operating-point", 0.5)
    assert result.exit_code == 5, result.output
    assert rf"in {tmp_path}/Universit\xe4t; check the path" in (report / "predictions.csv").read_text(encoding="utf-8")
    assert json.loads((report / "metrics.json").read_text(encoding="utf-8"))
