"""``spinal-tf serve-check`` tells what is served, whether it is right, and how fast; exit 6 where it is not."""

from __future__ import annotations

import dataclasses
import importlib.util
import shutil
import threading

import numpy as np
import pytest
from click.testing import CliRunner

from spinal_tf.checkpoints.manifest import MANIFEST, manifest_json, read_manifest
from spinal_tf.cli.main import main
from spinal_tf.remote.load import Latency, Load, measure

SMALL = ("--requests", "2", "--concurrency", "2")


@pytest.fixture
def check():
    """The function that runs the command; the lines it printed, its status, and what it complained of."""

    def run(*arguments: object):
        done = CliRunner().invoke(main, ["serve-check", *map(str, arguments)])
        return done.stdout.splitlines(), done.exit_code, done.stderr

    return run


def test_percentiles_and_rate_by_hand():
    load = Load(requests=5, concurrency=2)
    latency = Latency(load=load, per_request_s=np.array([0.01, 0.02, 0.03, 0.04, 0.05]), wall_s=0.1)
    # the 95th percentile of five lies 0.8 of the way from the fourth to the fifth
    assert str(latency) == (
        "5 requests, 2 at a time: 50 % within 30 ms, 95 % within 48 ms, 99 % within 50 ms; 50.0 a second"
    )


def test_the_load_is_what_it_says():
    now, most, asked, lock = 0, 0, 0, threading.Lock()
    together = threading.Barrier(3, timeout=5)

    def ask():
        nonlocal now, most, asked
        with lock:
            now, asked = now + 1, asked + 1
            most = max(most, now)
        if asked > 1:  # the first one is alone, and does not count
            together.wait()
        with lock:
            now -= 1

    latency = measure(ask, Load(requests=6, concurrency=3))
    assert (asked, most, latency.per_request_s.shape) == (7, 3, (6,))
    assert 0 < latency.per_request_s.max() <= latency.wall_s


@pytest.mark.slow
def test_a_sound_server_is_compared_with_this_machine(check, standin, tiny_weights):
    lines, status, complaint = check(f"grpc://{standin.grpc}", "--weights", tiny_weights, *SMALL)
    assert (status, complaint) == (0, ""), complaint
    text = "\n".join(lines)
    assert "it says nothing about patients" in lines[0]
    assert "segmenter: version 1, float32, exported by spinal-tf" in text
    assert "signatures describe, serving_default, tiles" in text
    assert text.count("and this machine differ in probability by up to") == 5
    assert text.count("masks in 0 voxels") == 2
    assert text.count("2 requests, 2 at a time: 50 % within") == 5
    assert "no model called anatomy: clients look for lesions on whole slices" in lines
    assert "too much" not in text


@pytest.mark.slow
def test_an_anatomy_network_is_compared(check, anatomy_standin, anatomy_weights):
    asked = (f"grpc://{anatomy_standin.grpc}", "--weights", anatomy_weights, "--model", "anatomy", *SMALL)
    lines, status, complaint = check(*asked)
    assert (status, complaint) == (0, ""), complaint
    text = "\n".join(lines)
    assert "anatomy: version 1, float32, exported by spinal-tf" in text
    assert "signatures describe, tiles" in text
    assert "  tiles and this machine differ in probability by up to" in text
    assert "whole slices" not in text


@pytest.mark.slow
def test_an_anatomy_network_that_answers_wrongly_ends_with_status_6(
    check, standin_module, anatomy_models, anatomy_weights
):
    class Wrong(standin_module.SavedModels):
        def predict(self, name, version, signature, inputs, wanted):
            answer = super().predict(name, version, signature, inputs, wanted)
            return {key: value[..., ::-1] if signature == "tiles" else value for key, value in answer.items()}

    with standin_module.serve(Wrong(anatomy_models)) as wrong:
        asked = (f"grpc://{wrong.grpc}", "--weights", anatomy_weights, "--model", "anatomy", *SMALL)
        lines, status, _ = check(*asked)
    assert status == 6
    assert sum(line.endswith("<- too much") for line in lines) == 1


