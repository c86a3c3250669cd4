"""A server that runs the networks gives what this machine gives, over both ways, and no TensorFlow is needed to ask."""

from __future__ import annotations

import csv
import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner

from spinal_tf.checkpoints.manifest import MANIFEST, manifest_json, read_manifest
from spinal_tf.cli.main import main
from spinal_tf.errors import ServerError
from spinal_tf.images.volume import read_volume
from spinal_tf.models import load_classifiers, load_segmenter
from spinal_tf.pipeline import classify_volume
from spinal_tf.prediction_options import SegmentationOptions
from spinal_tf.remote.connection import Connection
from spinal_tf.remote.model import find_model
from spinal_tf.remote.networks import remote_classifiers, remote_segmenter
from spinal_tf.remote.server import Server, parse_address
from spinal_tf.segmentation import segment_volume
from spinal_tf.serving.sample import sample_mask, sample_volume
from spinal_tf.stopwatch import Stopwatch

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

WITHOUT_TENSORFLOW = """
import importlib.machinery, sys
absent = {"tensorflow", "keras", "tf_keras_vis", "tensorflow_serving"}
find = importlib.machinery.PathFinder.find_spec

def find_what_is_there(name, path=None, target=None):
    return None if name.partition(".")[0] in absent else find(name, path, target)

importlib.machinery.PathFinder.find_spec = find_what_is_there
from spinal_tf.cli.main import main
main(sys.argv[1:], prog_name="spinal-tf")
"""


@pytest.fixture(params=["grpc", "http"])
def scheme(request) -> str:
    return request.param


@pytest.fixture
def url(standin, scheme) -> str:
    return url_of(standin, scheme)


@pytest.fixture
def connection(url):
    with connected(url) as opened:
        yield opened


def url_of(standin, scheme: str) -> str:
    return f"{scheme}://{standin.grpc if scheme == 'grpc' else standin.rest}"


def connected(url: str) -> Connection:
    scheme, host, port, path = parse_address(url)
    return Connection(Server(scheme=scheme, host=host, port=port, path=path))


@pytest.fixture(scope="module")
def local(tiny_weights):
    return load_segmenter(tiny_weights), load_classifiers(tiny_weights)


