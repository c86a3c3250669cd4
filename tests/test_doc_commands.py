"""Every command that the documents show is run, page by page, or stands in a list that says why not."""

from __future__ import annotations

import dataclasses
import shutil
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from doc_pages import NOT_RUN, NOT_RUN_WITH, RECORDS, ROOT, pages, run_page, why_not_run

SPLITS = ("test", "train", "validation", "validation")
SEGMENTER = "--width 4 --crop 16 --batch 2 --steps 2 --validation-every 1"
CLASSIFIER = "--size 32 --batch 4 --steps 2 --validation-every 1"
TRAIN = {
    "spinal-tf simulate practice": "--cases 1 --healthy 4",
    "spinal-tf train anatomy": "--width 4 --crop 32 32 --batch 2 --steps 2 --validation-every 2",
    "spinal-tf train segmenter": SEGMENTER,
    "spinal-tf train classifier": CLASSIFIER,
    "spinal-tf train learning-curve segmenter": f"{SEGMENTER} --repeats 1 --fraction 1",
    "spinal-tf train learning-curve classifier": f"{CLASSIFIER} --repeats 1 --fraction 1",
}

RUN_HERE = {
    *("README.md", "CONTRIBUTING.md", "data_prep/README.md"),
    *(
        f"docs/{name}.md"
        for name in ("quickstart", "simulation", "cohort", "training", "weights", "evaluation", "serving")
    ),
}
RUN_ELSEWHERE = {
    "docs/porting.md": "tests/porting/test_porting_page.py",
    "docs/add-a-network.md": "tests/networks/test_add_a_network.py",
}


def test_every_page_with_commands_is_run():
    assert set(pages()) == RUN_HERE | set(RUN_ELSEWHERE) | set(RECORDS)
    for page, test in RUN_ELSEWHERE.items():
        assert f'run_page("{page}"' in (ROOT / test).read_text(encoding="utf-8")


def test_every_reason_not_to_run_a_line_still_has_one():
    lines = [line for page, block in pages().items() if page not in RECORDS for line in block]
    assert [begin for begin in NOT_RUN if not any(line.startswith(begin) for line in lines)] == []
    assert [part for part in NOT_RUN_WITH if not any(part in line for line in lines)] == []
    assert sum(not why_not_run(line) for line in lines) > 40


