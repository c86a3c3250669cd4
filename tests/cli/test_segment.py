"""``spinal-tf segment`` from file to files, with a real network of which it is known what it finds."""

from __future__ import annotations

import gzip
import hashlib
import json
import re

import jsonschema
import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from PIL import Image
from referencing import Registry, Resource

from spinal_tf import loaded_weights
from spinal_tf.cli.options import Choices
from spinal_tf.prediction_options import MINIMUM_VOLUME_ML

OUTPUTS = ["case_lesion.json", "case_lesion.nii.gz", "case_lesion.png"]

GEOMETRY = {"dim": (40, 56), "pixdim": (76, 108), "units": (123, 124), "qform and sform": (252, 328)}
"""Bytes of a NIfTI-1 header, first and one past the last."""


def voxels(path) -> np.ndarray:
    """The phantom's voxels as stored, in package order; the fixtures store it as PSR."""
    return np.asanyarray(nib.load(path).dataobj)[:, ::-1, ::-1].transpose(2, 1, 0)


def record(path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def digest(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def dice(one, other) -> float:
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


# The main path with real networks


@pytest.fixture(scope="module")
def main_path(tmp_path_factory, tiny_weights, bright_data, oblique_affine, write_nifti):
    """What ``segment`` and then ``classify --with-mask`` say and write of one case."""
    from click.testing import CliRunner

    from spinal_tf.cli.main import main

    folder = tmp_path_factory.mktemp("main path")
    scan = write_nifti(folder / "case.nii.gz", bright_data, oblique_affine, axes="PSR", codes=(2, 4))
    before = digest(scan)
    words = ["--weights", str(tiny_weights)]
    segmented = CliRunner().invoke(main, ["segment", str(scan), "--save-probability", *words])
    classified = CliRunner().invoke(main, ["classify", str(scan), "--with-mask", *words])
    assert digest(scan) == before
    return folder, segmented, classified


def test_both_commands_end_well_and_say_what_they_found(main_path):
    folder, segmented, classified = main_path
    assert (segmented.exit_code, segmented.stderr) == (0, ""), segmented.output
    assert (classified.exit_code, classified.stderr) == (0, ""), classified.output
    assert re.match(r"case\.nii\.gz: 1 lesion, 0\.3\d\d mL in total\n", segmented.stdout)
    assert re.search(r"diagnosis: \w+, posterior probability 0\.\d\d", classified.stdout)
    for name in OUTPUTS:
        assert f"  {folder / name}\n" in segmented.stdout


def test_the_mask_is_the_bright_lesion(main_path, lesion):
    mask = nib.load(main_path[0] / "case_lesion.nii.gz")
    assert mask.get_data_dtype() == np.uint8
    found = voxels(main_path[0] / "case_lesion.nii.gz")
    assert set(np.unique(found)) == {0, 1}
    assert dice(found == 1, lesion) > 0.9  # columns are resampled from 0.8 to 0.7 mm and back


@pytest.mark.parametrize("name", ["lesion", "probability", "gradcam_tumor_vs_demyelinating"])
def test_images_lie_on_the_inputs_own_grid_byte_for_byte(main_path, name):
    folder = main_path[0]
    scan, ours = (gzip.decompress((folder / f"case{end}.nii.gz").read_bytes()) for end in ("", f"_{name}"))
    for field, (first, end) in GEOMETRY.items():
        assert ours[first:end] == scan[first:end], field
    assert nib.load(folder / f"case_{name}.nii.gz").header["qform_code"] == 2
    assert nib.load(folder / f"case_{name}.nii.gz").header["sform_code"] == 4


def test_simpleitk_sees_the_mask_where_the_lesion_is(main_path, lesion):
    folder = main_path[0]
    scan, mask = (SimpleITK.ReadImage(str(folder / name)) for name in ("case.nii.gz", "case_lesion.nii.gz"))
    for geometry in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(mask, geometry)() == getattr(scan, geometry)()
    drawn = SimpleITK.GetArrayFromImage(scan) == 1500
    assert drawn.sum() == lesion.sum()
    assert dice(SimpleITK.GetArrayFromImage(mask) == 1, drawn) > 0.9


def test_the_record_says_what_was_found_by_what(main_path, tiny_weights):
    folder = main_path[0]
    result = record(folder / "case_lesion.json")
    (found,) = result["lesions"]
    assert found["slices"] == [2, 3, 4]  # seven slices, stored from left to right: 6 - 4 to 6 - 2
    assert found["volume_ml"] == pytest.approx(0.31, abs=0.05)
    assert result["mask"]["provenance"] == "automatic"
    (model,) = result["models"]
    weights = tiny_weights / "segmenter.weights.h5"
    assert (model["name"], model["sha256"]) == ("segmenter", digest(weights))
    assert {"imports", "weights", "read", "network", "write"} <= result["timings_s"].keys()
    assert any("very small field of view" in warning for warning in result["warnings"])
    assert str(folder) not in json.dumps(result)


@pytest.mark.parametrize("kind", ["lesion", "diagnosis"])
def test_records_follow_the_published_schemas(main_path, pytestconfig, kind):
    schemas = {path.name: record(path) for path in (pytestconfig.rootpath / "docs" / "schema").glob("*.schema.json")}
    registry = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in schemas.items())
    validator = jsonschema.Draft202012Validator(schemas[f"{kind}.schema.json"], registry=registry)
    validator.validate(record(main_path[0] / f"case_{kind}.json"))


def test_the_diagnosis_rests_on_the_mask_and_says_so(main_path):
    folder = main_path[0]
    result = record(folder / "case_diagnosis.json")
    assert result["mask"]["provenance"] == "automatic"
    assert result["mask"]["file"] == "case_lesion.nii.gz"
    assert result["mask"]["voxels_sha256"] == record(folder / "case_lesion.json")["mask"]["voxels_sha256"]
    assert sum(result["classification"]["posterior"].values()) == pytest.approx(1)
    assert len(result["classification"]["tasks"]) == 3
    assert len(result["models"]) == 3


def test_pictures_and_page_can_be_opened(main_path):
    folder = main_path[0]
    for name in ("case_lesion.png", "case_gradcam.png"):
        with Image.open(folder / name) as picture:
            assert min(picture.size) > 100
            assert len(np.unique(np.asarray(picture))) > 10
    assert "<html" in (folder / "case_diagnosis.html").read_text(encoding="utf-8")


def test_heat_maps_are_between_0_and_1_on_the_lesions_slices(main_path):
    paths = sorted(main_path[0].glob("case_gradcam_*.nii.gz"))
    assert paths
    for path in paths:
        heat = voxels(path)
        assert heat.any()
        assert (heat.min(), heat.max() <= 1) == (0, True)
        assert set(np.flatnonzero(heat.any(axis=(1, 2)))) <= {2, 3, 4}


# Options, without TensorFlow


def test_outputs_lie_beside_the_case(run, bright_file, stub_networks, names):
    assert run("segment", bright_file).exit_code == 0
    assert names(bright_file.parent) == ["case.nii.gz", *OUTPUTS]


def test_outputs_go_to_another_folder_which_is_made(run, bright_file, stub_networks, names, tmp_path):
    assert run("segment", bright_file, "-o", tmp_path / "new" / "out").exit_code == 0
    assert names(tmp_path / "new" / "out") == OUTPUTS
    assert names(bright_file.parent) == ["case.nii.gz"]


def test_blanks_and_umlauts_in_a_path(run, bright_data, oblique_affine, write_nifti, stub_networks, names, tmp_path):
    folder = tmp_path / "Röntgen Abteilung"
    folder.mkdir()
    scan = write_nifti(folder / "Jürgen Groß 1.nii.gz", bright_data, oblique_affine)
    result = run("segment", scan)
    assert result.exit_code == 0
    assert result.stdout.startswith("Jürgen Groß 1.nii.gz: 1 lesion")
    assert "Jürgen Groß 1_lesion.nii.gz" in names(folder)
    assert record(folder / "Jürgen Groß 1_lesion.json")["input"]["file"] == "Jürgen Groß 1.nii.gz"
    assert run("classify", scan, "--with-mask").exit_code == 0


def test_no_lesion_is_a_result(run, phantom_file, stub_networks):
    result = run("segment", phantom_file, "--threshold", "1")
    assert result.exit_code == 0
    assert "phantom.nii.gz: No lesion found" in result.stdout
    assert not voxels(phantom_file.with_name("phantom_lesion.nii.gz")).any()
    assert record(phantom_file.with_name("phantom_lesion.json"))["lesions"] == []
    with Image.open(phantom_file.with_name("phantom_lesion.png")) as picture:
        assert picture.size[0] > 0


def test_threshold_is_used_and_recorded(run, bright_file, stub_networks):
    # The lesion's inner voxels have 1, and sigmoid(40 - 28) is 1 - 6e-6.
    run("segment", bright_file, "--threshold", "0.999999")
    result = record(bright_file.with_name("case_lesion.json"))
    assert (result["mask"]["threshold"], result["lesions"]) == (0.999999, [])
    run("segment", bright_file, "--overwrite")
    result = record(bright_file.with_name("case_lesion.json"))
    assert (result["mask"]["threshold"], len(result["lesions"])) == (0.5, 1)


def test_least_volume_is_used_and_recorded(run, bright_file, stub_networks):
    run("segment", bright_file, "--min-volume", "0.5")
    result = record(bright_file.with_name("case_lesion.json"))
    assert (result["mask"]["minimum_volume_ml"], result["lesions"]) == (0.5, [])


def test_the_default_of_the_command_is_that_of_the_pipeline(run, bright_file, stub_networks):
    run("segment", bright_file)
    assert record(bright_file.with_name("case_lesion.json"))["mask"]["minimum_volume_ml"] == MINIMUM_VOLUME_ML


# Without --tta the review runs the lesion's slices once more, mirrored; the four flips hold what it compares.
@pytest.mark.parametrize(("words", "seen"), [([], 7 + 3), (["--tta"], 4 * 7)])
def test_tta_runs_the_network_four_times(run, bright_file, stub_networks, monkeypatch, words, seen):
    segmenter = loaded_weights.load_segmenter(None)
    planes = []

    def engine(batch):
        planes.append(len(batch))
        return segmenter.engine(batch)

    counting = type(segmenter)(checkpoint=segmenter.checkpoint, engine=engine)
    monkeypatch.setattr(loaded_weights, "load_segmenter", lambda *_, **__: counting)
    assert run("segment", bright_file, *words).exit_code == 0
    assert sum(planes) == seen


def test_probability_is_saved_on_request(run, bright_file, stub_networks, lesion):
    run("segment", bright_file, "--save-probability")
    probability = voxels(bright_file.with_name("case_probability.nii.gz"))
    assert probability.dtype == np.float32
    assert probability[lesion].max() == pytest.approx(1, abs=1e-4)
    np.testing.assert_array_equal(probability >= 0.5, voxels(bright_file.with_name("case_lesion.nii.gz")) == 1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--threshold", "0"], "0<x<=1"),
        (["--threshold", "1.1"], "0<x<=1"),
        (["--threshold", "nan"], "must be a number"),
        (["--min-volume", "-1"], "x>=0"),
        (["--min-volume", "inf"], "must be a number"),
        (["--device", "tpu"], "write cpu, gpu or gpu:N"),
        (["--device", "gpu:x"], "write cpu, gpu or gpu:N"),
    ],
)
def test_impossible_values_are_wrong_usage(run, bright_file, stub_networks, names, words, says):
    result = run("segment", bright_file, *words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert names(bright_file.parent) == ["case.nii.gz"]


def test_reasons_to_review_arrive_in_record_and_terminal(run, bright_data, oblique_affine, write_nifti, stub_networks):
    folder = stub_networks
    data = np.minimum(bright_data, 1200)  # of so many voxels, 1500 would be outliers
    data[0, 0:9, 0:9] = 1200  # a second lesion, in the corner of the first slice
    scan = write_nifti(folder / "case.nii.gz", data, oblique_affine)
    result = run("segment", scan)
    review = record(folder / "case_lesion.json")["review"]
    assert review["needed"] is True
    assert "at the border of the field of view: lesion 2" in review["reasons"]
    assert "please review: at the border of the field of view: lesion 2" in result.stdout


def test_warnings_arrive_in_record_and_terminal(run, bright_file, stub_networks):
    result = run("segment", bright_file)
    (warning,) = record(bright_file.with_name("case_lesion.json"))["warnings"]
    assert f"  warning: {warning}\n" in result.stdout


def test_an_image_without_orientation_passes_when_told(
    run, refused, bright_data, oblique_affine, write_nifti, stub_networks
):
    scan = write_nifti(stub_networks / "case.nii.gz", bright_data, oblique_affine, codes=(0, 0))
    assert "add --assume-orientation" in refused("segment", scan)
    result = run("segment", scan, "--assume-orientation")
    assert result.exit_code == 0
    assert "its axes were assumed to run right to left" in result.stdout


def test_another_plane_passes_when_told(run, refused, bright_data, write_nifti, stub_networks):
    axial = np.array([[-0.8, 0, 0, 0], [0, 0, -0.7, 0], [0, -3.3, 0, 0], [0, 0, 0, 1]])
    scan = write_nifti(stub_networks / "case.nii.gz", bright_data, axial)
    assert "is not a sagittal acquisition but axial" in refused("segment", scan)
    result = run("segment", scan, "--allow-plane")
    assert result.exit_code == 0
    assert "is axial, not sagittal" in result.stdout


# Never twice, never half


def test_an_existing_output_is_kept(refused, run, bright_file, stub_networks, names):
    kept = bright_file.with_name("case_lesion.nii.gz")
    kept.write_text("drawn by hand in two hours")
    sentence = refused("segment", bright_file)
    assert sentence.endswith(
        "already exists and was kept; add --overwrite to replace it, or choose another folder with --output"
    )
    assert kept.read_text() == "drawn by hand in two hours"
    assert names(bright_file.parent) == ["case.nii.gz", "case_lesion.nii.gz"]
    assert run("segment", bright_file, "--overwrite").exit_code == 0
    assert voxels(kept).any()


def test_a_case_whose_outputs_exist_is_skipped_on_resume(run, bright_file, stub_networks):
    run("segment", bright_file)
    before = {path: path.stat().st_mtime_ns for path in bright_file.parent.iterdir()}
    result = run("segment", bright_file, "--resume", "--overwrite")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "1 of 1 cases have their outputs and are skipped\n"
    assert {path: path.stat().st_mtime_ns for path in bright_file.parent.iterdir()} == before


def test_every_option_of_the_command_is_a_choice(stub_networks):
    from spinal_tf.cli.classify import classify
    from spinal_tf.cli.segment import segment
    from spinal_tf.cli.server_options import NAMES

    of_server = {"url", *NAMES}
    beside = {"with_mask", "t1c", "mask_label", "mask_threshold"}
    for command, own in ((segment, {"method"}), (classify, beside)):
        given = {parameter.name for parameter in command.params}
        assert of_server < given
        # segment has no heat maps, so no method of them; classify passes its two images, and how to read one, apart
        assert (given - of_server | {"server"}) ^ own == set(Choices.__dataclass_fields__)
