"""``spinal-tf classify``: which mask it takes and what it calls it, the T1c image, what it writes."""

from __future__ import annotations

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from spinal_tf import loaded_weights
from spinal_tf.images.volume import read_volume, write_on_grid
from spinal_tf.report.record import mask_digest

LESION_OUTPUTS = ["case_lesion.json", "case_lesion.nii.gz", "case_lesion.png"]
HEAT_MAPS = ["case_gradcam_ms_vs_nmosd.nii.gz", "case_gradcam_tumor_vs_demyelinating.nii.gz"]
DIAGNOSIS_OUTPUTS = [
    "case_diagnosis.html",
    "case_diagnosis.json",
    "case_gradcam.png",
    *HEAT_MAPS,
]
"""Of a case that is called NMOSD; the task between the tumours has no part in that."""


@pytest.fixture(autouse=True)
def networks(stub_networks):
    return stub_networks


@pytest.fixture
def diagnosis(bright_file):
    """The function that reads the record of the diagnosis."""
    return lambda: json.loads(bright_file.with_name("case_diagnosis.json").read_text(encoding="utf-8"))


@pytest.fixture
def draw(bright_file):
    """The function that writes a mask in package order on the case's grid."""

    def write(name, mask):
        path = bright_file.with_name(name)
        write_on_grid(mask, path, like=read_volume(bright_file))
        return path

    return write


def test_without_a_mask_it_segments_first_and_writes_both(run, bright_file, names, diagnosis):
    result = run("classify", bright_file)
    assert (result.exit_code, result.stderr) == (0, "")
    assert names(bright_file.parent) == sorted(["case.nii.gz", *LESION_OUTPUTS, *DIAGNOSIS_OUTPUTS])
    assert (diagnosis()["mask"]["provenance"], diagnosis()["mask"]["file"]) == ("automatic", None)
    assert len(diagnosis()["models"]) == 4
    # Every task gives 0.75: demyelinating, then NMOSD, 0.75 x 0.75.
    assert diagnosis()["classification"]["diagnosis"] == "nmosd"
    assert diagnosis()["classification"]["posterior"]["nmosd"] == pytest.approx(0.5625)
    assert "diagnosis: NMOSD, posterior probability 0.56 (research use only)" in result.stdout
    assert "simulated" not in result.stdout


def test_the_segmentations_record_is_that_of_segment(run, bright_file):
    run("classify", bright_file)
    record = json.loads(bright_file.with_name("case_lesion.json").read_text())
    assert record["classification"] is None
    assert [model["name"] for model in record["models"]] == ["segmenter"]


def test_its_own_segmentation_is_found_automatic_by_the_next_run(run, bright_file, diagnosis):
    run("classify", bright_file, "--save-probability")
    assert bright_file.with_name("case_probability.nii.gz").exists()
    assert run("classify", bright_file, "--with-mask", "--overwrite").exit_code == 0
    assert diagnosis()["mask"]["provenance"] == "automatic"


def test_a_bare_option_takes_the_mask_that_segment_wrote(run, bright_file, diagnosis, names):
    run("segment", bright_file)
    before = bright_file.with_name("case_lesion.nii.gz").read_bytes()
    assert run("classify", bright_file, "--with-mask").exit_code == 0
    assert diagnosis()["mask"] | {"voxels_sha256": ""} == {
        "provenance": "automatic",
        "file": "case_lesion.nii.gz",
        "voxels_sha256": "",
        "threshold": None,
        "minimum_peak": None,
        "minimum_volume_ml": None,
    }
    assert names(bright_file.parent) == sorted(["case.nii.gz", *LESION_OUTPUTS, *DIAGNOSIS_OUTPUTS])
    assert bright_file.with_name("case_lesion.nii.gz").read_bytes() == before


def test_a_changed_mask_counts_as_reviewed(run, bright_file, diagnosis, draw, lesion):
    run("segment", bright_file)
    changed = lesion.copy()
    changed[3, 18, 24] = True
    draw("case_lesion.nii.gz", changed)
    assert run("classify", bright_file, "--with-mask").exit_code == 0
    assert diagnosis()["mask"]["provenance"] == "reviewed"


def test_a_named_mask_counts_as_reviewed(run, bright_file, diagnosis, draw, lesion):
    mask = draw("reviewed.nii.gz", lesion)
    assert run("classify", bright_file, "--with-mask", mask).exit_code == 0
    assert (diagnosis()["mask"]["provenance"], diagnosis()["mask"]["file"]) == ("reviewed", "reviewed.nii.gz")
    assert [lesion["slices"] for lesion in diagnosis()["lesions"]] == [[2, 3, 4]]


