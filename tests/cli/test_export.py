"""``spinal-tf export`` tells what it wrote, and refuses in one sentence."""

from __future__ import annotations

import json
import re
import shutil
import sys

import pytest

from spinal_tf import models
from spinal_tf.explanation import gradcam
from spinal_tf.serving import network


@pytest.fixture(scope="module")
def folder(tiny_weights, with_anatomy, tmp_path_factory):
    return with_anatomy(shutil.copytree(tiny_weights, tmp_path_factory.mktemp("exported") / "weights"))


@pytest.fixture
def weights(folder, checkpoints):
    for name, checkpoint in checkpoints.items():
        (folder / checkpoint.card).write_text(f"# {name}\n", encoding="utf-8")
    return folder


def told(line: str) -> tuple[float, float, float]:
    """Lowest and highest probability, and the largest difference, that a line speaks of."""
    found = re.search(r"probabilities of (\S+) to (\S+) by up to ([^\s,]+)", line)
    return tuple(map(float, found.groups()))


def size_mb(folder) -> str:
    return f"{sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) / 1e6:.1f} MB"


def is_between(lowest, highest, difference, bound):
    return 0 <= lowest <= highest <= 1 and 0 <= difference < bound


SERVED = {
    "segmenter": (["segmenter"], "serving_default, tiles, describe"),
    "anatomy": (["anatomy"], "tiles, describe"),
    "ms_vs_nmosd": (["classifier", "--task", "ms_vs_nmosd"], "serving_default, tiles, explain, describe"),
    "pipeline": (["pipeline"], "serving_default, with_mask, describe"),
}
BARE = [("litert", "float32"), ("litert", "float16"), ("onnx", "float32")]
BOUNDS = {"float32": 1e-4, "float16": 0.1, "bfloat16": 0.5}
"""Of probabilities; the small segmenter's sigmoid is 40 times as steep as its input, so that rounding shows."""


@pytest.mark.slow
@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize("name", SERVED)
def test_an_export_says_where_it_is_how_large_and_how_far_from_the_command_line(
    run, weights, tmp_path, name, precision
):
    arguments, signatures = SERVED[name]
    result = run("export", *arguments, "--weights", weights, "--out", tmp_path, "--precision", precision)
    assert result.exit_code == 0, result.output
    first, second, parity, *files = result.stdout.splitlines()
    assert first == f"{tmp_path / name / '1'}: {size_mb(tmp_path / name / '1')}, {precision}"
    assert second.strip() == f"signatures {signatures}"
    assert is_between(*told(parity), BOUNDS[precision])
    assert "masks in 0 voxels" in parity or precision != "float32"
    assert ("heat maps by up to" in parity) == (name == "pipeline")
    assert sorted(line.rpartition("/")[2] for line in files) == [
        "batching.config",
        "docker-compose.yml",
        "models.config",
        "monitoring.config",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("form", "precision"), BARE)
