"""A stand-in for the TensorFlow Serving binary, which the development machines cannot have: for tests and benchmarks.

It loads SavedModels with the session loader that the server uses, and answers behind the genuine PredictionService and
ModelService of tensorflow-serving-api over gRPC, and in the REST form over HTTP. Statuses and sentences of its own are
those of the server's source. It is not the server: it has no batching, no warm-up, no version policies, no Classify,
Regress or MultiInference, and it says nothing about the server's speed.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf.config_pb2 import CallableOptions
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

Arrays = Mapping[str, np.ndarray]

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
"""The server, too, sets the largest that gRPC can have."""

VALUE_FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "int32": "int_val",
    "uint8": "int_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "object": "string_val",
}
"""Where the server puts an answer's numbers unless it is told to write bytes (its kAsProtoField)."""

HTTP_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 412,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNAVAILABLE: 503,
}
PATH = re.compile(r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>\d+))?(?P<what>:predict|/metadata)?")

CODES = {code.value[0]: code for code in grpc.StatusCode}


class Refusal(Exception):  # noqa: N818 - an answer, not an error
    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Servable:
    """One version of a model, in a session of its own."""

    def __init__(self, folder: Path) -> None:
        self._graph = tf.Graph()
        with self._graph.as_default():
            self._session = tf.compat.v1.Session(graph=self._graph)
            loaded = tf.compat.v1.saved_model.loader.load(self._session, ["serve"], str(folder))
        self.signatures = dict(loaded.signature_def)
        self._callables: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Callable[..., Any]] = {}
        self._lock = threading.Lock()

    def run(self, name: str, inputs: Arrays, wanted: Sequence[str]) -> dict[str, np.ndarray]:
        """Run a signature; without wanted outputs, all of them."""
        signature = self.signatures.get(name)
        if signature is None:
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        if len(inputs) != len(signature.inputs):
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "input size does not match signature")
        for given, known, kind in ((inputs, signature.inputs, "input"), (wanted, signature.outputs, "output")):
            for alias in given:
                if alias not in known:
                    sentence = f"{kind} tensor alias not found in signature: {alias}"
                    raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, sentence)
        names = tuple(wanted) or tuple(signature.outputs)
        try:
            values = self._callable(name, tuple(inputs), names)(*inputs.values())
        except tf.errors.OpError as error:
            raise Refusal(CODES[error.error_code], error.message) from error
        # A single string comes as bytes, which would make an array without room for zeros at the end.
        arrays = [np.asarray(value, object if isinstance(value, bytes) else None) for value in values]
        return dict(zip(names, arrays, strict=True))

    def _callable(self, name: str, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Callable[..., Any]:
        # The C++ callable under the session, as the server calls it: nothing looks at shapes before the graph does.
        signature = self.signatures[name]
        with self._lock:
            if (name, inputs, outputs) not in self._callables:
                options = CallableOptions(
                    feed=[signature.inputs[alias].name for alias in inputs],
                    fetch=[signature.outputs[alias].name for alias in outputs],
                )
                self._callables[name, inputs, outputs] = self._session._make_callable_from_options(options)
            return self._callables[name, inputs, outputs]


class SavedModels:
    """All versions in a folder of models."""

    def __init__(self, models: Path) -> None:
        folders = [folder for folder in sorted(models.glob("*/*")) if (folder / "saved_model.pb").exists()]
        self._servables = {(folder.parent.name, int(folder.name)): Servable(folder) for folder in folders}

    def versions(self, name: str) -> list[int]:
        return sorted((version for model, version in self._servables if model == name), reverse=True)

    def signatures(self, name: str, version: int) -> Mapping[str, SignatureDef]:
        return self._servables[name, version].signatures

    def predict(self, name: str, version: int, signature: str, inputs: Arrays, wanted: Sequence[str]) -> Arrays:
        return self._servables[name, version].run(signature, inputs, wanted)


@dataclass(kw_only=True)
class StandIn:
    """A running stand-in.

    Attributes:
        models: `SavedModels`, or anything with its methods.
        token: that every request must bring.
        before: called before each prediction; may wait, or raise `Refusal`.
        asked: what was asked for, such as ``("predict", "segmenter", 1)``, in order.
        grpc: ``HOST:PORT``.
        rest: ``HOST:PORT``.
    """

    models: Any
    token: str | None = None
    before: Callable[[], None] = lambda: None
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    grpc: str = ""
    rest: str = ""

    def predict(self, name: str, version: int | None, signature: str, inputs: Arrays, wanted: Sequence[str]) -> Arrays:
        self.before()
        found = self.found("predict", name, version)
        return self.models.predict(name, found, signature or "serving_default", inputs, wanted)

    def found(self, what: str, name: str, version: int | None) -> int:
        """The version that is meant; noted down."""
        versions = self.models.versions(name)
        if not versions or version not in (None, *versions):
            asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise Refusal(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {asked}")
        self.asked.append((what, name, version or versions[0]))
        return version or versions[0]

    def states(self, name: str, version: int | None) -> get_model_status_pb2.GetModelStatusResponse:
        """Which versions there are; all of them are available."""
        versions = self.models.versions(name)
        if not versions or version not in (None, *versions):
            asked = name if version is None else f"{name} version {version}"
            raise Refusal(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {asked}")
        response = get_model_status_pb2.GetModelStatusResponse()
        for number in [version] if version else versions:
            response.model_version_status.add(version=number, state="AVAILABLE").status.SetInParent()
        return response

    def check_token(self, authorisation: str | None) -> None:
        """Refuse a request without the token, as a proxy in front of the server would."""
        if self.token is not None and authorisation != f"Bearer {self.token}":
            raise Refusal(grpc.StatusCode.UNAUTHENTICATED, "no valid token")


@contextmanager
def serve(
    models: Any, *, certificate: tuple[Path, Path] | None = None, clients: Path | None = None, **options: Any
) -> Iterator[StandIn]:
    """Answer on free ports of this machine until the block ends.

    Args:
        models: `SavedModels`, or anything with its methods.
        certificate: files of the private key and the certificate, for TLS on both ports.
        clients: file of who signs the certificates that clients must show.
        options: of `StandIn`.
    """
    standin = StandIn(models=models, **options)
    with _grpc_port(standin, certificate, clients) as first, _rest_port(standin, certificate, clients) as second:
        standin.grpc, standin.rest = f"localhost:{first}", f"localhost:{second}"
        yield standin


@contextmanager
def _grpc_port(standin: StandIn, certificate: tuple[Path, Path] | None, clients: Path | None) -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(4), options=UNLIMITED)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Predictions(standin), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(standin), server)
    if certificate is None:
        port = server.add_insecure_port("localhost:0")
    else:
        pair = tuple(path.read_bytes() for path in certificate)
        trusted = None if clients is None else clients.read_bytes()
        credentials = grpc.ssl_server_credentials([pair], trusted, require_client_auth=clients is not None)
        port = server.add_secure_port("localhost:0", credentials)
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=None).wait()