def test_with_a_mask_the_segmenter_is_not_even_loaded(run, bright_file, draw, lesion, monkeypatch):
    monkeypatch.setattr(loaded_weights, "load_segmenter", None)
    assert run("classify", bright_file, "--with-mask", draw("m.nii.gz", lesion)).exit_code == 0


def test_a_mask_in_another_axis_order_is_the_same_mask(
    run, bright_file, diagnosis, lesion, write_nifti, oblique_affine, tmp_path
):
    mask = write_nifti(tmp_path / "mask.nii", lesion.astype(np.uint8), oblique_affine, axes="RAS")
    assert run("classify", bright_file, "--with-mask", mask).exit_code == 0
    assert [found["slices"] for found in diagnosis()["lesions"]] == [[2, 3, 4]]


def test_the_mask_beside_the_outputs_is_taken_where_a_folder_is_named(run, bright_file, tmp_path, names):
    run("segment", bright_file, "-o", tmp_path / "out")
    assert run("classify", bright_file, "--with-mask", "-o", tmp_path / "out").exit_code == 0
    assert names(tmp_path / "out") == sorted([*LESION_OUTPUTS, *DIAGNOSIS_OUTPUTS])
    assert names(bright_file.parent) == ["case.nii.gz"]


def test_no_mask_beside_the_case(refused, bright_file, names):
    sentence = refused("classify", bright_file, "--with-mask")
    assert sentence.startswith("case.nii.gz: there is no mask case_lesion.nii.gz beside it; run segment first")
    assert names(bright_file.parent) == ["case.nii.gz"]


def test_a_mask_that_is_not_there(refused, bright_file, names, tmp_path):
    assert "there is no such file" in refused("classify", bright_file, "--with-mask", tmp_path / "drawn.nii.gz")
    assert names(bright_file.parent) == ["case.nii.gz"]


def test_an_empty_mask_is_a_result(run, bright_file, diagnosis, draw, lesion, names):
    result = run("classify", bright_file, "--with-mask", draw("empty.nii.gz", np.zeros_like(lesion)))
    assert result.exit_code == 0
    assert "No lesion found" in result.stdout
    assert diagnosis()["classification"] is None
    assert diagnosis()["not_classified"] == "no lesion was found, so there is nothing to classify"
    assert set(DIAGNOSIS_OUTPUTS) - set(names(bright_file.parent)) == set(HEAT_MAPS)
    assert "gradcam_ms" not in result.stdout


def test_heat_maps_of_an_earlier_mask_go_with_it(run, bright_file, draw, lesion, names):
    run("classify", bright_file, "--with-mask", draw("m.nii.gz", lesion))
    assert set(HEAT_MAPS) <= set(names(bright_file.parent))
    result = run("classify", bright_file, "--with-mask", draw("m.nii.gz", np.zeros_like(lesion)), "--overwrite")
    assert result.exit_code == 0
    assert not set(HEAT_MAPS) & set(names(bright_file.parent))


@pytest.mark.parametrize("empty", [False, True])
def test_a_case_without_some_heat_maps_is_done_for_resume(run, bright_file, draw, lesion, empty):
    mask = draw("m.nii.gz", np.zeros_like(lesion) if empty else lesion)
    assert run("classify", bright_file, "--with-mask", mask).exit_code == 0
    assert "1 of 1 cases have their outputs" in run("classify", bright_file, "--with-mask", mask, "--resume").stderr


@pytest.mark.parametrize("option", ["--with-mask", "--t1c"])
def test_an_image_of_another_shape_is_refused_with_what_differs(
    refused, bright_file, bright_data, oblique_affine, write_nifti, names, tmp_path, option
):
    other = write_nifti(tmp_path / "other.nii.gz", bright_data[:, :-1], oblique_affine)
    sentence = refused("classify", bright_file, option, other)
    assert "48 x 39 x 7 voxels against 48 x 40 x 7" in sentence
    assert names(bright_file.parent) == ["case.nii.gz"]


@pytest.mark.parametrize("option", ["--with-mask", "--t1c"])
def test_an_image_shifted_by_2_mm_is_refused_with_what_differs(
    refused, bright_file, bright_data, oblique_affine, write_nifti, names, tmp_path, option
):
    shifted = oblique_affine.copy()
    shifted[2, 3] += 2
    other = write_nifti(tmp_path / "other.nii.gz", bright_data, shifted, axes="PSR")
    assert "shifted by 2 mm along S" in refused("classify", bright_file, option, other)
    assert names(bright_file.parent) == ["case.nii.gz"]


