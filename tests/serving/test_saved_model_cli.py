"""TensorFlow's own tool shows and runs an export."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from spinal_tf.serving.sample import sample_request, sample_volume

pytestmark = pytest.mark.slow


@pytest.fixture
def tool(tiny_models, tmp_path):
    """The function that runs ``saved_model_cli`` on the segmenter and returns what it printed."""

    def run(command: str, *arguments: object) -> str:
        line = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", command]
        line += ["--dir", str(tiny_models / "segmenter" / "1"), "--tag_set", "serve", *map(str, arguments)]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(line, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_it_shows_inputs_and_outputs_with_their_types_and_shapes(tool):
    words = " ".join(tool("show", "--signature_def", "serving_default").split())
    assert "inputs['slices'] tensor_info: dtype: DT_FLOAT shape: (-1, -1, -1)" in words
    assert "inputs['spacing_mm'] tensor_info: dtype: DT_DOUBLE shape: (2)" in words
    assert "inputs['slice_mm'] tensor_info: dtype: DT_DOUBLE shape: ()" in words
    assert "outputs['probability'] tensor_info: dtype: DT_FLOAT shape: (-1, -1, -1)" in words


def test_it_runs_a_volume(tool, tmp_path):
    request = sample_request(sample_volume())
    for name in ("slices", "spacing_mm", "slice_mm"):
        np.save(tmp_path / f"{name}.npy", request[name])
    given = "slices=slices.npy;spacing_mm=spacing_mm.npy;slice_mm=slice_mm.npy"
    tool("run", "--signature_def", "serving_default", "--inputs", given, "--outdir", tmp_path)
    probability = np.load(tmp_path / "probability.npy")
    assert probability.shape == request["slices"].shape
    assert probability.min() < 0.01 < 0.99 < probability.max()
