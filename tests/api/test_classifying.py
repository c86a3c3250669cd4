"""``spinal_tf.classify`` and ``spinal_tf.explain``: the command's answers and files, maps in the scan's axis order."""

from __future__ import annotations

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner

import spinal_tf
from spinal_tf import loaded_weights
from spinal_tf.cli.main import main
from spinal_tf.errors import ServerError, VolumeError
from spinal_tf.map_methods import MapMethod
from spinal_tf.taxonomy import tree

TASK_NAMES = tree().task_names


@pytest.fixture
def mask(bright_file):
    """The lesion in the file's own axis order."""
    scan = np.asarray(nib.load(bright_file).dataobj)
    return scan == scan.max()


def test_a_scan_is_segmented_and_diagnosed(bright_file, stub_networks, mask):
    found = spinal_tf.classify(bright_file)
    # Every task gives 0.75: demyelinating, and of those NMOSD.
    assert found.diagnosis == "nmosd"
    expected = {"astrocytoma": 0.0625, "ependymoma": 0.1875, "ms": 0.1875, "nmosd": 0.5625}
    assert {type(name) for name in found.posterior} == {str}
    assert found.posterior == pytest.approx(expected)
    assert [one.task.name for one in found.tasks] == list(TASK_NAMES)
    np.testing.assert_array_equal(found.mask, mask)
    assert found.review is not None
    for task in found.tasks:
        assert (task.heatmap.shape, task.heatmap.dtype) == (mask.shape, np.float32)
        assert set(np.flatnonzero(task.heatmap.any(axis=(0, 1)))) == set(np.flatnonzero(mask.any(axis=(0, 1))))


@pytest.mark.parametrize("given", ["segmented", "array", "file"])
def test_a_mask_is_taken_in_place_of_a_segmentation(
    bright_file, stub_networks, mask, monkeypatch, tmp_path, lesion, oblique_affine, write_nifti, given
):
    segmented = spinal_tf.segment(bright_file)
    monkeypatch.setattr(loaded_weights, "load_segmenter", None)
    path = write_nifti(tmp_path / "reviewed.nii.gz", lesion.astype(np.uint8), oblique_affine)
    found = spinal_tf.classify(bright_file, mask={"segmented": segmented, "array": mask, "file": path}[given])
    np.testing.assert_array_equal(found.mask, mask)
    assert found.review is None
    assert found.case.mask_provenance == ("automatic" if given == "segmented" else "reviewed")
    assert found.diagnosis == "nmosd"


def test_a_label_or_a_threshold_chooses_the_lesion(bright_file, stub_networks, mask):
    labels = np.where(mask, 2, np.roll(mask, 9, 1)).astype(np.uint8)
    soft = np.where(mask, 0.8, 0.3 * np.random.default_rng(0).random(mask.shape))
    second, half = spinal_tf.MaskValues(mask_label=2), spinal_tf.MaskValues(mask_threshold=0.5)
    for given, values in ((labels, second), (soft, half)):
        np.testing.assert_array_equal(spinal_tf.classify(bright_file, mask=given, mask_values=values).mask, mask)
        assert set(spinal_tf.explain(bright_file, given, mask_values=values).maps) == set(TASK_NAMES)
    with pytest.raises(VolumeError, match="mask: holds the values 0, 1 and 2; say which one is the lesion"):
        spinal_tf.classify(bright_file, mask=labels)
    with pytest.raises(ValueError, match="not both"):
        spinal_tf.MaskValues(mask_label=2, mask_threshold=0.5)
    with pytest.raises(ValueError, match="belong to a mask"):
        spinal_tf.classify(bright_file, mask_values=second)


def test_a_doubtful_mask_asks_for_a_review(bright_file, stub_networks, mask):
    at_edge = np.zeros_like(mask)
    at_edge[:5, 10:18, 2:5] = True  # columns run from the front to the back of the body
    found = spinal_tf.classify(bright_file, mask=at_edge)
    assert found.review.needed
    assert found.review.reasons == found.warnings[-1:]


def test_warnings_about_the_file_of_a_mask_are_kept(bright_file, stub_networks, tmp_path):
    _, path, _ = spinal_tf.segment(bright_file).save(tmp_path / "out")
    path.write_bytes(path.read_bytes() + b"attachment")
    warnings = spinal_tf.classify(bright_file, mask=path).warnings
    assert "case_lesion.nii.gz: has other bytes behind its gzip data; they were ignored" in warnings


def test_a_file_that_segment_saved_counts_as_automatic_until_it_is_changed(bright_file, stub_networks, tmp_path):
    _, path, _ = spinal_tf.segment(bright_file).save(tmp_path / "out")
    assert spinal_tf.classify(bright_file, mask=path).case.mask_provenance == "automatic"
    image = nib.load(path)
    corrected = np.asarray(image.dataobj).copy()
    corrected[0, 0, 0] = 1
    nib.save(nib.Nifti1Image(corrected, None, image.header), path)
    assert spinal_tf.classify(bright_file, mask=path).case.mask_provenance == "reviewed"


def test_without_lesion_there_is_no_diagnosis(bright_file, stub_networks, mask):
    found = spinal_tf.classify(bright_file, mask=np.zeros_like(mask))
    assert (found.diagnosis, found.posterior, found.tasks, found.lesions) == (None, {}, (), ())