def test_a_contrast_image_that_the_weights_do_not_know_is_left_out_with_a_warning(
    run, bright_file, bright_data, oblique_affine, write_nifti, tmp_path, diagnosis
):
    t1c = write_nifti(tmp_path / "t1c.nii.gz", bright_data[:, ::-1], oblique_affine, axes="PSR")
    result = run("classify", bright_file, "--t1c", t1c)
    assert result.exit_code == 0
    assert diagnosis()["classification"]["with_t1c"] is False
    assert diagnosis()["warnings"][-1].startswith("t1c.nii.gz: not used for tumor_vs_demyelinating, ")
    assert "  warning: t1c.nii.gz: not used for" in result.stdout


def test_a_label_map_and_a_soft_mask_say_what_is_lesion(run, refused, bright_file, draw, lesion, diagnosis):
    labels = draw("labels.nii.gz", np.where(lesion, 2, np.roll(lesion, 8, 1)).astype(np.uint8))
    soft = draw("soft.nii.gz", np.where(lesion, 0.8, np.linspace(0, 0.4, 48)).astype(np.float32))
    for mask, problem in ((labels, "lesion with --mask-label"), (soft, "choose --mask-threshold, for example 0.5")):
        assert refused("classify", bright_file, "--with-mask", mask).endswith(problem)
    assert not bright_file.with_name("case_diagnosis.json").exists()
    for mask, *option in ((labels, "--mask-label", 2), (soft, "--mask-threshold", 0.5)):
        assert run("classify", bright_file, "--with-mask", mask, *option, "--overwrite").exit_code == 0
        assert diagnosis()["mask"]["voxels_sha256"] == mask_digest(lesion)
        assert diagnosis()["review"] is None


def test_warnings_about_the_file_of_a_mask_are_those_of_the_case(run, bright_file, draw, lesion, diagnosis):
    path = draw("mine.nii.gz", lesion.astype(np.uint8))
    image = nib.load(path)
    moved = image.affine.copy()
    moved[0, 3] += 0.25
    image.set_qform(moved, 1)
    nib.save(image, path)
    path.write_bytes(path.read_bytes() + b"attachment")
    result = run("classify", bright_file, "--with-mask", path)
    assert result.exit_code == 0
    forms, rest = (one for one in diagnosis()["warnings"] if one.startswith("mine.nii.gz: "))
    assert forms.startswith("mine.nii.gz: qform and sform disagree by up to 0.25 mm; the sform was used")
    assert rest == "mine.nii.gz: has other bytes behind its gzip data; they were ignored"
    assert diagnosis()["review"] is None
    page = bright_file.with_name("case_diagnosis.html").read_text(encoding="utf-8")
    for warning in (forms, rest):
        assert result.stdout.count(f"  warning: {warning}") == 1
        assert page.count(warning) == 1


def test_a_doubtful_mask_is_flagged(run, bright_file, draw, lesion, diagnosis):
    at_edge = np.zeros_like(lesion)
    at_edge[2:5, 10:18, :5] = True
    result = run("classify", bright_file, "--with-mask", draw("edge.nii.gz", at_edge))
    assert result.exit_code == 0
    doubt = "edge.nii.gz: lies to 100% in air, at the surface of the body or at the edge of the field of view"
    assert diagnosis()["review"] == {"needed": True, "reasons": [doubt]}
    assert doubt in diagnosis()["warnings"]
    assert result.stdout.count(doubt) == 1
    assert f"  please review: {doubt}" in result.stdout
    page = bright_file.with_name("case_diagnosis.html").read_text(encoding="utf-8")
    assert (page.count(doubt), page.count("A person should check the mask")) == (1, 1)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--mask-label", 2], "--mask-label says how a mask is read; give the mask with --with-mask"),
        (["--mask-threshold", 0.5], "--mask-threshold says how a mask is read"),
        (["--with-mask", "m.nii.gz", "--mask-label", 2, "--mask-threshold", 0.5], "its threshold, not both"),
        (["--with-mask", "m.nii.gz", "--mask-label", 0], "Invalid value for '--mask-label'"),
        (["--with-mask", "m.nii.gz", "--mask-threshold", "nan"], "must be a number"),
    ],
)
def test_values_of_a_mask_that_make_no_sense_are_refused(run, bright_file, options, problem):
    result = run("classify", bright_file, *options)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_a_t1c_that_is_the_scan_or_a_mask_is_refused(refused, bright_file, draw, lesion):
    assert "is the T2w scan case.nii.gz itself" in refused("classify", bright_file, "--t1c", bright_file)
    mask = draw("m.nii.gz", lesion)
    assert refused("classify", bright_file, "--t1c", mask).startswith("m.nii.gz: is a mask, not a scan")


