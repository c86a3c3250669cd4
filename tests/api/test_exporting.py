"""``spinal_tf.export`` refuses before any network is made; tests/cli/test_export.py runs it through the command."""

from __future__ import annotations

import sys

import pytest

import spinal_tf
from spinal_tf.taxonomy import tree

TASK_NAMES = tree().task_names


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Importing what makes networks would fail."""
    monkeypatch.setitem(sys.modules, "spinal_tf.serving.bare", None)


@pytest.mark.parametrize(
    ("network", "form", "name"),
    [
        ("pipeline", "savedmodel", "pipeline"),
        ("segmenter", "onnx", "segmenter-onnx"),
        ("anatomy", "savedmodel", "anatomy"),
        ("classifiers", "savedmodel", TASK_NAMES[-1]),
        (TASK_NAMES[0], "litert", f"{TASK_NAMES[0]}-litert"),
    ],
)
def test_a_version_that_exists_is_kept(stub_networks, tmp_path, network, form, name):
    (tmp_path / name / "3").mkdir(parents=True)
    with pytest.raises(spinal_tf.OutputError, match=f"{name}/3: this version exists and was kept"):
        spinal_tf.export(tmp_path, network, options=spinal_tf.ExportOptions(version=3, form=form))


def test_a_network_of_another_name_is_refused(stub_networks, tmp_path):
    with pytest.raises(
        ValueError, match="no network is called detector; the names are pipeline, segmenter, anatomy, class"
    ):
        spinal_tf.export(tmp_path, "detector")


def test_the_pipeline_has_no_bare_network(stub_networks, tmp_path):
    with pytest.raises(ValueError, match="the pipeline is a savedmodel only, not onnx"):
        spinal_tf.export(tmp_path, options=spinal_tf.ExportOptions(form="onnx"))


def test_networks_of_a_server_have_no_folder_to_export(tmp_path):
    weights = spinal_tf.load_weights(server="http://localhost:8501")
    with pytest.raises(spinal_tf.WeightsError, match="on a server"):
        spinal_tf.export(tmp_path, weights=weights)
