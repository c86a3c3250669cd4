"""The stand-in for TensorFlow Serving answers genuine requests, and bad ones with a status and a sentence."""

from __future__ import annotations

import http.client
import json

import numpy as np
import pytest

from spinal_tf.serving.sample import sample_mask, sample_request, sample_volume
from spinal_tf.taxonomy import tree

pytestmark = pytest.mark.slow

grpc = pytest.importorskip("grpc")
apis = pytest.importorskip("tensorflow_serving.apis")

TASK = tree().tasks[0].name
WHOLE = sample_request(sample_volume())
SOUND = {
    "segmenter": {name: WHOLE[name] for name in ("slices", "spacing_mm", "slice_mm")},
    TASK: {name: WHOLE[name] for name in ("slices", "mask", "spacing_mm")},
}
SLICES = WHOLE["slices"]
BAD = {
    "wrong rank": ("segmenter", {"slices": SLICES[0]}, "slices must have three axes"),
    "NaN": ("segmenter", {"slices": np.where(sample_mask(), np.float32(np.nan), SLICES)}, "not finite numbers"),
    "constant volume": ("segmenter", {"slices": np.ones_like(SLICES)}, "slices has constant intensity"),
    "empty mask": (TASK, {"mask": np.zeros_like(WHOLE["mask"])}, "mask is empty"),
}