@pytest.fixture
def place(tmp_path, monkeypatch, write_cohort, write_table, write_nifti, bright_data, lesion, oblique_affine):
    """A clean folder with what the pages ask a reader to have: a scan, a reviewed mask, and a cohort of 16 cases."""
    monkeypatch.chdir(tmp_path)
    rows = write_cohort(16)
    (tmp_path / "cohort").mkdir()
    for number, row in enumerate(rows):
        (tmp_path / row["case"]).rename(tmp_path / "cohort" / row["case"])
        row |= {name: f"cohort/{row[name]}" for name in ("t2", "t1c", "mask")}
        row |= {"split": SPLITS[number // 4], "scanner": "AB"[number % 2], "scan_date": f"{2015 + number // 4}-05-01"}
    write_table(rows)
    write_table([{name: text for name, text in row.items() if name != "split"} for row in rows], name="cases.csv")
    write_nifti(tmp_path / "case.nii.gz", bright_data, oblique_affine, axes="PSR")
    write_nifti(tmp_path / "reviewed.nii.gz", lesion.astype(np.uint8), oblique_affine)
    (tmp_path / "data_prep").symlink_to(ROOT / "data_prep")
    return tmp_path


@pytest.fixture
def small_classifiers(monkeypatch):
    """Classifiers of one convolution."""
    import keras

    from spinal_tf.networks import densenet

    def build(*, size=(256, 256), name="densenet121", **_):
        inputs = keras.Input((*size, 3))
        features = keras.layers.Conv2D(4, 3, activation="relu", name="pool2_relu")(inputs)
        pooled = keras.layers.GlobalAveragePooling2D(name="global_average_pool")(features)
        logits = keras.layers.Dense(2, name="logits", dtype="float32")(pooled)
        return keras.Model(inputs, keras.layers.Softmax(name="probability", dtype="float32")(logits), name=name)

    monkeypatch.setattr(densenet, "NETWORK", dataclasses.replace(densenet.NETWORK, build=build))


@pytest.fixture
def own_weights(two_pixels_wide, small_classifiers, checkpoints, tmp_path_factory, monkeypatch):
    """A folder of weights of the smallest networks, with model cards, which commands find; bright is lesion."""
    import keras

    from spinal_tf.checkpoints.manifest import save_checkpoint
    from spinal_tf.networks.network_registry import network_spec

    folder = tmp_path_factory.mktemp("own weights")
    for name, checkpoint in checkpoints.items():
        keras.utils.set_random_seed(len(name))
        if name == "segmenter":
            checkpoint = dataclasses.replace(checkpoint, arguments={"channels": 1})
        model = network_spec(checkpoint.network).build(**checkpoint.arguments)
        if name == "segmenter":
            kernel = np.zeros((2, 2, 1, 1))
            kernel[0, 0] = 40
            model.get_layer("head").set_weights([kernel, np.array([-28.0])])
        save_checkpoint(model, folder, checkpoint, half_precision=False)
        (folder / checkpoint.card).write_text(f"# {name}\n", encoding="utf-8")
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", str(folder))
    return folder


def test_readme(place, stub_networks):
    assert run_page("README.md")
    assert (place / "case_diagnosis.html").exists()


def test_cohort(place):
    assert len(run_page("docs/cohort.md", before={"python data_prep/split": Path("cohort.csv").unlink})) == 4


def test_data_prep(place):
    assert run_page("data_prep/README.md", before={"python data_prep/split": Path("cohort.csv").unlink})


@pytest.mark.slow
def test_quickstart(place, own_weights):
    def have_masks() -> None:
        mask = nib.load("practice/sim-0001/mask.nii.gz")
        for name, values in (("labels", np.uint8([0, 2])), ("soft", np.float32([0, 0.7]))):
            nib.save(nib.Nifti1Image(values[np.asanyarray(mask.dataobj)], mask.affine), f"{name}.nii.gz")

    before = {"spinal-tf classify practice/sim-0001/t2.nii.gz --with-mask labels.nii.gz": have_masks}
    assert len(run_page("docs/quickstart.md", before=before)) > 6
    assert (place / "results" / "sim-0001" / "t2_lesion.nii.gz").exists()


@pytest.mark.slow
def test_simulation(place):
    lines = run_page("docs/simulation.md", cheaper={"spinal-tf simulate": "--cases 2 --healthy 1"})
    assert len(lines) == 2


@pytest.mark.slow
def test_training(place, stub_networks, two_pixels_wide, small_classifiers):
    def name_masks(table: str, folder: str) -> None:
        header, *rows = Path("cohort.csv").read_text().splitlines()
        named = [f"{row},{folder}/{row.split(',')[0]}/t2_lesion.nii.gz" for row in rows]
        Path(table).write_text("\n".join([f"{header},model_mask", *named]) + "\n")

    subtypes = "spinal-tf train classifier --task astrocytoma_vs_ependymoma --cohort cohort.csv --out runs/with"
    before = {
        "spinal-tf segment cohort --threshold": lambda: shutil.copy("drawn.csv", "cohort.csv"),
        subtypes: lambda: (shutil.copy("cohort.csv", "drawn.csv"), name_masks("cohort.csv", "cohort")),
        "spinal-tf train segmenter --cohort near": lambda: name_masks("near-misses.csv", "near-misses"),
    }
    assert len(run_page("docs/training.md", cheaper=TRAIN, before=before)) == 16


@pytest.fixture
def trained(place, stub_networks, two_pixels_wide):
    """The run ``runs/segmenter``."""
    from click.testing import CliRunner

    from spinal_tf.cli.main import main

    words = ["train", "segmenter", "--cohort", "cohort.csv", "--out", "runs/segmenter", *SEGMENTER.split()]
    assert CliRunner().invoke(main, words).exit_code == 0


@pytest.mark.slow
def test_weights(place, own_weights, trained, monkeypatch):
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", str(own_weights))
    with zipfile.ZipFile("my-weights.zip", "w") as archive:
        for path in own_weights.iterdir():
            archive.write(path, path.name)
    before = {"spinal-tf weights import": lambda: shutil.rmtree("my-weights")}  # another machine
    assert len(run_page("docs/weights.md", before=before, setenv=monkeypatch.setenv)) == 6


@pytest.mark.slow
def test_contributing(place, trained, monkeypatch):
    Path("notes.md").write_text("Measured on two blocks.\n")
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", "weights")
    assert len(run_page("CONTRIBUTING.md")) == 2


@pytest.mark.slow
def test_evaluation(place, own_weights):
    shutil.copytree(own_weights, "my-weights")

    def have_tables() -> None:
        for name in ("predictions", "other"):
            shutil.copy("report/predictions.csv", f"{name}.csv")
        shutil.copy("report/lesions.csv", "lesions.csv")

    first = "spinal-tf evaluate --predictions predictions.csv --out tables"
    cheaper = {"spinal-tf evaluate": "--resamples 100 --no-figures"}
    assert len(run_page("docs/evaluation.md", before={first: have_tables}, cheaper=cheaper)) == 6
    assert Path("tables/report.html").exists()


@pytest.mark.slow
def test_serving(place, own_weights, checkpoints):
    from spinal_tf.checkpoints.manifest import save_checkpoint
    from spinal_tf.networks.network_registry import network_spec

    record = dataclasses.replace(checkpoints["segmenter"], name="anatomy", network="anatomy_multiresunet")
    record = dataclasses.replace(record, arguments={"channels": 1}, file="", card="anatomy.md")
    model = network_spec(record.network).build(**record.arguments)
    save_checkpoint(model, own_weights, record, half_precision=False)
    (own_weights / record.card).write_text("# anatomy\n", encoding="utf-8")
    assert run_page("docs/serving.md")