@contextmanager
def _refusals(standin: StandIn, context: grpc.ServicerContext) -> Iterator[None]:
    try:
        standin.check_token(dict(context.invocation_metadata()).get("authorization"))
        yield
    except Refusal as refusal:
        context.abort(refusal.code, refusal.message)


def _version(request: Any) -> int | None:
    return request.model_spec.version.value if request.model_spec.HasField("version") else None


class _Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, standin: StandIn) -> None:
        self._standin = standin

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the service's own name
        with _refusals(self._standin, context):
            spec = request.model_spec
            inputs = {name: _array(value) for name, value in request.inputs.items()}
            answer = self._standin.predict(
                spec.name, _version(request), spec.signature_name, inputs, list(request.output_filter)
            )
            response = predict_pb2.PredictResponse(model_spec=spec)
            for name, value in answer.items():
                response.outputs[name].CopyFrom(_tensor(value))
            return response

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        with _refusals(self._standin, context):
            return _metadata(self._standin, request.model_spec.name, _version(request))


class _Models(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, standin: StandIn) -> None:
        self._standin = standin

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        with _refusals(self._standin, context):
            return self._standin.states(request.model_spec.name, _version(request))


def _array(proto: tensor_pb2.TensorProto) -> np.ndarray:
    try:
        return tf.make_ndarray(proto)
    except (ValueError, TypeError) as error:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"tensor parsing error: {error}") from error


