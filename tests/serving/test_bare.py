"""Plain words where LiteRT or ONNX Runtime is not installed."""

from __future__ import annotations

import pytest

from spinal_tf.errors import RequirementError
from spinal_tf.serving import bare
from spinal_tf.serving.bare import require_runtime


@pytest.mark.parametrize(("form", "package"), [("litert", "ai_edge_litert"), ("onnx", "tf2onnx")])
def test_what_is_not_installed_is_named_with_the_remedy(monkeypatch, form, package):
    monkeypatch.setattr(bare.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RequirementError, match=rf"{package}.*pip install 'spinal-tf\[{form}\]'"):
        require_runtime(form, "float32")
