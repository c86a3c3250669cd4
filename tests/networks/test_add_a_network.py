"""The example of docs/add-a-network.md works as the page says: it is trained, released, loaded and exported."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from doc_pages import run_page
from network_contract import CONTRACT

from spinal_tf.checkpoints.manifest import read_manifest
from spinal_tf.cli.main import main
from spinal_tf.cli.train import segmenter as train_command
from spinal_tf.datasets.crop_samples import CropPlan
from spinal_tf.errors import TrainingError
from spinal_tf.images.volume import new_volume, write_on_grid
from spinal_tf.networks.network_registry import SEGMENTERS, network_spec
from spinal_tf.training.data import open_cohort
from spinal_tf.training.release import release_run
from spinal_tf.training.train_segmenter import SegmenterPlan, segmenter_job, train_segmenter
from spinal_tf.training.training_choices import TrainingOptions

PAGE = (Path(__file__).parents[2] / "docs" / "add-a-network.md").read_text(encoding="utf-8")
FILE, LINE = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
PLAN = SegmenterPlan(network="small_unet", crops=CropPlan(size=(34, 34)), arguments={"width": 4}, tight_share=0.0)
OPTIONS = TrainingOptions(batch=4, steps=2, validation_every=2, learning_rate=1e-3)


@pytest.fixture(autouse=True)
def added(tmp_path_factory, monkeypatch):
    """The page's file and line, for one test; the module stands outside the package, which is not changed."""
    [(name, module)] = re.findall(r'^\s+"(\w+)": "spinal_tf\.networks\.(\w+)",$', LINE, re.MULTILINE)
    folder = tmp_path_factory.mktemp("networks")
    (folder / f"{module}.py").write_text(FILE, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(SEGMENTERS, name, module)


@pytest.fixture
def cohort(tmp_path):
    rng, rows = np.random.default_rng(0), []
    affine = np.array([[-4.0, 0, 0, 5], [0, 0, -0.8, 20], [0, -0.8, 0, 30], [0, 0, 0, 1]])
    for split in ("train", "validation"):
        mask = np.zeros((3, 36, 44), bool)
        mask[1, 10:20, 14 : 22 if split == "train" else 23] = True
        scan = new_volume(rng.gamma(4, 20, mask.shape) + 200 * mask, affine, source=split)
        write_on_grid(scan.data, tmp_path / f"{split}.nii.gz", like=scan)
        write_on_grid(mask, tmp_path / f"{split}_mask.nii.gz", like=scan)
        rows.append(f"{split},{split},{split}.nii.gz,{split}_mask.nii.gz,ms,{split}\n")
    table = tmp_path / "cohort.csv"
    table.write_text("case,patient,t2,mask,diagnosis,split\n" + "".join(rows), encoding="utf-8")
    return open_cohort(table, tmp_path / "cache")


@pytest.mark.parametrize("clause", CONTRACT, ids=lambda clause: clause.__name__)
def test_the_example_fulfils_the_contract(clause, tmp_path):
    clause("small_unet", tmp_path)


def test_the_example_is_trained_released_and_segments(cohort, tmp_path):
    run = train_segmenter(cohort, tmp_path / "run", PLAN, OPTIONS)
    assert (run.read_record()["network"], run.read_best()["step"]) == ("small_unet", 2)
    weights = tmp_path / "weights"
    release_run(run, weights, data="two blocks")
    checkpoint = read_manifest(weights)["segmenter"]
    assert (checkpoint.network, checkpoint.arguments) == ("small_unet", {"width": 4, "channels": 3})
    arguments = ["segment", tmp_path / "train.nii.gz", "--weights", weights]
    done = CliRunner().invoke(main, [str(word) for word in arguments])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "train_lesion.nii.gz").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("cohort")
def test_the_commands_of_the_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [network] = [parameter for parameter in train_command.params if parameter.name == "network"]
    monkeypatch.setattr(network, "type", click.Choice(list(SEGMENTERS)))  # made when the module was imported
    shutil.copy("validation.nii.gz", "case.nii.gz")
    cheaper = {"spinal-tf train": "--crop 34 --batch 4 --steps 2 --validation-every 1"}
    assert len(run_page("docs/add-a-network.md", cheaper=cheaper)) == 3
    assert (tmp_path / "case_lesion.nii.gz").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network": "large_unet"}, "network large_unet is not known; take one of multiresunet, small_unet"),
        ({"arguments": {"depth": 3}}, "network small_unet cannot be trained like this: .*unexpected keyword.* 'depth'"),
        ({"within_cord": True}, "network small_unet cannot be trained like this: .*unexpected keyword.* 'within_cord'"),
        ({"crops": CropPlan(size=(33, 34))}, "side of a crop: 33 is not a multiple of 2"),
        (
            {"preprocessing": replace(PLAN.preprocessing, multiple=3)},
            "multiple of the input: 3 is not a multiple of 2",
        ),
    ],
)
def test_what_the_network_does_not_take_is_refused_before_images_are_read(cohort, changes, words):
    with pytest.raises(TrainingError, match=words):
        segmenter_job(cohort, replace(PLAN, **changes), OPTIONS)
    assert not list(cohort.cache.glob("segmenter*"))


def test_its_defaults_replace_those_of_the_command_but_not_what_is_given(monkeypatch, tmp_path):
    from spinal_tf.cli import train, training_session

    seen = []
    monkeypatch.setattr(training_session.TrainingSession, "segmenter", lambda self: seen.append(self._options))
    [choice] = [parameter for parameter in train.segmenter.params if parameter.name == "network"]
    monkeypatch.setattr(choice.type, "choices", (*choice.type.choices, "small_unet"))
    words = [
        "train",
        "segmenter",
        "--network",
        "small_unet",
        "--cohort",
        "c.csv",
        "--out",
        str(tmp_path),
        "--crop",
        "34",
    ]
    for more in ([], ["--learning-rate", "0.5"]):
        done = CliRunner().invoke(main, [*words, *more])
        assert done.exit_code == 0, done.output
    assert [options.learning_rate for options in seen] == [1e-3, 0.5]
    odd = CliRunner().invoke(main, [*words, "--crop", "33"])
    assert (odd.exit_code, "33 is not a multiple of 2" in odd.output) == (2, True)


def test_the_page_names_all_fields_that_every_network_gives():
    spec = network_spec("small_unet")
    assert spec.defaults == {"learning_rate": 1e-3}
    assert spec.title == "Small U-Net"