@pytest.fixture
def client():
    """The function that runs ``spinal-tf`` in a process that has no TensorFlow."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT_TENSORFLOW, *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)

    return run


@pytest.mark.parametrize("tta", [False, True])
def test_the_mask_is_the_same_and_the_probability_nearly_so(connection, local, bright_file, tta):
    options = SegmentationOptions(tta=tta)
    for volume in (sample_volume(), read_volume(bright_file)):
        expected = segment_volume(volume, local[0], options, Stopwatch())
        found = segment_volume(volume, remote_segmenter(connection), options, Stopwatch())
        np.testing.assert_array_equal(found.mask, expected.mask)
        np.testing.assert_allclose(found.probability, expected.probability, atol=1e-4)
        assert found.review == expected.review
        assert expected.mask.any()


@pytest.mark.parametrize("tta", [False, True])
def test_neighbours_are_sent_with_each_slice(neighbour_standin, neighbour_weights, bright_file, scheme, tta):
    options, segmenter = SegmentationOptions(tta=tta), load_segmenter(neighbour_weights)
    thick = read_volume(bright_file)
    thin = dataclasses.replace(thick, affine=thick.affine @ np.diag([0.3, 1, 1, 1]))
    for volume in (thick, thin):
        expected = segment_volume(volume, segmenter, options, Stopwatch())
        with connected(url_of(neighbour_standin, scheme)) as there:
            found = segment_volume(volume, remote_segmenter(there), options, Stopwatch())
        np.testing.assert_array_equal(found.mask, expected.mask)
        np.testing.assert_allclose(found.probability, expected.probability, atol=1e-4)
        assert expected.mask.any()


def test_probabilities_and_heat_maps_are_the_same(connection, local):
    volume = sample_volume()
    contrast = dataclasses.replace(volume, data=volume.data[:, ::-1].copy())
    found = classify_volume(volume, sample_mask(), remote_classifiers(connection), t1c=contrast)
    expected = classify_volume(volume, sample_mask(), local[1], t1c=contrast)
    assert (found.slices, found.diagnosis, found.with_t1c) == (expected.slices, expected.diagnosis, True)
    for one, other in zip(found.tasks, expected.tasks, strict=True):
        np.testing.assert_allclose(one.tile_probabilities, other.tile_probabilities, atol=1e-4)
        np.testing.assert_allclose(one.heatmap, other.heatmap, atol=1e-3)
        assert other.heatmap.max() > 0.5


def test_every_request_names_the_version_that_described_itself(standin, connection):
    standin.asked.clear()
    remote_segmenter(connection).engine(np.zeros((1, 16, 32, 1), np.float32))
    assert {version for _, _, version in standin.asked} == {1}
    assert {what for what, _, _ in standin.asked} >= {"metadata", "predict"}


def test_a_model_says_whose_weights_it_holds(connection, tiny_weights):
    model = find_model(connection, "pipeline")
    assert model.weights == read_manifest(tiny_weights)
    assert (model.version, model.precision) == (1, "float32")


def test_other_weights_than_expected_are_refused_by_name(connection, tiny_weights):
    expected = read_manifest(tiny_weights)
    assert remote_segmenter(connection, expected).checkpoint == expected["segmenter"]
    expected["segmenter"] = dataclasses.replace(expected["segmenter"], sha256="e" * 64)
    with pytest.raises(ServerError, match="other weights for segmenter .* eeeeeeeeeeee here"):
        remote_segmenter(connection, expected)
    del expected["segmenter"]
    with pytest.raises(ServerError, match="none here"):
        remote_segmenter(connection, expected)


def test_a_model_that_is_not_served_is_named(connection):
    with pytest.raises(ServerError, match="no model called none"):
        find_model(connection, "none")


def test_the_command_line_needs_no_tensorflow_and_writes_the_same_mask(client, url, local, bright_file, tmp_path):
    done = client("segment", bright_file, "--server", url, "-o", tmp_path / "out", "--save-probability")
    assert (done.returncode, done.stderr) == (0, "")
    volume = read_volume(bright_file)
    expected = segment_volume(volume, local[0], SegmentationOptions(), Stopwatch())
    written = nib.load(tmp_path / "out" / "case_lesion.nii.gz").get_fdata()
    assert np.count_nonzero(written) == np.count_nonzero(expected.mask) > 0
    probability = nib.load(tmp_path / "out" / "case_probability.nii.gz").get_fdata()
    assert abs(probability.sum() - expected.probability.sum(dtype=float)) < 1e-4 * probability.size
    assert f'"served": "version 1 at {url}, float32"' in (tmp_path / "out" / "case_lesion.json").read_text()


def test_a_cohort_is_judged_without_tensorflow_as_this_machine_judges_it(
    client, standin, tiny_weights, write_cohort, write_table, write_nifti, bright_data, oblique_affine, tmp_path
):
    rows = [{**row, "split": split} for row, split in zip(write_cohort(2), ("validation", "test"), strict=True)]
    for number, row in enumerate(rows):
        write_nifti(tmp_path / row["t2"], bright_data + np.int16(number), oblique_affine)
    options = ("--cohort", write_table(rows), "--operating-point", "0.5", "--resamples", "100", "--no-figures")
    done = client("evaluate", *options, "--out", tmp_path / "far", "--server", f"grpc://{standin.grpc}")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    near = ("evaluate", *options, "--out", tmp_path / "near", "--weights", tiny_weights)
    assert CliRunner().invoke(main, [str(one) for one in near]).exit_code == 0
    far, near = (read_rows(tmp_path / name / "predictions.csv") for name in ("far", "near"))
    for one, other in zip(far, near, strict=True):
        assert float(other["volume_ml"]) > 0
        for column, text in other.items():
            if column.startswith("p_") and text:
                assert float(one[column]) == pytest.approx(float(text), abs=1e-4)
            else:
                assert one[column] == text


def read_rows(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_classify_needs_no_tensorflow(client, standin, bright_file, tiny_weights, tmp_path):
    weights = tmp_path / "manifest alone"
    weights.mkdir()
    shutil.copy(tiny_weights / MANIFEST, weights)
    url = f"grpc://{standin.grpc}"
    done = client("classify", bright_file, "--server", url, "--weights", weights, "-o", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert "diagnosis: " in done.stdout
    assert len(list((tmp_path / "out").glob("case_gradcam_*.nii.gz"))) == 2, "of the tasks on the branch that was taken"
    (weights / MANIFEST).write_text(
        manifest_json({n: dataclasses.replace(c, sha256="e" * 64) for n, c in read_manifest(weights).items()})
    )
    done = client("segment", bright_file, "--server", url, "--weights", weights, "-o", tmp_path / "other")
    assert (done.returncode, done.stdout) == (6, "")
    assert "has other weights for segmenter than --weights names" in done.stderr
    assert not list(tmp_path.glob("other/*"))
