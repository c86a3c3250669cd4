"""The anatomy network on a server: found where the server has it, missed aloud, and as good as the one here."""

from __future__ import annotations

import dataclasses
import json

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner

from spinal_tf.checkpoints.manifest import read_manifest
from spinal_tf.cli.main import main
from spinal_tf.errors import ServerError
from spinal_tf.images.volume import read_volume
from spinal_tf.loaded_weights import LoadedWeights, load_weights
from spinal_tf.pipeline import diagnose
from spinal_tf.prediction_options import SegmentationOptions
from spinal_tf.remote.connection import Connection
from spinal_tf.remote.networks import remote_anatomy
from spinal_tf.remote.server import Server
from spinal_tf.remote.server_failures import Kind, RequestFailure
from spinal_tf.report.record import case_json
from spinal_tf.serving.names import DESCRIBE, TILES
from spinal_tf.structures import STRUCTURES
from spinal_tf.taxonomy import tree

SHAPE, COLUMN = (7, 40, 48), 24
TILE = np.zeros((2, 16, 32, 1), np.float32)
MISSING = "the server has no model called anatomy, so lesions were looked for on whole slices"


class Answering:
    """A transport to a server with some models, each of one version that describes itself."""

    def __init__(self, records, *, maps: int = len(STRUCTURES)) -> None:
        self.records, self.maps = records, maps

    def versions(self, model):
        if model not in self.records:
            raise RequestFailure(Kind.MISSING, model)
        return {4: "AVAILABLE"}

    def signatures(self, model, version):
        return {TILES: ("tiles",), DESCRIBE: ("times",)}

    def predict(self, model, version, signature, inputs, outputs):
        if signature == TILES:
            return {"probability": np.full((*inputs["tiles"].shape[:3], self.maps), 0.25, np.float32)}
        weights = {model: self.records[model].to_dict()}
        record = {"format": 1, "model": model, "precision": "float32", "spinal-tf": "0.1.0", "weights": weights}
        return {"description": np.array([json.dumps(record).encode()], object)}

    def close(self):
        pass


@pytest.fixture
def record(checkpoints):
    return dataclasses.replace(checkpoints["segmenter"], name="anatomy", network="anatomy_multiresunet")


def connected(*records, versions=None, **options) -> Connection:
    server = Server(scheme="grpc", host="localhost", port=8500, versions=versions or {})
    return Connection(server, transport=Answering({one.name: one for one in records}, **options))


def test_a_server_with_the_network_gives_a_map_of_each_structure(record):
    found = remote_anatomy(connected(record))
    assert found.checkpoint == record
    assert str(found.served) == "version 4 at grpc://localhost:8500, float32"
    maps = found.engine(TILE)
    assert maps.shape == (*TILE.shape[:3], len(STRUCTURES))
    assert (maps == 0.25).all()
    assert remote_anatomy(connected(record), {"anatomy": record}).checkpoint == record


def test_maps_of_another_number_are_refused(record):
    found = remote_anatomy(connected(record, maps=len(STRUCTURES) - 1))
    with pytest.raises(ServerError, match=r"answered with probability of shape \(2, 16, 32, 5\)"):
        found.engine(TILE)


def test_a_server_may_lack_the_network_unless_it_is_asked_for(checkpoints, record):
    assert remote_anatomy(connected(checkpoints["segmenter"])) is None
    assert remote_anatomy(connected(checkpoints["segmenter"]), checkpoints) is None
    with pytest.raises(ServerError, match="the server has no model called anatomy; see spinal-tf export"):
        remote_anatomy(connected(checkpoints["segmenter"]), {**checkpoints, "anatomy": record})
    with pytest.raises(ServerError, match="the server has no model called anatomy; see spinal-tf export"):
        remote_anatomy(connected(checkpoints["segmenter"], versions={"anatomy": 4}))


def test_another_network_than_the_folder_has_is_refused(checkpoints, record):
    with pytest.raises(ServerError, match="has other weights for anatomy than --weights names .* none here"):
        remote_anatomy(connected(record), checkpoints)
    other = dataclasses.replace(record, sha256="e" * 64)
    with pytest.raises(ServerError, match="has other weights for anatomy than --weights names .* eeeeeeeeeeee here"):
        remote_anatomy(connected(record), {"anatomy": other})


