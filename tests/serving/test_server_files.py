"""What stands beside the graphs: versions, warm-up, sums, server files; none of it needs a network."""

from __future__ import annotations

import hashlib
import json
import re

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from together import run_together

from spinal_tf.errors import OutputError
from spinal_tf.serving import messages, versions
from spinal_tf.serving.saved_model import EXTRA, SUMS, WARM_UP, write_extra, write_sums, write_warm_up
from spinal_tf.serving.segmenter_graph import PROBABILITY
from spinal_tf.serving.server_files import (
    BATCHING,
    BATCHING_CONFIG,
    COMPOSE,
    DOCKER,
    MODELS_CONFIG,
    MODELS_START,
    with_model,
    write_server_files,
)
from spinal_tf.serving.signature import SLICE_MM, SLICES, SPACING_MM, Signature
from spinal_tf.serving.versions import new_version, next_version

model_server_config_pb2 = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
prediction_log_pb2 = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")

SAMPLE = {
    "slices": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "spacing_mm": np.array([0.7, 0.8]),
    "mask": np.ones((2, 3, 4), np.uint8),
    "slice_mm": np.array(3.3),
}


@pytest.fixture
def signature():
    return Signature(
        name="serving_default",
        meaning="A test.",
        inputs=(SLICES, SPACING_MM, SLICE_MM),
        outputs=(PROBABILITY,),
        function=lambda slices, spacing_mm, slice_mm: {"probability": slices},
        sample={name: SAMPLE[name] for name in ("slices", "spacing_mm", "slice_mm")},
    )


def test_the_first_version_is_one_and_the_next_is_above_the_highest(tmp_path):
    assert next_version(tmp_path / "segmenter") == 1
    for name in ("2", "11", "notes", ".spinal-tf-3"):
        (tmp_path / "segmenter" / name).mkdir(parents=True)
    assert next_version(tmp_path / "segmenter") == 12


def test_a_version_appears_whole_when_the_block_ends_well(tmp_path):
    with new_version(tmp_path / "models", "segmenter", None) as (temporary, target):
        (temporary / "variables").mkdir()
        (temporary / "variables" / "data").write_bytes(b"x")
        assert not target.exists()
    assert target == tmp_path / "models" / "segmenter" / "1"
    assert [path.name for path in target.parent.iterdir()] == ["1"]
    assert (target / "variables" / "data").read_bytes() == b"x"


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_when_the_block_does_not_end_well(tmp_path, failure):
    def fail(temporary):
        (temporary / "half").write_bytes(b"x")
        raise failure

    with pytest.raises(failure), new_version(tmp_path, "segmenter", None) as (temporary, _):
        fail(temporary)
    assert list((tmp_path / "segmenter").iterdir()) == []


def test_an_existing_version_is_refused_and_kept(tmp_path):
    (tmp_path / "segmenter" / "3").mkdir(parents=True)
    (tmp_path / "segmenter" / "3" / "saved_model.pb").write_bytes(b"old")
    with pytest.raises(OutputError, match=r"segmenter/3: this version exists and was kept; leave out --version"):
        new_version(tmp_path, "segmenter", 3).__enter__()
    assert (tmp_path / "segmenter" / "3" / "saved_model.pb").read_bytes() == b"old"


def test_a_version_that_another_export_wrote_meanwhile_is_kept(tmp_path):
    begun = new_version(tmp_path, "m", None)
    _, target = begun.__enter__()
    target.mkdir()
    (target / "theirs").touch()
    with pytest.raises(OutputError, match="exists and was kept"):
        begun.__exit__(None, None, None)
    assert [path.name for path in target.iterdir()] == ["theirs"]


EXPORTER = """
import sys
from pathlib import Path
from spinal_tf.serving.server_files import write_server_files
from spinal_tf.serving.versions import new_version

models, me = Path(sys.argv[1]), sys.argv[2]
for _ in range(10):
    with new_version(models, "segmenter", None) as (temporary, target):
        (temporary / "number").write_text(target.name)
for number in range(20):
    write_server_files(models, f"{me}-{number}")
"""


def test_exports_of_several_processes_take_numbers_of_their_own_and_all_are_listed(tmp_path):
    ended = run_together(EXPORTER, *((tmp_path, me) for me in "abc"))
    assert [process.returncode for process in ended] == [0, 0, 0], ended
    written = sorted((tmp_path / "segmenter").iterdir(), key=lambda path: path.name.zfill(9))
    assert len(written) == 30
    assert [(path / "number").read_text() for path in written] == [path.name for path in written]
    config = text_format.Parse(
        (tmp_path / MODELS_CONFIG).read_text(), model_server_config_pb2.ModelServerConfig()
    ).model_config_list.config
    assert sorted(item.name for item in config) == sorted(f"{me}-{number}" for me in "abc" for number in range(20))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_version_that_another_export_is_writing_is_refused_at_once(tmp_path):
    with new_version(tmp_path, "m", 4) as (temporary, _):
        (temporary / "ours").touch()
        with pytest.raises(OutputError, match="m/4: another process is writing there"):
            new_version(tmp_path, "m", 4).__enter__()
        with new_version(tmp_path, "m", None) as (_, target):
            assert target.name == "1"
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["1", "4"]


