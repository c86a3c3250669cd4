"""``spinal-tf export`` tells what it wrote, and refuses in one sentence."""

from __future__ import annotations

import pytest


@pytest.fixture
def weights(tiny_weights, checkpoints):
    for name, checkpoint in checkpoints.items():
        (tiny_weights / checkpoint.card).write_text(f"# {name}\n", encoding="utf-8")
    return tiny_weights


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "bound"), [("float32", 1e-4), ("bfloat16", 0.5)])
def test_an_export_says_where_it_is_how_large_and_how_far_from_the_command_line(
    run, weights, tmp_path, precision, bound
):
    result = run("export", "segmenter", "--weights", weights, "--out", tmp_path, "--precision", precision)
    assert result.exit_code == 0, result.output
    first, signatures, parity, *files = result.stdout.splitlines()
    assert first.startswith(f"{tmp_path / 'segmenter' / '1'}: ")
    assert first.endswith(f" MB, {precision}")
    assert signatures.split() == ["signatures", "serving_default,", "tiles,", "describe"]
    assert 0 <= float(parity.split("by up to ")[1].split(",")[0]) < bound
    assert parity.endswith("masks in 0 voxels") or precision != "float32"
    assert sorted(line.rpartition("/")[2] for line in files) == [
        "batching.config",
        "docker-compose.yml",
        "models.config",
        "monitoring.config",
    ]


def test_an_existing_version_is_refused(refused, weights, tmp_path):
    (tmp_path / "segmenter" / "2").mkdir(parents=True)
    sentence = refused("export", "segmenter", "--weights", weights, "--out", tmp_path, "--version", "2")
    assert "segmenter/2: this version exists and was kept" in sentence
    assert [path.name for path in (tmp_path / "segmenter").iterdir()] == ["2"]


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
