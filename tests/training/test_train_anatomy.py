"""The anatomy network from a table of labeled cases to released weights."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spinal_tf.checkpoints.manifest import MANIFEST, load_network, read_manifest
from spinal_tf.cohort.case import Split
from spinal_tf.datasets.sample_plans import AnatomyCropPlan
from spinal_tf.errors import TrainingError
from spinal_tf.images.anatomy_map import AXIS, BODY, CANAL, CORD, DISC, SACRUM, UNKNOWN
from spinal_tf.images.volume import read_volume, write_on_grid
from spinal_tf.networks.network_registry import ANATOMISTS
from spinal_tf.preprocess import Preprocessing
from spinal_tf.structures import NAMES, STRUCTURES, Structure
from spinal_tf.tables.csv_file import read_numbers
from spinal_tf.taxonomy import MS
from spinal_tf.training.data import open_cohort
from spinal_tf.training.plans import AnatomyPlan
from spinal_tf.training.release import release_run
from spinal_tf.training.run_folder import RunFolder
from spinal_tf.training.setting import Setting
from spinal_tf.training.train_anatomy import anatomy_job, train_anatomy
from spinal_tf.training.training_choices import TrainingOptions

PLAN = AnatomyPlan(crops=AnatomyCropPlan(size=(16, 32)), arguments={"width": 4})
OPTIONS = TrainingOptions(batch=2, steps=3, validation_every=2, learning_rate=1e-3)
LABELS = (CORD, CANAL, BODY, DISC, SACRUM, AXIS)


def label(table: Path, name: str, **changes: dict[str, str]) -> Path:
    """Write a copy of a table with a label map for each case; ``changes`` are cells by case, "case-00" as case_00."""
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        t2 = read_volume(table.parent / row["t2"])
        anatomy = np.zeros(t2.data.shape, np.uint8)
        for number, value in enumerate((*LABELS, UNKNOWN)):
            anatomy[:, 5 * number : 5 * number + 5, 10:30] = value
        path = table.parent / row["case"] / "anatomy.nii.gz"
        if not path.exists():
            write_on_grid(anatomy, path, like=t2)
        row |= {"anatomy": f"{row['case']}/anatomy.nii.gz", "anatomy_structures": ""}
        row |= changes.get(row["case"].replace("-", "_"), {})
    with table.with_name(name).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return table.with_name(name)


@pytest.fixture
def labeled(small_cohort):
    """Makes a table of two healthy people with label maps, one for each split; one has MS if asked for."""

    def make(ill: bool = False, **changes: dict[str, str]) -> Path:
        table = small_cohort((MS if ill else None, "train"), (None, "validation"))
        return label(table, "labeled.csv", **changes)

    return make


@pytest.fixture(scope="module")
def run(tmp_path_factory, cohort_table, shared_cache) -> RunFolder:
    out, reports = tmp_path_factory.mktemp("runs") / "run", []
    # The last of the training cases, a healthy one, is without labels.
    table = label(cohort_table, "labeled.csv", case_09={"anatomy": ""}, case_00={"anatomy_structures": "body; disc"})
    made = train_anatomy(open_cohort(table, shared_cache), out, PLAN, OPTIONS, Setting(report=reports.append))
    assert [report.step for report in reports if report.validation] == [2, 3]
    return made


def test_the_run_folder_tells_everything(run):
    record = run.read_record()
    assert (record["name"], record["network"]) == ("anatomy", "anatomy_multiresunet")
    assert record["arguments"] == {"width": 4, "channels": 3, "structures": list(NAMES)}
    assert record["plan"] == {
        "crop_size": [16, 32],
        "crop_spine_share": 0.85,
        "crop_real_share": 0.4,
        "initial": "random",
    }
    assert record["preprocessing"] == PLAN.preprocessing.to_dict()
    assert record["classes"] is record["mask_mode"] is None
    assert record["steps_per_epoch"] == 9 * 3 // 2


def test_healthy_people_and_people_with_lesions_are_used_alike_if_they_are_labeled(run):
    cases = run.read_record()["cohort"]["cases"]
    assert cases["train"] == {"astrocytoma": 2, "ependymoma": 2, "healthy": 1, "ms": 2, "nmosd": 2}
    assert cases["validation"] == {"astrocytoma": 1, "ependymoma": 1, "healthy": 1, "ms": 1, "nmosd": 1}


def test_the_log_has_the_dice_of_every_structure(run):
    rows = read_numbers(run.log)
    assert [row["step"] for row in rows] == [2, 3]
    assert {f"dice_{one.value}" for one in STRUCTURES} < rows[0].keys()
    best = run.read_best()
    assert best["measures"]["dice"] == max(row["dice"] for row in rows)
    assert best["operating_point"] == 0.5
    assert len(best["cases"]) == 5


def test_released_weights_are_the_best_ones_with_their_record(run, tmp_path):
    folder = tmp_path / "weights"
    assert release_run(run, folder, data="simulated blocks") == "installed"
    assert sorted(path.name for path in folder.iterdir()) == ["anatomy.md", "anatomy.weights.h5", MANIFEST]
    [checkpoint] = read_manifest(folder).values()
    assert (checkpoint.name, checkpoint.network, checkpoint.operating_point) == ("anatomy", "anatomy_multiresunet", 0.5)
    assert checkpoint.preprocessing == Preprocessing(
        intensity="zscore_no_clip", fit="spacing", spacing_mm=1.5, neighbour_mm=4.0, slab_mm=3.0
    )
    planes = np.random.default_rng(0).random((1, 32, 16, 3)).astype(np.float32)
    assert load_network(folder, checkpoint)(planes).shape == (1, 32, 16, len(STRUCTURES))
    card = " ".join((folder / "anatomy.md").read_text().split())
    for words in (
        "**Trained on simulated blocks.",
        "| operating point | 0.500, fixed |",
        "They also chose the step, so these numbers are optimistic. Dice is that of each structure over the voxels "
        "whose label is known, all cases together:",
        f"- dice cord: {run.read_best()['measures']['dice_cord']:.3f}",
        "Outlines cord, canal, vertebral bodies",
    ):
        assert words in card


@pytest.mark.usefixtures("two_pixels_wide")
def test_a_resumed_run_sees_the_same_samples(labeled, tmp_path):
    cohort = open_cohort(labeled(), tmp_path / "cache")
    whole = train_anatomy(cohort, tmp_path / "whole", PLAN, OPTIONS)
    train_anatomy(cohort, tmp_path / "parts", PLAN, replace(OPTIONS, steps=2))
    parts = train_anatomy(cohort, tmp_path / "parts", PLAN, OPTIONS, resume=True)
    assert len(parts.read_record()["resumed"]) == 1
    losses = [[row["loss"] for row in read_numbers(run.log)] for run in (parts, whole)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def job(table, tmp_path, **plan):
    return anatomy_job(open_cohort(table, tmp_path / "cache"), replace(PLAN, **plan), OPTIONS)


def test_targets_follow_the_structures_that_a_case_lists(labeled, tmp_path):
    table = labeled(case_00={"anatomy_structures": "Body"})
    _, targets = job(table, tmp_path).sampler(0, 0)
    sacrum, body = (STRUCTURES.index(one) for one in (Structure.SACRUM, Structure.BODY))
    elsewhere = targets[..., body] == 0
    assert (targets[..., sacrum] == -1).any()
    assert elsewhere.any()
    _, targets = job(label(table, "all.csv"), tmp_path).sampler(0, 0)
    assert (targets[..., sacrum] == -1).sum() == (targets[..., body] == -1).sum()


def test_cases_are_prepared_again_when_a_map_or_its_structures_change(labeled, tmp_path):
    table = labeled()
    job(table, tmp_path)
    job(table, tmp_path)
    made = set((tmp_path / "cache").glob("anatomy-train-*"))
    assert len(made) == 1
    job(label(table, "labeled.csv", case_00={"anatomy_structures": "cord"}), tmp_path)
    assert len(set((tmp_path / "cache").glob("anatomy-train-*"))) == 2


def test_a_cohort_without_healthy_or_ill_people_will_do(labeled, tmp_path):
    assert job(labeled(), tmp_path).cohort["cases"]["train"] == {"healthy": 1}


def test_the_same_cases_can_be_chosen_for_a_learning_curve(run, cohort_table, shared_cache):
    cohort = open_cohort(cohort_table.with_name("labeled.csv"), shared_cache)
    names = [case.name for case in cohort.cohort.of_split(Split.TRAIN)][:2]
    made = anatomy_job(cohort, PLAN, OPTIONS, names)
    assert [case.name for case in made.sampler.cases] == names


# Refusals


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"case_00": {"anatomy": ""}},
            "labeled.csv: the split train has no case with a label map in the column anatomy",
        ),
        ({"case_01": {"anatomy": ""}}, "the split validation has no case with a label map"),
        (
            {"case_00": {"anatomy_structures": "body; spleen"}},
            'labeled.csv: row 2, anatomy_structures: "spleen" is not a structure of the anatomy; write cord, canal,',
        ),
        (
            {"case_01": {"anatomy": "", "anatomy_structures": "body"}},
            "row 3, anatomy_structures: lists structures, but the column anatomy names no label map; name it",
        ),
        ({"case_00": {"anatomy": "none.nii.gz"}}, "case-00: none.nii.gz: "),
        ({"case_00": {"anatomy": "case-00/t2.nii.gz"}}, "case-00: t2.nii.gz: holds the value "),
    ],
)
def test_unusable_labels_are_refused_in_one_sentence(labeled, tmp_path, changes, complaint):
    with pytest.raises(TrainingError) as told:
        job(labeled(**changes), tmp_path)
    assert complaint in str(told.value)
    assert "\n" not in str(told.value)


def test_labels_too_small_for_the_network_are_refused(labeled, tmp_path):
    table = labeled()
    t2 = read_volume(table.parent / "case-00" / "t2.nii.gz")
    tiny = np.zeros(t2.data.shape, np.uint8)
    tiny[1, 5, 7] = BODY
    write_on_grid(tiny, table.parent / "case-00" / "tiny.nii.gz", like=t2)
    table = label(table, "tiny.csv", case_00={"anatomy": "case-00/tiny.nii.gz"})
    coarse = replace(PLAN.preprocessing, spacing_mm=5.0)
    with pytest.raises(TrainingError, match=r"tiny\.csv: no label of the split train is left"):
        job(table, tmp_path, preprocessing=coarse)


def test_unfit_networks_are_refused_before_images_are_read(labeled, tmp_path):
    table = labeled()
    for plan, complaint in (
        ({"network": "multiresunet"}, f"network multiresunet is not known; take one of {', '.join(ANATOMISTS)}"),
        ({"crops": AnatomyCropPlan(size=(16, 30))}, "side of a crop: 30 is not a multiple of 16"),
        ({"arguments": {"depth": 2}}, "depth"),
    ):
        with pytest.raises(TrainingError, match=complaint):
            job(table, tmp_path, **plan)
    with pytest.raises(ValueError, match="choose the intensity zscore_no_clip"):
        AnatomyPlan(preprocessing=Preprocessing())


def test_the_record_is_json(run):
    assert json.loads(run.record.read_text())["name"] == "anatomy"