def test_a_folder_of_masks_is_matched_by_name(run, bright_data, lesion, oblique_affine, write_nifti, tmp_path):
    for name in "abc":
        write_nifti(tmp_path / f"{name}.nii.gz", bright_data, oblique_affine)
    masks = tmp_path / "masks"
    masks.mkdir()
    write_nifti(masks / "a.nii.gz", lesion.astype(np.uint8), oblique_affine)
    write_nifti(masks / "b_lesion.nii.gz", np.roll(lesion, 1, 0).astype(np.uint8), oblique_affine)
    result = run("classify", tmp_path, "--with-mask", masks)
    assert result.exit_code == 5
    # The case without a mask is named before any case is worked on.
    missing = tmp_path / "c.nii.gz"
    said = f"spinal-tf: {missing}: there is no mask for it in {masks}; name it c_lesion.nii.gz"
    assert result.stderr.index(said) < result.stderr.index("[1/2]")
    assert result.stderr.count("there is no mask") == 1
    assert result.stderr.splitlines()[-1] == f"spinal-tf: 1 of 3 cases failed: {missing}"
    assert "3 cases: 2 with lesion, 0 without, 0 flagged for review, 1 failed, 0 skipped" in result.stderr
    for name, file, mask in (("a", "a.nii.gz", lesion), ("b", "b_lesion.nii.gz", np.roll(lesion, 1, 0))):
        found = json.loads((tmp_path / f"{name}_diagnosis.json").read_text(encoding="utf-8"))["mask"]
        assert (found["file"], found["provenance"]) == (file, "reviewed")
        assert found["voxels_sha256"] == mask_digest(mask)
    assert not (tmp_path / "c_diagnosis.json").exists()


def test_an_unusable_mask_of_a_folder_is_named_with_its_case(refused, bright_file, tmp_path):
    mask = tmp_path / "masks" / "case.nii.gz"
    mask.parent.mkdir()
    mask.write_bytes(b"")
    sentence = refused("classify", bright_file, "--with-mask", mask.parent)
    assert sentence.startswith(f"case.nii.gz: its mask for --with-mask, {mask}: is empty")


def test_masks_that_a_person_reviewed_in_the_output_folder_are_found(
    run, bright_data, lesion, oblique_affine, write_nifti, tmp_path
):
    for name in "pq":
        (tmp_path / "scans" / name).mkdir(parents=True)
        write_nifti(tmp_path / "scans" / name / "t2.nii.gz", bright_data, oblique_affine)
    out = tmp_path / "out"
    assert run("segment", tmp_path / "scans", "-o", out).exit_code == 0
    write_nifti(out / "q/t2_lesion.nii.gz", np.roll(lesion, 1, 0).astype(np.uint8), oblique_affine)
    assert run("classify", tmp_path / "scans", "-o", out, "--with-mask", out).exit_code == 0
    records = [json.loads((out / name / "t2_diagnosis.json").read_text(encoding="utf-8")) for name in "pq"]
    assert [record["mask"]["provenance"] for record in records] == ["automatic", "reviewed"]


def test_a_single_case_without_its_mask_is_refused(refused, bright_file, tmp_path):
    (tmp_path / "masks").mkdir()
    sentence = refused("classify", bright_file, "--with-mask", tmp_path / "masks")
    assert sentence.startswith(f"{bright_file}: there is no mask for it in {tmp_path / 'masks'}")


def test_a_case_that_was_taken_for_the_mask_is_named(run, bright_file):
    result = run("classify", "--with-mask", bright_file)
    assert result.exit_code == 2
    assert f"--with-mask took {bright_file} for the mask, so no CASE is left; write " in result.stderr
    assert f" classify {bright_file} --with-mask, or name the case before --with-mask" in result.stderr
    assert "Missing argument" in run("classify").stderr
    assert "Missing argument" in run("classify", "--with-mask").stderr