def _tensor(value: np.ndarray) -> tensor_pb2.TensorProto:
    shape = tf.TensorShape(value.shape).as_proto()
    proto = tensor_pb2.TensorProto(dtype=tf.as_dtype(value.dtype).as_datatype_enum, tensor_shape=shape)
    getattr(proto, VALUE_FIELDS[value.dtype.name]).extend(value.ravel().tolist())
    return proto


def _metadata(standin: StandIn, name: str, version: int | None) -> get_model_metadata_pb2.GetModelMetadataResponse:
    found = standin.found("metadata", name, version)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name, response.model_spec.version.value = name, found
    signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=standin.models.signatures(name, found))
    response.metadata["signature_def"].Pack(signatures)
    return response


@contextmanager
def _rest_port(standin: StandIn, certificate: tuple[Path, Path] | None, clients: Path | None) -> Iterator[int]:
    class Handler(_Handler):
        pass

    Handler.standin = standin
    server = ThreadingHTTPServer(("localhost", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate[1], certificate[0])
        if clients is not None:
            tls.verify_mode = ssl.CERT_REQUIRED
            tls.load_verify_locations(clients)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """The REST form: https://www.tensorflow.org/tfx/serving/api_rest."""

    protocol_version = "HTTP/1.1"
    standin: StandIn

    def do_GET(self) -> None:  # noqa: N802 - the library's own name
        self._answer(b"")

    def do_POST(self) -> None:  # noqa: N802
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, body: bytes) -> None:
        try:
            self.standin.check_token(self.headers["Authorization"])
            status, record = 200, self._record(body)
        except Refusal as refusal:
            status, record = HTTP_STATUS.get(refusal.code, 500), {"error": refusal.message}
        data = json.dumps(record).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _record(self, body: bytes) -> Any:
        match = PATH.fullmatch(self.path)
        if match is None or (match["what"] == ":predict") != (self.command == "POST"):
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"Malformed request: {self.command} {self.path}")
        name, version = match["name"], None if match["version"] is None else int(match["version"])
        if match["what"] is None:
            return json_format.MessageToDict(
                self.standin.states(name, version),
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )
        if match["what"] == "/metadata":
            return _metadata_record(self.standin, name, version)
        return _predicted(self.standin, name, version, body)


def _metadata_record(standin: StandIn, name: str, version: int | None) -> dict[str, Any]:
    found = standin.found("metadata", name, version)
    signatures = {
        key: json_format.MessageToDict(value, preserving_proto_field_name=True)
        for key, value in standin.models.signatures(name, found).items()
    }
    spec = {"name": name, "signature_name": "", "version": str(found)}
    return {"model_spec": spec, "metadata": {"signature_def": {"signature_def": signatures}}}


def _predicted(standin: StandIn, name: str, version: int | None, body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body)
        signature, columns = request.get("signature_name", "serving_default"), "inputs" in request
        given = request["inputs"] if columns else request["instances"]
    except (ValueError, AttributeError, KeyError) as error:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"JSON Parse error: {error}") from error
    found = standin.found("json", name, version)
    known = standin.models.signatures(name, found).get(signature, SignatureDef()).inputs
    if not columns:
        named = all(isinstance(row, dict) for row in given)
        given = {key: [row[key] if named else row for row in given] for key in (given[0] if named else known)}
    elif not isinstance(given, dict):
        given = {key: given for key in known}
    inputs = {key: _parsed(value, known[key].dtype) for key, value in given.items() if key in known}
    answer = standin.predict(name, version, signature, inputs, ())
    values = {key: _plain(value) for key, value in answer.items()}
    only = next(iter(values.values())) if len(values) == 1 else None
    if columns:
        return {"outputs": values if only is None else only}
    rows = only or [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return {"predictions": rows}


def _parsed(value: Any, dtype: int) -> np.ndarray:
    wanted = tf.as_dtype(dtype).as_numpy_dtype
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "Encountered list at unexpected size") from error
    if array.dtype.kind not in ("iu" if np.issubdtype(wanted, np.integer) else "iuf"):
        sentence = f"JSON Value: {array.ravel()[:1].tolist()} Type: {array.dtype} is not of expected type"
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, sentence)
    return array.astype(wanted)


def _plain(value: np.ndarray) -> Any:
    if value.dtype == object:
        return np.vectorize(bytes.decode, otypes=[object])(value).tolist()
    return value.tolist()