@pytest.fixture
def predict(standin):
    """The function that asks over gRPC with the genuine classes and returns the outputs."""
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    with grpc.insecure_channel(standin.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

        def ask(model, inputs, *, signature="serving_default", version=None, wanted=()):
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = model, signature
            if version:
                request.model_spec.version.value = version
            for name, value in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            request.output_filter.extend(wanted)
            outputs = stub.Predict(request, timeout=120).outputs
            return {name: tf.make_ndarray(value) for name, value in outputs.items()}

        yield ask


@pytest.fixture
def rest(standin):
    """The function that asks over HTTP and returns status and record."""

    def ask(method, path, record=None):
        connection = http.client.HTTPConnection(standin.rest, timeout=120)
        connection.request(method, path, body=None if record is None else json.dumps(record))
        response = connection.getresponse()
        answer = response.status, json.loads(response.read())
        connection.close()
        return answer

    return ask


def plain(inputs):
    return {name: value.tolist() for name, value in inputs.items()}


@pytest.fixture(scope="module")
def bright_is_lesion():
    """What the small segmenter must say: lesion where the drawn lesion is, or nearly so."""

    def check(probability):
        lesion = np.asarray(probability) > 0.5
        assert lesion.shape == SLICES.shape
        assert np.count_nonzero(lesion & sample_mask()) / np.count_nonzero(lesion | sample_mask()) > 0.8

    return check


def test_both_ways_give_the_same_numbers(predict, rest, bright_is_lesion):
    found = predict("segmenter", SOUND["segmenter"], wanted=["probability"])
    bright_is_lesion(found["probability"])
    status, record = rest("POST", "/v1/models/segmenter:predict", {"inputs": plain(SOUND["segmenter"])})
    assert status == 200
    np.testing.assert_array_equal(np.float32(record["outputs"]), found["probability"])


def test_several_outputs_come_by_name(rest):
    status, record = rest("POST", f"/v1/models/{TASK}/versions/1:predict", {"inputs": plain(SOUND[TASK])})
    assert status == 200
    assert set(record["outputs"]) == {"probability", "called", "tile_probability", "tile_slices"}
    assert record["outputs"]["called"] in tree().tasks[0].classes


def test_rows_are_answered_in_rows(rest):
    tiles = np.random.default_rng(0).random((2, 64, 64, 3))
    for instances in (tiles.tolist(), [{"tiles": tile.tolist()} for tile in tiles]):
        status, record = rest("POST", f"/v1/models/{TASK}:predict", {"signature_name": "tiles", "instances": instances})
        assert (status, len(record["predictions"])) == (200, 2)


@pytest.mark.parametrize("name", BAD)
def test_bad_requests_over_grpc_are_invalid_arguments_and_the_server_stays_up(predict, bright_is_lesion, name):
    model, wrong, sentence = BAD[name]
    with pytest.raises(grpc.RpcError) as refused:
        predict(model, {**SOUND[model], **wrong})
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert sentence in refused.value.details()
    bright_is_lesion(predict("segmenter", SOUND["segmenter"])["probability"])


@pytest.mark.parametrize("name", BAD)
def test_bad_requests_over_http_are_bad_requests_and_the_server_stays_up(rest, name):
    model, wrong, sentence = BAD[name]
    status, record = rest("POST", f"/v1/models/{model}:predict", {"inputs": plain({**SOUND[model], **wrong})})
    assert (status, list(record)) == (400, ["error"])
    assert sentence in record["error"]
    assert rest("GET", f"/v1/models/{model}")[0] == 200


def test_another_type_is_an_invalid_argument(predict, rest):
    with pytest.raises(grpc.RpcError) as refused:
        predict("segmenter", {**SOUND["segmenter"], "slices": SLICES.astype(np.float64)})
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "float" in refused.value.details()
    words = {"inputs": {"slices": [[["a"]]], "spacing_mm": [1, 1], "slice_mm": 3}}
    assert rest("POST", "/v1/models/segmenter:predict", words)[0] == 400


@pytest.mark.parametrize(
    ("model", "signature", "version", "inputs", "code", "sentence"),
    [
        ("none", "serving_default", None, SOUND["segmenter"], "NOT_FOUND", "Servable not found"),
        ("segmenter", "serving_default", 7, SOUND["segmenter"], "NOT_FOUND", "Specific(segmenter, 7)"),
        ("segmenter", "none", None, SOUND["segmenter"], "FAILED_PRECONDITION", '"none" not found'),
        ("segmenter", "serving_default", None, {"slices": SLICES}, "INVALID_ARGUMENT", "input size does not match"),
        ("segmenter", "tiles", None, {"slices": SLICES}, "INVALID_ARGUMENT", "alias not found in signature: slices"),
    ],
)
def test_what_is_not_served_is_named(predict, model, signature, version, inputs, code, sentence):
    with pytest.raises(grpc.RpcError) as refused:
        predict(model, inputs, signature=signature, version=version)
    assert refused.value.code() is grpc.StatusCode[code]
    assert sentence in refused.value.details()


def test_status_and_metadata_over_grpc(standin):
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_service_pb2_grpc,
        prediction_service_pb2_grpc,
    )

    with grpc.insecure_channel(standin.grpc) as channel:
        asked = get_model_status_pb2.GetModelStatusRequest()
        asked.model_spec.name = TASK
        [state] = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(asked).model_version_status
        assert (state.version, state.State.Name(state.state)) == (1, "AVAILABLE")
        wanted = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        wanted.model_spec.name = TASK
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata(wanted)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata["signature_def"].Unpack(signatures)
    assert {"serving_default", "with_t1c", "tiles"} <= set(signatures.signature_def)


def test_status_and_metadata_over_http(rest):
    status, record = rest("GET", "/v1/models/segmenter")
    [state] = record["model_version_status"]
    assert (status, state["version"], state["state"]) == (200, "1", "AVAILABLE")
    assert (state["status"]["error_code"], state["status"]["error_message"]) == ("OK", "")
    status, record = rest("GET", "/v1/models/segmenter/versions/1/metadata")
    slices = record["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]["slices"]
    assert (status, slices["dtype"]) == (200, "DT_FLOAT")
    assert rest("GET", "/v1/models/none")[0] == 404
    assert rest("GET", "/v2/models")[0] == 400
    assert rest("POST", "/v1/models/segmenter:predict", ["no record"])[0] == 400
