"""One set of weights: found at once, its networks loaded when they are needed, and only once."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager

import pytest

from spinal_tf import loaded_weights
from spinal_tf.checkpoints.manifest import MANIFEST, manifest_json
from spinal_tf.errors import ServerError, WeightsError
from spinal_tf.loaded_weights import LoadedWeights, load_weights
from spinal_tf.models import AnatomyNetwork
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.taxonomy import tree


@pytest.fixture
def folder(tmp_path, checkpoints, monkeypatch):
    """A manifest alone; loading a network gives its name and is noted."""
    (tmp_path / MANIFEST).write_text(manifest_json(checkpoints))
    monkeypatch.setattr(loaded_weights, "import_tensorflow", lambda _: None)
    return tmp_path


@pytest.fixture
def loaded(monkeypatch):
    """What was loaded, with its device."""
    seen = []
    for name in ("segmenter", "classifiers"):
        load = lambda folder, device, method=None, name=name: seen.append((name, device)) or name  # noqa: E731
        monkeypatch.setattr(loaded_weights, f"load_{name}", load)
    return seen


def test_a_network_is_loaded_when_it_is_needed_and_only_once(folder, loaded):
    weights = load_weights(str(folder), device="gpu:1")
    assert loaded == []
    assert [weights.segmenter(), weights.segmenter()] == ["segmenter"] * 2
    assert loaded == [("segmenter", "gpu:1")]
    assert weights.classifiers() == "classifiers"
    assert len(loaded) == 2


def test_the_time_of_loading_goes_to_the_case_that_waits_for_it(folder, loaded):
    weights, watches = load_weights(folder), [Stopwatch(), Stopwatch()]
    for watch in watches:
        weights.segmenter(watch)
    assert [list(watch.seconds) for watch in watches] == [["weights"], []]


def test_records_need_no_network(folder, loaded):
    weights = load_weights(folder)
    assert [one.name for one in weights.checkpoints()] == ["segmenter", *tree().task_names]
    assert weights.served() == {}
    assert loaded == []


@pytest.fixture
def served(monkeypatch, checkpoints):
    """The function that puts networks of some names on a server; how often each was asked for."""
    asked = []

    def serve(*names):
        record = dataclasses.replace(checkpoints["segmenter"], name="anatomy", network="anatomy_multiresunet")
        known = {**checkpoints, "anatomy": record}
        made = {name: AnatomyNetwork(checkpoint=known[name], engine=None, served=name) for name in names}

        def find(kind, several=()):
            asked.append(kind)
            return tuple(made[name] for name in several) if several else made.get(kind)

        monkeypatch.setattr(loaded_weights, "remote_segmenter", lambda *_: find("segmenter"))
        monkeypatch.setattr(loaded_weights, "remote_anatomy", lambda *_: find("anatomy"))
        monkeypatch.setattr(loaded_weights, "remote_classifiers", lambda *_: find("classifiers", tree().task_names))
        return load_weights(server="http://localhost:8501"), asked

    return serve


def test_records_of_a_server_include_its_anatomy_network(served):
    weights, asked = served("segmenter", "anatomy", *tree().task_names)
    names = ["segmenter", "anatomy", *tree().task_names]
    assert [one.name for one in weights.checkpoints()] == names
    assert list(weights.served()) == names
    assert weights.networks(classify=False).anatomy.checkpoint.name == "anatomy"
    assert asked == ["segmenter", "anatomy", "classifiers"]


def test_a_server_without_anatomy_network_is_asked_once(served):
    weights, asked = served("segmenter", *tree().task_names)
    assert [one.name for one in weights.checkpoints()] == ["segmenter", *tree().task_names]
    assert [weights.networks(classify=False).anatomy for _ in range(2)] == [None, None]
    assert asked.count("anatomy") == 1


def test_loading_can_be_surrounded(folder, loaded):
    steps = []

    @contextmanager
    def around():
        steps.append(list(loaded))
        yield
        steps.append(list(loaded))

    LoadedWeights(folder, around=around).segmenter()
    assert steps == [[], [("segmenter", "cpu")]]


def test_a_folder_without_weights_is_refused_at_once(tmp_path):
    with pytest.raises(WeightsError, match="manifest.json: cannot be read"):
        load_weights(tmp_path)


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ServerError, match="one://HOST: begin it with one of grpc://"):
        load_weights(server="one://HOST")


def test_weights_of_a_server_are_in_no_folder():
    weights = load_weights(server="http://localhost:8501")
    with pytest.raises(WeightsError, match="on a server"):
        _ = weights.folder