def test_several_cases_take_the_masks_beside_them(
    run, bright_data, oblique_affine, write_nifti, tmp_path, diagnosis, names
):
    folder = tmp_path / "cohort"
    folder.mkdir()
    for name in ("a", "b"):
        write_nifti(folder / f"{name}.nii.gz", bright_data, oblique_affine)
    assert run("segment", folder).exit_code == 0
    result = run("classify", folder, "--with-mask")
    assert result.exit_code == 0
    assert result.stdout.count("diagnosis: NMOSD") == 2
    again = run("classify", folder, "--with-mask", "--resume")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "2 of 2 cases have their outputs" in again.stderr


@pytest.mark.parametrize("option", ["--with-mask", "--t1c"])
@pytest.mark.parametrize("as_folder", [True, False])
def test_a_named_image_belongs_to_one_case(
    run, bright_file, bright_data, oblique_affine, write_nifti, option, as_folder
):
    second = write_nifti(bright_file.with_name("second.nii.gz"), bright_data, oblique_affine)
    inputs = [bright_file.parent] if as_folder else [bright_file, second]
    result = run("classify", *inputs, option, second)
    assert result.exit_code == 2
    assert "belongs to one case" in result.stderr


def test_nothing_half_is_left_when_a_heat_map_cannot_be_written(run, bright_file, names, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spinal_tf.case_files.write_html", fail)
    result = run("classify", bright_file)
    assert result.exit_code == 3
    assert "the disk is full, nothing was written" in result.stderr
    assert names(bright_file.parent) == ["case.nii.gz"]


def test_existing_outputs_of_either_kind_are_kept(refused, run, bright_file, names):
    run("segment", bright_file)
    assert "case_lesion.json: already exists and was kept" in refused("classify", bright_file)
    assert names(bright_file.parent) == ["case.nii.gz", *LESION_OUTPUTS]
    assert run("classify", bright_file, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    "words", [["--threshold", "0.3"], ["--min-volume", "0.02"], ["--tta"], ["--save-probability"]], ids=str
)
def test_options_of_a_segmentation_that_will_not_happen_are_wrong_usage(run, bright_file, words):
    result = run("classify", bright_file, *words, "--with-mask")
    assert result.exit_code == 2
    assert f"{words[0]} applies to segmentation, which --with-mask skips" in result.stderr


# The method of the maps


@pytest.fixture
def explained_by_what_is_asked(networks, monkeypatch):
    """The stub networks, whose maps are by the method that they are loaded for."""
    load = loaded_weights.load_classifiers

    def by(method):
        def explained(explain):
            return lambda images, **how: replace(explain(images, **how), method=method)

        return tuple(replace(one, explain=explained(one.explain)) for one in load())

    monkeypatch.setattr(loaded_weights, "load_classifiers", lambda *_, method, **__: by(method))


@pytest.mark.parametrize(
    ("method", "printed", "passes"),
    [("layercam", "LayerCAM", 6), ("gradcam++", "Grad-CAM++", 6), ("scorecam", "Score-CAM", 66)],
)
def test_other_methods_are_named_in_record_page_and_files(
    run, bright_file, names, diagnosis, explained_by_what_is_asked, method, printed, passes
):
    result = run("classify", bright_file, "--explain", method)
    assert result.exit_code == 0
    made = [name.replace("gradcam", method) for name in DIAGNOSIS_OUTPUTS]
    assert names(bright_file.parent) == sorted(["case.nii.gz", *LESION_OUTPUTS, *made])
    assert diagnosis()["classification"]["explained_by"] == method
    assert [task["activation"]["zone"] for task in diagnosis()["classification"]["tasks"]] == ["lesion"] * 3
    page = bright_file.with_name("case_diagnosis.html").read_text(encoding="utf-8")
    assert f"Where {printed} for the called class" in page
    assert f"{printed} heat maps" in page
    assert result.stderr == (
        f"{printed} takes about {passes} forward passes of a classifier for each task and lesion-bearing slice; "
        "Grad-CAM takes 1\n"
    )
    assert run("classify", bright_file, "--explain", method, "--resume").stdout == ""


def test_grad_cam_is_the_default_and_says_so(run, bright_file, diagnosis):
    run("classify", bright_file)
    assert diagnosis()["classification"]["explained_by"] == "gradcam"
    assert "Where Grad-CAM for the called class" in bright_file.with_name("case_diagnosis.html").read_text("utf-8")


def test_a_server_explains_by_grad_cam_alone(run, bright_file, names):
    result = run("classify", bright_file, "--explain", "saliency", "--server", "http://localhost:8501")
    assert result.exit_code == 2
    assert "--explain saliency needs the networks here; leave out --server" in result.stderr
    assert names(bright_file.parent) == ["case.nii.gz"]
