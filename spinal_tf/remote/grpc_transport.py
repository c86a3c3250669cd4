"""Requests over gRPC, without TensorFlow and the generated classes of tensorflow-serving-api."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from spinal_tf.errors import RequirementError
from spinal_tf.remote.server import Server
from spinal_tf.remote.server_failures import LARGEST_MESSAGE_BYTES, Kind, RequestFailure, kind_of_lost_connection
from spinal_tf.remote.tls import tls_context
from spinal_tf.remote.transport import STATES, Arrays
from spinal_tf.serving.messages import Message, array_of, message_class, model_request, predict_request

PREDICTION, MODEL = "/tensorflow.serving.PredictionService", "/tensorflow.serving.ModelService"

OPTIONS = (
    ("grpc.max_send_message_length", LARGEST_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
    ("grpc.enable_http_proxy", 0),  # send requests only to the named server
    ("grpc.enable_retries", 0),  # Connection alone decides about retries
)

KINDS = {
    "DEADLINE_EXCEEDED": Kind.TIMEOUT,
    "NOT_FOUND": Kind.MISSING,
    "UNAUTHENTICATED": Kind.DENIED,
    "PERMISSION_DENIED": Kind.DENIED,
    "INVALID_ARGUMENT": Kind.INVALID,
    "FAILED_PRECONDITION": Kind.INVALID,
    "RESOURCE_EXHAUSTED": Kind.TOO_LARGE,
}


class GrpcTransport:
    """gRPC implementation of `spinal_tf.remote.transport.Transport`."""

    def __init__(self, server: Server) -> None:
        """Open a channel without sending anything.

        Raises:
            RequirementError: grpcio is not installed.
            ServerError: see `tls_context`.
        """
        if importlib.util.find_spec("grpc") is None:
            raise RequirementError(
                f"{server}: gRPC needs grpcio; install with: pip install 'spinal-tf[grpc]', or name the http:// port"
            )
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # errors are reported as one sentence instead
        import grpc

        self._failure = grpc.RpcError
        self._timeout_s = server.timeout_s
        self._metadata = () if server.token is None else (("authorization", f"Bearer {server.token}"),)
        if server.encrypted:
            tls_context(server)
            shown = server.identity
            key, certificate = (shown.key.read_bytes(), shown.certificate.read_bytes()) if shown else (None, None)
            credentials = grpc.ssl_channel_credentials(server.authorities, key, certificate)
            self._channel = grpc.secure_channel(server.target, credentials, options=OPTIONS)
        else:
            self._channel = grpc.insecure_channel(server.target, options=OPTIONS)

    def versions(self, model: str) -> dict[int, str]:
        """Return the state of every version of a model that the server knows."""
        request = model_request("GetModelStatusRequest", model, None)
        response = self._call(f"{MODEL}/GetModelStatus", request, "GetModelStatusResponse")
        return {status.version: STATES.get(status.state, "UNKNOWN") for status in response.model_version_status}

    def signatures(self, model: str, version: int) -> dict[str, tuple[str, ...]]:
        """Return the names of a version's signatures, each with the names of its inputs."""
        request = model_request("GetModelMetadataRequest", model, version)
        request.metadata_field.append("signature_def")
        response = self._call(f"{PREDICTION}/GetModelMetadata", request, "GetModelMetadataResponse")
        packed = [entry.value.value for entry in response.metadata if entry.key == "signature_def"]
        with _unusable():
            signatures = message_class("SignatureDefMap").FromString(b"".join(packed)).signature_def
        return {entry.key: tuple(sorted(given.key for given in entry.value.inputs)) for entry in signatures}

    def predict(
        self, model: str, version: int, signature: str, inputs: Arrays, outputs: tuple[str, ...]
    ) -> dict[str, np.ndarray]:
        """Return the outputs of a signature."""
        request = predict_request(inputs, model=model, signature=signature, version=version)
        request.output_filter.extend(outputs)
        response = self._call(f"{PREDICTION}/Predict", request, "PredictResponse")
        with _unusable():
            return {entry.key: array_of(entry.value) for entry in response.outputs}

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _call(self, method: str, request: Message, answer: str) -> Message:
        call = self._channel.unary_unary(
            method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_class(answer).FromString,
        )
        try:
            return call(request, timeout=self._timeout_s, metadata=self._metadata)
        except self._failure as error:
            raise _failure(error) from error


def _failure(error: Any) -> RequestFailure:  # noqa: ANN401 - grpc.RpcError lacks the methods of raised errors
    code, detail = error.code().name, error.details() or ""
    if code == "UNAVAILABLE":
        return RequestFailure(kind_of_lost_connection(detail), detail)
    return RequestFailure(KINDS.get(code, Kind.UNUSABLE), f"{code}: {detail}")


@contextmanager
def _unusable() -> Iterator[None]:
    from google.protobuf.message import DecodeError

    try:
        yield
    except (ValueError, DecodeError) as error:
        raise RequestFailure(Kind.UNUSABLE, str(error)) from error
