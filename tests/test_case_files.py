"""What a case's files are called, which files are cases, and whose a mask is."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from spinal_tf import case_files
from spinal_tf.case_files import (
    CaseFiles,
    read_reviewed_mask,
    write_diagnosis_files,
    write_lesion_files,
)
from spinal_tf.errors import OutputError, VolumeError
from spinal_tf.evaluation.lesionwise import LesionwiseScore
from spinal_tf.explanation.gradcam import Explanation
from spinal_tf.files import make_folder
from spinal_tf.images.volume import read_volume, write_on_grid
from spinal_tf.map_methods import MapMethod
from spinal_tf.models import Classifier, Networks, Segmenter, model_record
from spinal_tf.pipeline import ReviewedMask, diagnose
from spinal_tf.prediction.folder import PredictionFolder
from spinal_tf.prediction.predict_case import CasePrediction, without_prediction
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.taxonomy import MS_VS_NMOSD, tree


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


# Names


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("case.nii.gz", "case"),
        ("case.nii", "case"),
        ("CASE.NII.GZ", "CASE"),
        ("a.b.nii.gz", "a.b"),
        ("Jürgen Groß 1.nii.gz", "Jürgen Groß 1"),
        ("scan.img", "scan.img"),
        ("nii.gz", "nii.gz"),
    ],
)
def test_outputs_are_called_after_the_case(tmp_path, name, stem):
    case = CaseFiles(case=tmp_path / "in" / name, folder=tmp_path / "out")
    assert case.output("_lesion.json") == tmp_path / "out" / f"{stem}_lesion.json"


def test_every_command_has_its_outputs(tmp_path):
    case = CaseFiles(case=tmp_path / "t2.nii.gz", folder=tmp_path)
    lesion = ["t2_lesion.json", "t2_lesion.nii.gz", "t2_lesion.png"]
    assert [path.name for path in case.lesion_outputs()] == lesion
    assert [path.name for path in case.lesion_outputs("probability")] == [*lesion, "t2_probability.nii.gz"]
    assert [path.name for path in case.diagnosis_outputs()] == [
        "t2_diagnosis.json",
        "t2_diagnosis.html",
        "t2_gradcam.png",
        "t2_gradcam_tumor_vs_demyelinating.nii.gz",
        "t2_gradcam_astrocytoma_vs_ependymoma.nii.gz",
        "t2_gradcam_ms_vs_nmosd.nii.gz",
    ]


def test_maps_by_another_method_are_named_by_it(tmp_path):
    case = CaseFiles(case=tmp_path / "t2.nii.gz", folder=tmp_path)
    usual = case.diagnosis_outputs()
    for method in MapMethod:
        names = [path.name.replace("_gradcam", f"_{method.value}") for path in usual]
        assert [path.name for path in case.diagnosis_outputs(method)] == names
        assert set(case.diagnosis_outputs(method)) <= set(case.all_outputs())


def test_the_folder_for_outputs_is_made_with_its_parents(tmp_path):
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_folder_below_a_file_cannot_be_made(tmp_path):
    touch(tmp_path, "file")
    with pytest.raises(OutputError, match="cannot be made \\(Not a directory\\)"):
        make_folder(tmp_path / "file" / "out")


# Whose mask it is


@pytest.fixture
def case(bright_file) -> CaseFiles:
    return CaseFiles(case=bright_file, folder=bright_file.parent)


@pytest.fixture
def segmented(case, checkpoints):
    """The case's result, with its files written as ``segment`` does."""
    segmenter = Segmenter(
        checkpoint=checkpoints["segmenter"], engine=lambda batch: 1 / (1 + np.exp(np.float32(28) - 40 * batch))
    )
    result = diagnose(read_volume(case.case), Networks(segmenter=segmenter))
    write_lesion_files(result, case.lesion_outputs("probability"), Stopwatch(), "probability")
    return result


def test_the_mask_that_segment_wrote_is_automatic(case, segmented):
    mask = read_reviewed_mask(case, None, like=segmented.volume)
    np.testing.assert_array_equal(mask.mask, segmented.mask)
    assert (mask.automatic, mask.source) == (True, "case_lesion.nii.gz")


def test_it_stays_automatic_when_another_program_only_saves_it(case, segmented):
    path = case.output("_lesion.nii.gz")
    image = nib.load(path)
    nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj).astype(np.int16) * 255, image.affine), path)
    assert read_reviewed_mask(case, None, like=segmented.volume).automatic


def test_it_is_reviewed_once_a_voxel_differs(case, segmented):
    mask = segmented.mask.copy()
    mask[3, 10, 21] ^= True
    write_on_grid(mask, case.output("_lesion.nii.gz"), like=segmented.volume)
    read = read_reviewed_mask(case, None, like=segmented.volume)
    np.testing.assert_array_equal(read.mask, mask)
    assert not read.automatic