@pytest.mark.parametrize("name", ["segmenter", "anatomy", "ms_vs_nmosd"])
def test_the_bare_network_says_where_it_is_how_large_and_how_far_from_tensorflow(
    run, weights, tmp_path, name, form, precision
):
    pytest.importorskip("ai_edge_litert" if form == "litert" else "tf2onnx")
    arguments = (*SERVED[name][0], "--format", form, "--precision", precision)
    result = run("export", *arguments, "--weights", weights, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    first, parity = result.stdout.splitlines()
    folder = tmp_path / f"{name}-{form}" / "1"
    assert first == f"{folder}: {size_mb(folder)}, {form}, {precision}, the bare network alone"
    assert is_between(*told(parity), 1e-4 if precision == "float32" else 2e-2)
    record = json.loads((folder / "assets.extra" / "signature.json").read_text())
    assert (record["precision"], list(record["signatures"])) == (precision, ["tiles"])


@pytest.mark.slow
@pytest.mark.parametrize(("form", "precision"), [*(("savedmodel", precision) for precision in BOUNDS), *BARE])
def test_a_segmenter_that_sees_neighbours_is_exported_alike(run, weights, see_neighbours, tmp_path, form, precision):
    if form != "savedmodel":
        pytest.importorskip("ai_edge_litert" if form == "litert" else "tf2onnx")
    folder = see_neighbours(shutil.copytree(weights, tmp_path / "weights"))
    arguments = ("--weights", folder, "--out", tmp_path / "models", "--format", form, "--precision", precision)
    result = run("export", "segmenter", *arguments)
    assert result.exit_code == 0, result.output
    [parity] = [line for line in result.stdout.splitlines() if "differs from" in line]
    assert is_between(*told(parity), BOUNDS[precision])
    [record] = (tmp_path / "models").glob("*/1/assets.extra/signature.json")
    tiles = json.loads(record.read_text())["signatures"]["tiles"]["inputs"]["tiles"]
    assert tiles["shape"] == [-1, -1, -1, 3]
    assert tiles["meaning"].endswith("channels: the slice about 3 mm before, itself, the one as far behind")


@pytest.mark.parametrize(("form", "precision"), [("litert", "bfloat16"), ("onnx", "bfloat16"), ("onnx", "float16")])
def test_a_precision_that_a_format_has_not_is_refused(refused, weights, tmp_path, monkeypatch, form, precision):
    from spinal_tf.serving import bare

    monkeypatch.setattr(bare.importlib.util, "find_spec", lambda name: name)
    arguments = ("--weights", weights, "--out", tmp_path / "models", "--format", form, "--precision", precision)
    sentence = refused("export", "segmenter", *arguments, status=2)
    assert sentence.startswith(f"--format {form} has no --precision {precision}; take float32")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("form", ["litert", "onnx"])
def test_the_pipeline_has_no_bare_network(run, weights, tmp_path, form):
    result = run("export", "pipeline", "--weights", weights, "--out", tmp_path / "models", "--format", form)
    assert result.exit_code == 2
    assert "No such option" in result.stderr
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["segmenter"], "segmenter"),
        (["segmenter", "--format", "litert"], "segmenter-litert"),
        (["anatomy"], "anatomy"),
        (["classifier"], "ms_vs_nmosd"),  # the last of three
        (["classifier", "--task", "ms_vs_nmosd", "--format", "onnx"], "ms_vs_nmosd-onnx"),
        (["pipeline"], "pipeline"),
    ],
)
def test_an_existing_version_is_refused_before_any_network_is_made(
    refused, weights, tmp_path, monkeypatch, arguments, name
):
    monkeypatch.setitem(sys.modules, "spinal_tf.serving.bare", None)  # importing it, and TensorFlow, would fail
    (tmp_path / name / "2").mkdir(parents=True)
    sentence = refused("export", *arguments, "--weights", weights, "--out", tmp_path, "--version", "2")
    assert f"{name}/2: this version exists and was kept" in sentence
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*")] == [f"{name}/2"]


@pytest.mark.slow
def test_a_classifier_alone_is_loaded_and_compared(run, weights, tmp_path, monkeypatch):
    loaded, read = [], models.read_weights
    monkeypatch.setattr(models, "read_weights", lambda *of: loaded.append(of[1].name) or read(*of))
    result = run("export", "classifier", "--task", "ms_vs_nmosd", "--weights", weights, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    parity = result.stdout.splitlines()[2]
    assert is_between(*told(parity), 1e-4)
    assert loaded == ["ms_vs_nmosd"]


@pytest.mark.slow
def test_classifiers_of_one_command_share_a_trace_and_are_each_compared_with_its_own(
    run, weights, tmp_path, monkeypatch
):
    traced = []
    for module in (gradcam, network):
        trace = module.weightless_graph
        monkeypatch.setattr(module, "weightless_graph", lambda *of, trace=trace: traced.append(of) or trace(*of))
    result = run("export", "classifier", "--weights", weights, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    parities = [told(line) for line in result.stdout.splitlines() if "differs from" in line]
    assert len({parity[:2] for parity in parities}) == 3, "of other weights, other probabilities"
    assert all(is_between(*parity, 1e-4) for parity in parities)
    assert len(traced) == 3, "the network and the one with Grad-CAM for the exports, the latter again to compare with"


def test_weights_without_an_anatomy_network_are_refused_by_name(refused, tiny_weights, tmp_path):
    sentence = refused("export", "anatomy", "--weights", tiny_weights, "--out", tmp_path / "models", status=4)
    assert "holds no weights called anatomy" in sentence
    assert not (tmp_path / "models").exists()


def test_missing_weights_are_refused_before_anything_is_made(refused, tmp_path):
    sentence = refused("export", "pipeline", "--weights", tmp_path, "--out", tmp_path / "models", status=4)
    assert "manifest.json: cannot be read" in sentence
    assert not (tmp_path / "models").exists()


def test_weights_without_card_are_refused(refused, weights, tmp_path, checkpoints):
    card = weights / checkpoints["segmenter"].card
    card.unlink()
    sentence = refused("export", "segmenter", "--weights", weights, "--out", tmp_path / "models", status=4)
    assert "segmenter.md: the model card cannot be read" in sentence


def test_a_format_that_is_not_installed_is_refused(refused, weights, tmp_path, monkeypatch):
    from spinal_tf.serving import bare

    monkeypatch.setattr(bare.importlib.util, "find_spec", lambda name: None)
    arguments = ("--weights", weights, "--out", tmp_path / "models", "--format", "onnx")
    assert "pip install 'spinal-tf[onnx]'" in refused("export", "segmenter", *arguments, status=2)