@pytest.fixture
def scan(tmp_path, write_nifti):
    """A scan of 100 x 120 mm with a long, fairly bright canal, a lesion in it, and something as bright in front."""
    data = np.full(SHAPE, 100.0)
    data[2:5, :, COLUMN - 4 : COLUMN + 5] = 500
    data[2:5, 16:24, COLUMN - 2 : COLUMN + 3] = 1000
    data[2:5, 16:24, 4:9] = 1000
    data += np.random.default_rng(0).normal(0, 10, SHAPE)
    affine = np.array([[-3.5, 0, 0, 10], [0, 0, -2.5, 60], [0, -2.5, 0, 50], [0, 0, 0, 1.0]])
    return write_nifti(tmp_path / "scan.nii.gz", data.astype(np.int16), affine)


def url_of(standin, scheme: str) -> str:
    return f"{scheme}://{standin.grpc if scheme == 'grpc' else standin.rest}"


def without_server(result) -> dict:
    """The record of a case without what differs from run to run and from machine to machine."""
    record = case_json(result)
    models = [{**model, "served": None} for model in record["models"]]
    return {**record, "models": models, "timings_s": None}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["grpc", "http"])
@pytest.mark.parametrize("tta", [False, True])
def test_the_case_is_the_same_here_and_there(anatomy_standin, anatomy_weights, scan, scheme, tta):
    volume, options = read_volume(scan), SegmentationOptions(tta=tta)
    there = load_weights(server=url_of(anatomy_standin, scheme)).networks(classify=False)
    here = LoadedWeights(anatomy_weights).networks(classify=False)
    found, expected = (diagnose(volume, networks, options=options) for networks in (there, here))
    np.testing.assert_array_equal(found.mask, expected.mask)
    np.testing.assert_allclose(found.segmentation.probability, expected.segmentation.probability, atol=1e-4)
    assert without_server(found) == without_server(expected)
    assert [model.name for model in found.models] == ["anatomy", "segmenter"]
    assert found.models[0].served == f"version 1 at {url_of(anatomy_standin, scheme)}, float32"
    assert expected.mask[3, 20, COLUMN]
    assert not expected.mask[:, :, : COLUMN - 10].any()
    whole = diagnose(volume, dataclasses.replace(here, anatomy=None), options=options)
    assert whole.mask[3, 20, 6], "what is bright in front is marked on whole slices"


@pytest.mark.slow
def test_commands_write_the_same_here_and_there(anatomy_standin, anatomy_weights, scan, tmp_path):
    ways = {"far": ("--server", url_of(anatomy_standin, "grpc")), "near": ("--weights", str(anatomy_weights))}
    for name, way in ways.items():
        for command in ("segment", "classify"):
            done = CliRunner().invoke(main, [command, str(scan), *way, "-o", str(tmp_path / command / name)])
            assert done.exit_code == 0, done.output
            assert MISSING not in done.output
    for command in ("segment", "classify"):
        masks = [nib.load(tmp_path / command / name / "scan_lesion.nii.gz").get_fdata() for name in ways]
        np.testing.assert_array_equal(*masks)
        assert masks[0].any()
        records = [json.loads((tmp_path / command / name / "scan_lesion.json").read_text()) for name in ways]
        assert records[0]["spine"] == records[1]["spine"]
        assert records[0]["spine"]["found"]


@pytest.mark.slow
def test_predictions_of_a_cohort_are_keyed_by_it(anatomy_standin, anatomy_weights):
    weights = load_weights(anatomy_weights, server=url_of(anatomy_standin, "grpc"))
    assert weights.checkpoints() == LoadedWeights(anatomy_weights).checkpoints()
    assert list(weights.served()) == ["segmenter", "anatomy", *tree().task_names]


@pytest.mark.slow
def test_a_server_without_the_network_is_a_warning_or_with_such_weights_an_error(
    standin, anatomy_weights, scan, tmp_path
):
    server = ("--server", url_of(standin, "grpc"))
    done = CliRunner().invoke(main, ["segment", str(scan), *server, "-o", str(tmp_path / "whole")])
    assert done.exit_code == 0, done.output
    assert done.output.count(f"  warning: {url_of(standin, 'grpc')}: {MISSING}") == 1
    mask = nib.load(tmp_path / "whole" / "scan_lesion.nii.gz").get_fdata()
    done = CliRunner().invoke(main, ["segment", str(scan), "--weights", str(anatomy_weights), "-o", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert np.count_nonzero(mask) > np.count_nonzero(nib.load(tmp_path / "scan_lesion.nii.gz").get_fdata()) > 0
    asked = ("segment", str(scan), *server, "--weights", str(anatomy_weights), "-o", str(tmp_path / "other"))
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 6
    assert "the server has no model called anatomy; see spinal-tf export for making it" in done.stderr
    assert "anatomy" in read_manifest(anatomy_weights)