def test_a_mask_that_is_named_is_reviewed_where_a_voxel_differs(case, segmented):
    mask = segmented.mask.copy()
    mask[3, 10, 21] ^= True
    path = case.folder / "reviewed.nii.gz"
    write_on_grid(mask, path, like=segmented.volume)
    read = read_reviewed_mask(case, path, like=segmented.volume)
    assert (read.automatic, read.source) == (False, "reviewed.nii.gz")


def moved(case, folder, ending):
    """Move what ``segment`` wrote, with that ending, to another folder."""
    folder.mkdir(exist_ok=True)
    return case.output(ending).rename(folder / case.output(ending).name)


def test_a_mask_that_segment_wrote_is_automatic_by_its_name_too(case, segmented):
    read = read_reviewed_mask(case, case.output("_lesion.nii.gz"), like=segmented.volume)
    assert (read.automatic, read.source) == (True, "case_lesion.nii.gz")


def test_a_copy_under_another_name_is_vouched_for_by_the_record_beside_the_case(case, segmented, tmp_path):
    copy = moved(case, tmp_path / "elsewhere", "_lesion.nii.gz").rename(tmp_path / "elsewhere" / "final.nii.gz")
    assert read_reviewed_mask(replace(case, folder=tmp_path / "out"), copy, like=segmented.volume).automatic


def test_a_mask_is_vouched_for_by_the_record_beside_it(case, segmented, tmp_path):
    mask = moved(case, tmp_path / "elsewhere", "_lesion.nii.gz")
    moved(case, tmp_path / "elsewhere", "_lesion.json")
    assert read_reviewed_mask(case, mask, like=segmented.volume).automatic
    renamed = mask.rename(mask.with_name("final.nii.gz"))
    assert read_reviewed_mask(case, renamed, like=segmented.volume).automatic


def test_a_mask_and_its_record_may_have_the_name_of_another_file_of_the_same_scan(case, segmented, tmp_path):
    mask = moved(case, tmp_path / "elsewhere", "_lesion.nii.gz")
    record = moved(case, tmp_path / "elsewhere", "_lesion.json")
    mask, _ = mask.rename(mask.with_name("t2_lesion.nii.gz")), record.rename(record.with_name("t2_lesion.json"))
    assert read_reviewed_mask(case, mask, like=segmented.volume).automatic


def test_a_mask_is_vouched_for_by_the_record_in_the_folder_for_outputs(case, segmented, tmp_path):
    mask = moved(case, tmp_path / "elsewhere", "_lesion.nii.gz")
    moved(case, tmp_path / "out", "_lesion.json")
    assert not read_reviewed_mask(case, mask, like=segmented.volume).automatic
    assert read_reviewed_mask(replace(case, folder=tmp_path / "out"), mask, like=segmented.volume).automatic


def test_the_record_of_another_mask_beside_the_right_one_does_no_harm(case, segmented, tmp_path):
    moved(case, tmp_path / "elsewhere", "_lesion.nii.gz")
    (tmp_path / "elsewhere" / "case_lesion.json").write_text('{"mask": {"voxels_sha256": "0"}}')
    mask = tmp_path / "elsewhere" / "case_lesion.nii.gz"
    assert read_reviewed_mask(case, mask, like=segmented.volume).automatic


def test_a_mask_that_an_evaluation_wrote_is_automatic(case, segmented, tmp_path):
    folder = PredictionFolder(path=tmp_path / "masks")
    folder.path.mkdir()
    prediction = CasePrediction(cells=without_prediction(), lesions=LesionwiseScore(reference=(), predicted=()))
    folder.write("case", "key", prediction, segmented)
    for record in ("case_lesion.json", "case_lesion.nii.gz"):
        case.folder.joinpath(record).unlink()
    assert read_reviewed_mask(case, folder.mask("case"), like=segmented.volume).automatic


@pytest.mark.parametrize("record", [None, "", "[]", "{}", '{"mask": null}', '{"mask": {}}', "\udcff"])
def test_without_a_record_nobody_can_call_it_automatic(case, segmented, record):
    path = case.output("_lesion.json")
    path.unlink()
    if record is not None:
        path.write_bytes(record.encode(errors="surrogateescape"))
    for given in (None, case.output("_lesion.nii.gz")):
        assert not read_reviewed_mask(case, given, like=segmented.volume).automatic


def test_no_mask_beside_the_case(case):
    volume = read_volume(case.case)
    with pytest.raises(
        VolumeError, match=r"^case\.nii\.gz: there is no mask case_lesion\.nii\.gz beside it; run segment"
    ):
        read_reviewed_mask(case, None, like=volume)
    with pytest.raises(VolumeError, match="beside it or in elsewhere; run segment first, or name a mask with --with-"):
        read_reviewed_mask(replace(case, folder=Path("elsewhere")), None, like=volume)


def test_an_unusable_mask_beside_the_case_is_named_with_the_case(case, phantom_volume):
    path = case.output("_lesion.nii.gz")
    path.write_bytes(b"")
    problem = re.escape(f"case.nii.gz: its mask for --with-mask, {path}: is empty")
    with pytest.raises(VolumeError, match=f"^{problem}"):
        read_reviewed_mask(case, None, like=phantom_volume)
    with pytest.raises(VolumeError, match=r"^case_lesion\.nii\.gz: is empty"):
        read_reviewed_mask(case, path, like=phantom_volume)