@pytest.mark.parametrize("with_mask", [False, True])
def test_saved_files_are_the_commands(bright_file, stub_networks, mask, tmp_path, with_mask):
    arguments = ["classify", str(bright_file), "-o", str(tmp_path / "command")]
    found = spinal_tf.classify(bright_file, mask=spinal_tf.segment(bright_file) if with_mask else None)
    saved = found.save(tmp_path / "api")
    if with_mask:
        spinal_tf.segment(bright_file).save(bright_file.parent)
        arguments.append("--with-mask")
    assert CliRunner().invoke(main, arguments).exit_code == 0
    theirs = sorted((tmp_path / "command").iterdir())
    assert sorted(path.name for path in saved) == [path.name for path in theirs]
    assert any(path.name == "case_lesion.nii.gz" for path in saved) != with_mask
    for path in saved:
        their = tmp_path / "command" / path.name
        if path.suffix == ".json":
            ours, others = (json.loads(one.read_text()) | {"timings_s": None} for one in (path, their))
            ours["mask"]["file"] = others["mask"]["file"]  # an array has none
            assert ours == others
        elif path.suffix == ".gz" or not with_mask and path.suffix == ".png":  # page and picture name a mask's file
            assert path.read_bytes() == their.read_bytes()


def test_explain_gives_the_map_of_every_task(bright_file, stub_networks, mask, tmp_path):
    found = spinal_tf.explain(bright_file, mask)
    classified = spinal_tf.classify(bright_file, mask=mask)
    assert list(found.maps) == list(TASK_NAMES)
    assert found.called == {one.task.name: one.task.classes[1] for one in classified.tasks}
    for one in classified.tasks:
        np.testing.assert_array_equal(found.maps[one.task.name], one.heatmap)
    saved = found.save(tmp_path)
    # The task between the tumors has no part in the diagnosis.
    names = ["case_gradcam.png", "case_gradcam_ms_vs_nmosd.nii.gz", "case_gradcam_tumor_vs_demyelinating.nii.gz"]
    assert sorted(path.name for path in saved) == names
    written = nib.load(tmp_path / names[1])
    np.testing.assert_array_equal(np.asarray(written.dataobj), found.maps["ms_vs_nmosd"])


def test_another_method_loads_the_classifiers_once_more_and_only_once(bright_file, stub_networks, mask, monkeypatch):
    asked, load = [], loaded_weights.load_classifiers
    monkeypatch.setattr(loaded_weights, "load_classifiers", lambda *a, **k: asked.append(k["method"]) or load(*a, **k))
    weights = spinal_tf.load_weights(stub_networks)
    for method in ("gradcam", None, "scorecam", MapMethod.SCORECAM):
        spinal_tf.explain(bright_file, mask, weights=weights, method=method)
    assert asked == [MapMethod.GRADCAM, MapMethod.SCORECAM]
    spinal_tf.explain(bright_file, mask, weights=spinal_tf.load_weights(stub_networks, method="saliency"))
    assert asked[2:] == [MapMethod.SALIENCY]


def test_the_maps_of_another_method_are_saved_by_its_name(bright_file, stub_networks, mask, tmp_path):
    found = spinal_tf.explain(bright_file, mask)
    tasks = tuple(replace(one, method=MapMethod.LAYERCAM) for one in found.case.classification.tasks)
    case = replace(found.case, classification=replace(found.case.classification, tasks=tasks))
    saved = replace(found, case=case).save(tmp_path)
    names = ["case_layercam.png", "case_layercam_ms_vs_nmosd.nii.gz", "case_layercam_tumor_vs_demyelinating.nii.gz"]
    assert sorted(path.name for path in saved) == names


def test_methods_that_there_are_none_of_and_those_of_a_server_are_refused():
    with pytest.raises(ValueError, match="gradcam2"):
        spinal_tf.load_weights(method="gradcam2")
    with pytest.raises(ServerError, match="a server explains by Grad-CAM alone"):
        spinal_tf.load_weights(server="http://localhost:8501", method="saliency")
    served = spinal_tf.load_weights(server="http://localhost:8501")
    with pytest.raises(ServerError, match="a server explains by Grad-CAM alone"):
        spinal_tf.explain("case.nii.gz", "mask.nii.gz", weights=served, method="saliency")


def test_a_mask_of_another_scan_is_refused(bright_file, stub_networks, write_nifti, bright_data, oblique_affine):
    moved = oblique_affine.copy()
    moved[0, 3] += 5
    other = spinal_tf.segment(write_nifti(bright_file.parent / "other.nii.gz", bright_data, moved))
    with pytest.raises(spinal_tf.VolumeError, match="its grid differs from that of the scan"):
        spinal_tf.classify(bright_file, mask=other)


@pytest.mark.slow
def test_the_bundled_weights_segment_and_classify_a_simulated_case(tmp_path, monkeypatch):
    monkeypatch.delenv("SPINAL_TF_WEIGHTS", raising=False)
    [case] = spinal_tf.simulate(tmp_path / "cases", cases=1, seed=1).cases
    weights = spinal_tf.load_weights()
    found = spinal_tf.segment(case / "t2.nii.gz", weights=weights)
    truth = np.asarray(nib.load(case / "mask.nii.gz").dataobj) > 0
    dice = 2 * (found.mask & truth).sum() / (found.mask.sum() + truth.sum())
    assert dice > 0.8  # the README shows 0.94 for it
    classified = spinal_tf.classify(case / "t2.nii.gz", mask=found, weights=weights)
    assert sum(classified.posterior.values()) == pytest.approx(1)
    assert classified.diagnosis == "astrocytoma"
    assert len(classified.save(tmp_path / "out")) >= 4
