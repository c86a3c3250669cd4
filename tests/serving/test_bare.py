"""The bare network in LiteRT and ONNX Runtime, and plain words where those are not installed."""

from __future__ import annotations

import json

import pytest

from spinal_tf.errors import RequirementError
from spinal_tf.serving import bare
from spinal_tf.serving.bare import export_bare, require_runtime
from spinal_tf.serving.export import serve_classifier, serve_segmenter
from spinal_tf.taxonomy import TASKS


@pytest.mark.parametrize(("form", "package"), [("litert", "ai_edge_litert"), ("onnx", "tf2onnx")])
def test_what_is_not_installed_is_named_with_the_remedy(monkeypatch, form, package):
    monkeypatch.setattr(bare.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RequirementError, match=rf"{package}.*pip install 'spinal-tf\[{form}\]'"):
        require_runtime(form, "float32")


@pytest.mark.parametrize(("form", "precision"), [("litert", "bfloat16"), ("onnx", "bfloat16"), ("onnx", "float16")])
def test_a_precision_that_a_format_has_not_is_refused(monkeypatch, form, precision):
    monkeypatch.setattr(bare.importlib.util, "find_spec", lambda name: name)
    with pytest.raises(RequirementError, match=f"--format {form} has no --precision {precision}; take float32"):
        require_runtime(form, precision)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "precision"), [("litert", "float32"), ("litert", "float16"), ("onnx", "float32")])
@pytest.mark.parametrize("name", ["segmenter", TASKS[0].name])
def test_the_network_gives_the_same_probabilities(tiny_weights, tmp_path, form, precision, name):
    pytest.importorskip("ai_edge_litert" if form == "litert" else "tf2onnx")
    model = serve_segmenter(tiny_weights) if name == "segmenter" else serve_classifier(tiny_weights, TASKS[0])
    exported = export_bare(model, tiny_weights, tmp_path, form, precision=precision)
    assert exported.folder == tmp_path / f"{name}-{form}" / "1"
    assert exported.difference < (1e-4 if precision == "float32" else 2e-2)
    record = json.loads((exported.folder / "assets.extra" / "signature.json").read_text())
    assert (record["precision"], list(record["signatures"])) == (precision, ["tiles"])