def test_a_number_that_another_export_took_since_it_was_looked_for_is_not_taken(tmp_path, monkeypatch):
    (tmp_path / "m" / "1").mkdir(parents=True)
    monkeypatch.setattr(versions, "next_version", lambda folder: 1)
    with new_version(tmp_path, "m", None) as (_, target):
        assert target.name == "2"


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "models").touch()
    with pytest.raises(OutputError, match=r"models/segmenter/1: .*\); choose another folder"):
        new_version(tmp_path / "models", "segmenter", None).__enter__()


@pytest.mark.parametrize("name", SAMPLE)
def test_arrays_are_read_by_tensorflow_as_they_were(name):
    message = tf.make_tensor_proto(0)
    message.ParseFromString(messages.tensor(SAMPLE[name]).SerializeToString())
    read = tf.make_ndarray(message)
    np.testing.assert_array_equal(read, SAMPLE[name])
    assert (read.dtype, read.shape) == (SAMPLE[name].dtype, SAMPLE[name].shape)


def test_requests_are_read_by_the_genuine_class_with_no_field_unknown():
    ours = messages.predict_request(SAMPLE, model="pipeline", signature="with_mask", version=7)
    genuine = predict_pb2.PredictRequest.FromString(ours.SerializeToString())
    assert (genuine.model_spec.name, genuine.model_spec.signature_name) == ("pipeline", "with_mask")
    assert genuine.model_spec.version.value == 7
    assert set(genuine.inputs) == set(SAMPLE)
    genuine.DiscardUnknownFields()
    again = predict_pb2.PredictRequest.FromString(genuine.SerializeToString())
    for name, value in SAMPLE.items():
        np.testing.assert_array_equal(tf.make_ndarray(again.inputs[name]), value)


def test_warm_up_file_holds_one_genuine_prediction_log_for_each_signature(tmp_path, signature):
    write_warm_up(tmp_path, "segmenter", [signature])
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(tmp_path / EXTRA / WARM_UP))]
    [log] = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    assert log.WhichOneof("log_type") == "predict_log"
    request = log.predict_log.request
    assert (request.model_spec.name, request.model_spec.signature_name) == ("segmenter", "serving_default")
    assert set(request.inputs) == {"slices", "spacing_mm", "slice_mm"}
    for name, value in request.inputs.items():
        np.testing.assert_array_equal(tf.make_ndarray(value), SAMPLE[name])


def test_sums_cover_every_file_and_are_right(tmp_path, signature):
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_bytes(b"weights")
    write_extra(tmp_path, {"signatures": {"serving_default": signature.to_dict()}}, {"segmenter.md": "# card\n"})
    write_sums(tmp_path)
    lines = dict(reversed(line.split("  ")) for line in (tmp_path / EXTRA / SUMS).read_text().splitlines())
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert set(lines) == files - {f"{EXTRA}/{SUMS}"}
    assert lines["variables/data"] == hashlib.sha256(b"weights").hexdigest()
    description = json.loads((tmp_path / EXTRA / "signature.json").read_text())
    described = description["signatures"]["serving_default"]["inputs"]["slices"]
    assert (described["dtype"], described["shape"]) == ("float32", [-1, -1, -1])


def test_models_are_listed_once_each_for_the_genuine_server(tmp_path):
    for name in ("segmenter", "pipeline", "segmenter"):
        write_server_files(tmp_path, name)
    config = text_format.Parse(
        (tmp_path / MODELS_CONFIG).read_text(), model_server_config_pb2.ModelServerConfig()
    ).model_config_list.config
    assert [(item.name, item.base_path, item.model_platform) for item in config] == [
        ("segmenter", "/models/segmenter", "tensorflow"),
        ("pipeline", "/models/pipeline", "tensorflow"),
    ]


def test_what_a_person_changed_is_kept(tmp_path):
    write_server_files(tmp_path, "segmenter")
    (tmp_path / COMPOSE).write_text("mine")
    pinned = (
        (tmp_path / MODELS_CONFIG)
        .read_text()
        .replace(
            'model_platform: "tensorflow"',
            'model_platform: "tensorflow" model_version_policy { specific { versions: 1 } }',
        )
    )
    (tmp_path / MODELS_CONFIG).write_text(pinned)
    assert write_server_files(tmp_path, "pipeline") == [tmp_path / MODELS_CONFIG]
    assert (tmp_path / COMPOSE).read_text() == "mine"
    config = text_format.Parse((tmp_path / MODELS_CONFIG).read_text(), model_server_config_pb2.ModelServerConfig())
    assert [list(item.model_version_policy.specific.versions) for item in config.model_config_list.config] == [[1], []]