def test_a_mask_beside_the_case_whose_content_was_not_fetched(case, phantom_volume):
    case.output("_lesion.nii.gz").symlink_to(".git/annex/objects/0/1/SHA256E-s9--0.nii.gz")
    with pytest.raises(VolumeError, match=r"fetch the content with: datalad get .*_lesion\.nii\.gz"):
        read_reviewed_mask(case, None, like=phantom_volume)


def test_the_mask_beside_the_case_serves_another_folder_of_outputs(case, segmented, tmp_path):
    elsewhere = replace(case, folder=tmp_path / "elsewhere")
    mask = read_reviewed_mask(elsewhere, None, like=segmented.volume)
    assert (mask.automatic, mask.source) == (True, "case_lesion.nii.gz")


# Writing


def test_the_segmentations_record_says_nothing_of_classifiers(case, segmented, checkpoints):
    result = replace(segmented, models=tuple(model_record(checkpoint) for checkpoint in checkpoints.values()))
    write_lesion_files(result, case.lesion_outputs(), Stopwatch())
    record = json.loads(case.output("_lesion.json").read_text())
    assert [model["name"] for model in record["models"]] == ["segmenter"]
    assert record["classification"] is None


def test_probability_is_written_on_the_grid(case, segmented):
    stored = nib.load(case.output("_probability.nii.gz"))
    assert stored.get_data_dtype() == np.float32
    np.testing.assert_array_equal(stored.affine, nib.load(case.case).affine)
    in_package_order = stored.get_fdata()[:, ::-1, ::-1].transpose(2, 1, 0)
    np.testing.assert_allclose(in_package_order, segmented.segmentation.probability)


def test_a_case_without_lesion_has_no_heat_maps_and_says_why(case, segmented):
    given = ReviewedMask(mask=np.zeros_like(segmented.mask), source="empty.nii.gz")
    write_diagnosis_files(diagnose(segmented.volume, Networks(), given=given), case.diagnosis_outputs(), Stopwatch())
    assert [path.exists() for path in case.diagnosis_outputs()] == [True] * 3 + [False] * 3
    record = json.loads(case.output("_diagnosis.json").read_text())
    assert record["not_classified"] == "no lesion was found, so there is nothing to classify"


@pytest.fixture
def classified(segmented, checkpoints):
    """The case, called NMOSD by networks whose maps are one inside a square; of one task's the value can be chosen."""

    def classify(value=1.0, of=MS_VS_NMOSD):
        classifiers = []
        for task in tree().tasks:

            def explain(images, *, class_index, level=value if task is of else 1.0):
                maps = np.zeros(images.shape[:3], np.float32)
                maps[:, 8:40, 8:40] = level
                return Explanation(probabilities=np.tile(np.float32([0.25, 0.75]), (len(images), 1)), maps=maps)

            classifiers.append(Classifier(task=task, checkpoint=checkpoints[task.name], explain=explain))
        given = ReviewedMask(mask=segmented.mask, source="mask.nii.gz")
        return diagnose(segmented.volume, Networks(classifiers=classifiers), given=given)

    return classify


def written_maps(case, result):
    """Tasks whose heat map is written, and what the record says of every task's."""
    write_diagnosis_files(result, case.diagnosis_outputs(), Stopwatch())
    record = json.loads(case.output("_diagnosis.json").read_text())
    images = [
        path.name.removeprefix("case_gradcam_").removesuffix(".nii.gz") for path in case.heatmaps() if path.exists()
    ]
    return images, {task["name"]: task["no_heatmap"] for task in record["classification"]["tasks"]}


def test_heat_maps_of_the_tasks_on_the_way_to_the_diagnosis_are_written(case, classified):
    images, reasons = written_maps(case, classified())
    assert images == ["tumor_vs_demyelinating", "ms_vs_nmosd"]
    assert "lead to the other branch" in reasons.pop("astrocytoma_vs_ependymoma")
    assert reasons == {"tumor_vs_demyelinating": None, "ms_vs_nmosd": None}
    for path in (case.heatmaps()[0], case.heatmaps()[2]):
        assert nib.load(path).get_fdata().any()


def test_a_heat_map_with_nothing_in_it_is_not_written(case, classified):
    images, reasons = written_maps(case, classified(value=0.0))
    assert images == ["tumor_vs_demyelinating"]
    assert reasons["ms_vs_nmosd"] == "nothing in the slices speaks for the called class"


def test_the_record_is_written_last_and_holds_the_time_of_the_others(case, segmented, monkeypatch):
    watch = Stopwatch()
    seen = []
    monkeypatch.setattr(case_files, "write_json", lambda *_: seen.append("write" in watch.seconds))
    write_lesion_files(segmented, case.lesion_outputs(), watch)
    write_diagnosis_files(segmented, case.diagnosis_outputs(), watch)
    assert seen == [True, True]