@pytest.mark.slow
def test_an_anatomy_network_that_is_not_here_is_not_compared(check, anatomy_standin, tiny_weights, monkeypatch):
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", str(tiny_weights))
    lines, status, _ = check(f"grpc://{anatomy_standin.grpc}", "--model", "anatomy", *SMALL)
    assert status == 0
    assert "  other weights than on this machine: not compared with them" in lines
    assert any(line.startswith("  tiles answers with") for line in lines)


@pytest.mark.slow
def test_a_segmenter_that_sees_neighbours_is_compared(check, neighbour_standin, neighbour_weights):
    asked = ("--weights", neighbour_weights, "--model", "segmenter", *SMALL)
    lines, status, complaint = check(f"grpc://{neighbour_standin.grpc}", *asked)
    assert (status, complaint) == (0, ""), complaint
    assert "\n".join(lines).count("masks in 0 voxels") == 2


@pytest.mark.slow
def test_over_http_without_tensorflow_the_signatures_are_compared_with_each_other(check, standin, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tensorflow" else find(name))
    lines, status, _ = check(f"http://{standin.rest}", "--model", "segmenter", *SMALL)
    assert status == 0
    assert lines[0] == "no TensorFlow here: the server's answers are compared with each other alone"
    assert any(line.startswith("  serving_default and tiles differ") for line in lines)
    assert "this machine" not in "\n".join(lines)


@pytest.mark.slow
def test_other_weights_are_not_compared_unless_they_are_demanded(check, standin, tiny_weights, tmp_path, monkeypatch):
    others = {n: dataclasses.replace(c, sha256="e" * 64) for n, c in read_manifest(tiny_weights).items()}
    (tmp_path / MANIFEST).write_text(manifest_json(others))
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", str(tmp_path))
    asked = (f"grpc://{standin.grpc}", "--model", "segmenter", *SMALL)
    lines, status, _ = check(*asked)
    assert status == 0
    assert "  other weights than on this machine: not compared with them" in lines
    _, status, complaint = check(*asked, "--weights", tmp_path)
    assert status == 6
    assert "has other weights for segmenter" in complaint


@pytest.mark.slow
def test_other_operating_points_end_with_status_6(check, standin, tiny_weights, tmp_path, monkeypatch):
    folder = shutil.copytree(tiny_weights, tmp_path / "weights")
    others = {n: dataclasses.replace(c, operating_point=0.25) for n, c in read_manifest(folder).items()}
    (folder / MANIFEST).write_text(manifest_json(others))
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", str(folder))
    asked = (f"grpc://{standin.grpc}", "--model", "ms_vs_nmosd", *SMALL)
    lines, status, _ = check(*asked)
    points = "0.500 for T2w, 0.000 for T2w + T1c there, 0.250 for T2w, 0.000 for T2w + T1c here"
    assert f"  operating point of ms_vs_nmosd: {points}   <- too much" in lines
    assert status == 6
    _, status, complaint = check(*asked, "--weights", folder)
    assert status == 6
    assert f"ms_vs_nmosd, version 1, has another operating point for ms_vs_nmosd than --weights ({points})" in complaint


@pytest.mark.slow
def test_wrong_answers_end_with_status_6(check, standin_module, tiny_models):
    class Wrong(standin_module.SavedModels):
        def predict(self, name, version, signature, inputs, wanted):
            answer = super().predict(name, version, signature, inputs, wanted)
            return {key: value * np.float32(0.99) if signature == "tiles" else value for key, value in answer.items()}

    with standin_module.serve(Wrong(tiny_models)) as wrong:
        lines, status, complaint = check(f"grpc://{wrong.grpc}", "--model", "segmenter", *SMALL)
    assert status == 6
    assert sum(line.endswith("<- too much") for line in lines) == 1
    assert "1 of the comparisons above differ too much" in complaint


@pytest.mark.slow
def test_a_server_without_our_models_is_refused(check, standin_module, tmp_path):
    with standin_module.serve(standin_module.SavedModels(tmp_path)) as empty:
        lines, status, complaint = check(f"http://{empty.rest}")
    assert status == 6
    assert "has none of segmenter, anatomy, tumor_vs_demyelinating" in complaint