def test_a_list_that_is_none_is_refused():
    with pytest.raises(OutputError, match=r"models\.config: is not a list of models"):
        with_model("platform_configs {}", "segmenter", source="models.config")
    assert with_model(MODELS_START, "segmenter", source="models.config") is not None


def test_batching_has_only_fields_that_the_server_knows(tmp_path):
    write_server_files(tmp_path, "segmenter")
    text = (tmp_path / BATCHING_CONFIG).read_text()
    assert text == BATCHING
    # session_bundle_config.proto, message BatchingParameters; its class is not in tensorflow-serving-api
    known = {"max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads",
             "enable_large_batch_splitting", "max_execution_batch_size"}  # fmt: skip
    assert set(re.findall(r"^(\w+) \{ value: \w+ \}", text, re.MULTILINE)) == known


def test_compose_file_opens_ports_to_this_machine_only_and_joins_no_volumes():
    ports = re.findall(r'- "(.+:85\d\d)"', DOCKER)
    assert len(ports) == 4
    assert all(port.startswith("127.0.0.1:") for port in ports)
    volumes, tiles = DOCKER.split("\n  tiles:\n")
    assert "batching" not in volumes
    assert "--enable_batching=true" in tiles
    for file in (BATCHING_CONFIG, MODELS_CONFIG):
        assert f"/models/{file}" in tiles


@pytest.mark.parametrize("name", SAMPLE)
@pytest.mark.parametrize("as_bytes", [True, False])
def test_arrays_that_tensorflow_wrote_are_read_as_they_were(name, as_bytes):
    value = SAMPLE[name]
    genuine = tf.make_tensor_proto(value)
    if not as_bytes:  # as the server answers
        genuine.ClearField("tensor_content")
        field = messages.VALUE_FIELDS[value.dtype.name]
        genuine.ClearField(field)
        getattr(genuine, field).extend(value.ravel().tolist())
    ours = messages.message_class("Tensor").FromString(genuine.SerializeToString())
    read = messages.array_of(ours)
    np.testing.assert_array_equal(read, value)
    assert (read.dtype, read.shape) == (value.dtype, value.shape)


def test_strings_and_shortened_arrays_are_read():
    words = np.array([["a", "bc"], ["", "d"]])
    genuine = messages.message_class("Tensor").FromString(tf.make_tensor_proto(words).SerializeToString())
    assert messages.array_of(genuine).tolist() == [[b"a", b"bc"], [b"", b"d"]]
    short = messages.message_class("Tensor")(dtype=1, float_val=[1.0, 2.5])
    short.tensor_shape.dim.add(size=4)
    assert messages.array_of(short).tolist() == [1.0, 2.5, 2.5, 2.5]
    short.tensor_shape.dim.add(size=0)
    with pytest.raises(ValueError, match="reshape"):
        messages.array_of(short)
    with pytest.raises(ValueError, match="data type 99"):
        messages.array_of(messages.message_class("Tensor")(dtype=99))


def genuine_messages() -> dict[str, object]:
    from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2
    from tensorflow.core.protobuf import meta_graph_pb2
    from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2, predict_pb2, status_pb2

    modules = (
        model_pb2, predict_pb2, prediction_log_pb2, get_model_status_pb2, get_model_metadata_pb2, meta_graph_pb2,
    )  # fmt: skip
    found = {name: getattr(module, name) for module in modules for name in vars(module) if name in messages.MESSAGES}
    return {
        **found,
        "Tensor": tensor_pb2.TensorProto,
        "TensorShape": tensor_shape_pb2.TensorShapeProto,
        "Dim": tensor_shape_pb2.TensorShapeProto.Dim,
        "Status": status_pb2.StatusProto,
        "VersionStatus": get_model_status_pb2.ModelVersionStatus,
        "Any": __import__("google.protobuf.any_pb2", fromlist=["Any"]).Any,
    }


@pytest.mark.parametrize("name", [name for name in messages.MESSAGES if not name.endswith("Entry")])
def test_fields_have_the_numbers_and_the_kinds_of_the_genuine_ones(name):
    genuine = genuine_messages()[name].DESCRIPTOR.fields_by_name
    for field, (number, kind) in messages.MESSAGES[name].items():
        assert genuine[field].number == number
        assert genuine[field].is_repeated == kind.startswith("repeated ")
        base = kind.removeprefix("repeated ")
        kinds = {messages.TYPES[base]} if base in messages.TYPES else {genuine[field].TYPE_MESSAGE}
        assert genuine[field].type in kinds | ({genuine[field].TYPE_ENUM} if base == "int32" else set())
