"""Networks loaded from a small weights folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spinal_tf.checkpoints.manifest import MANIFEST, load_network, manifest_json, read_manifest, save_checkpoint
from spinal_tf.errors import WeightsError
from spinal_tf.explanation import gradcam, keras_vis
from spinal_tf.explanation.gradcam import GraphExplainer
from spinal_tf.map_methods import MapMethod
from spinal_tf.models import load_classifiers, load_segmenter, model_record
from spinal_tf.networks import densenet
from spinal_tf.networks.densenet import build_densenet
from spinal_tf.networks.network_registry import CLASSIFIERS
from spinal_tf.preprocess import Preprocessing
from spinal_tf.taxonomy import tree


@pytest.fixture
def folder(tmp_path, tiny_weights) -> Path:
    return Path(shutil.copytree(tiny_weights, tmp_path / "weights"))


def change(folder, name, **changes):
    manifest = read_manifest(folder)
    (folder / MANIFEST).write_text(manifest_json({**manifest, name: replace(manifest[name], **changes)}))


def test_the_segmenter_runs_with_its_weights(tiny_weights):
    segmenter = load_segmenter(tiny_weights)
    x = np.linspace(0, 1, 32 * 48, dtype=np.float32).reshape(1, 32, 48, 1)
    # Twelve batch normalisations of variance 1 lie on the way: 2 in each of two blocks, 2 in each of four units of the
    # skip connection. Each divides by sqrt(1 + 0.001).
    expected = 1 / (1 + np.exp(28 - 40 * x / 1.001 ** (12 / 2)))
    np.testing.assert_allclose(segmenter.engine(x), expected, atol=1e-3)
    assert segmenter.checkpoint == read_manifest(tiny_weights)["segmenter"]


def test_the_classifiers_come_in_the_order_of_the_tasks(tiny_weights):
    classifiers = load_classifiers(tiny_weights)
    assert [classifier.task for classifier in classifiers] == list(tree().tasks)
    assert [classifier.checkpoint.name for classifier in classifiers] == [task.name for task in tree().tasks]
    tiles = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    answers = [classifier.explain(tiles, class_index=1) for classifier in classifiers]
    for answer in answers:
        np.testing.assert_allclose(answer.probabilities.sum(axis=1), 1, rtol=1e-6)
        assert answer.maps.shape == (2, 64, 64)
    assert not np.allclose(answers[0].probabilities, answers[1].probabilities)


def test_one_classifier_alone_is_the_same(tiny_weights):
    tiles = np.random.default_rng(0).random((1, 64, 64, 3), np.float32)
    [alone], (*_, third) = load_classifiers(tiny_weights, tree().tasks[2:]), load_classifiers(tiny_weights)
    assert (alone.task, alone.checkpoint) == (third.task, third.checkpoint)
    expected = third.explain(tiles, class_index=1).probabilities
    np.testing.assert_allclose(alone.explain(tiles, class_index=1).probabilities, expected, rtol=1e-6)


def test_classifiers_share_a_trace_where_only_their_weights_differ(monkeypatch, folder):
    traced = []
    trace = gradcam._cam_graph
    monkeypatch.setattr(gradcam, "_cam_graph", lambda model: traced.append(model) or trace(model))
    load_classifiers(folder)
    assert len(traced) == 1
    other = replace(
        read_manifest(folder)["ms_vs_nmosd"], arguments={"last_convolution": "conv1_relu", "size": (64, 64)}
    )
    save_checkpoint(build_densenet(**other.arguments), folder, other, half_precision=True)
    classifiers = load_classifiers(folder)
    assert len(traced) == 1 + 2
    tiles = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    for classifier in classifiers:
        expected = GraphExplainer(load_network(folder, classifier.checkpoint))(tiles, class_index=1)
        np.testing.assert_allclose(classifier.explain(tiles, class_index=1).maps, expected.maps, atol=1e-5)


def test_classifiers_of_two_networks_share_no_trace_though_their_arguments_are_equal(monkeypatch, folder):
    monkeypatch.setitem(CLASSIFIERS, "other121", densenet.__name__)
    record = json.loads((folder / MANIFEST).read_text())
    record["checkpoints"]["ms_vs_nmosd"]["network"] = "other121"
    (folder / MANIFEST).write_text(json.dumps(record))
    first, second, third = load_classifiers(folder)
    assert first.explain.model is second.explain.model
    assert first.explain.model is not third.explain.model


def test_classifiers_explained_by_tf_keras_vis_share_one_network_and_keep_their_weights(monkeypatch, tiny_weights):
    built = []
    copy = keras_vis.float32_copy
    monkeypatch.setattr(keras_vis, "float32_copy", lambda model: built.append(model) or copy(model))
    classifiers = load_classifiers(tiny_weights, method=MapMethod.LAYERCAM)
    assert len(built) == 1
    tiles = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    answers = [classifier.explain(tiles, class_index=1) for classifier in classifiers]
    for answer, classifier in zip(answers, classifiers, strict=True):
        [alone] = load_classifiers(tiny_weights, [classifier.task], method=MapMethod.LAYERCAM)
        assert answer.method is MapMethod.LAYERCAM
        np.testing.assert_allclose(answer.maps, alone.explain(tiles, class_index=1).maps, atol=1e-5)


@pytest.mark.parametrize(("load", "name"), [(load_segmenter, "segmenter"), (load_classifiers, "ms_vs_nmosd")])
def test_a_network_that_the_set_lacks_is_named(folder, load, name):
    record = json.loads((folder / MANIFEST).read_text())
    del record["checkpoints"][name]
    (folder / MANIFEST).write_text(json.dumps(record))
    with pytest.raises(WeightsError, match=f"holds no weights called {name}"):
        load(folder)


@pytest.mark.parametrize(("load", "name"), [(load_segmenter, "segmenter"), (load_classifiers, "ms_vs_nmosd")])
def test_a_flipped_byte_is_found(folder, load, name):
    path = folder / f"{name}.weights.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=f"{name}.weights.h5: damaged, its SHA-256"):
        load(folder)


def test_classifiers_with_tiles_of_different_sizes_do_not_go_together(folder):
    change(folder, "ms_vs_nmosd", preprocessing=Preprocessing(size=(64, 80)))
    with pytest.raises(WeightsError, match="the classifiers want tiles of different sizes"):
        load_classifiers(folder)


def test_classifiers_may_differ_in_how_intensity_is_taken(folder):
    change(folder, "ms_vs_nmosd", preprocessing=Preprocessing(size=(64, 64), intensity="minmax"))
    assert len(load_classifiers(folder)) == 3


def test_the_record_in_a_report_says_what_the_weights_saw(checkpoints):
    record = model_record(checkpoints["segmenter"])
    assert (record.name, record.sha256, record.summary) == ("segmenter", "0" * 64, "nothing: bright is lesion")
    assert model_record(replace(checkpoints["segmenter"], training={})).summary == "not stated"
