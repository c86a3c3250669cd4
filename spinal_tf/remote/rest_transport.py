"""Asking over HTTP, with the standard library alone: https://www.tensorflow.org/tfx/serving/api_rest."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from typing import Any
from urllib.parse import quote

import numpy as np

from spinal_tf.remote.server import Server
from spinal_tf.remote.server_failures import LARGEST_MESSAGE_BYTES, Kind, RequestFailure
from spinal_tf.remote.tls import tls_context
from spinal_tf.remote.transport import Arrays

KINDS = {
    400: Kind.INVALID,
    401: Kind.DENIED,
    403: Kind.DENIED,
    404: Kind.MISSING,
    412: Kind.INVALID,
    413: Kind.TOO_LARGE,
    429: Kind.UNAVAILABLE,
    502: Kind.UNAVAILABLE,
    503: Kind.UNAVAILABLE,
    504: Kind.TIMEOUT,
}


class RestTransport:
    """See `spinal_tf.remote.transport.Transport`. Proxies named in the environment are not used."""

    def __init__(self, server: Server) -> None:
        """Get ready; nothing is sent yet.

        Raises:
            ServerError: see `tls_context`.
        """
        self._server, self._own = server, threading.local()
        self._tls = tls_context(server) if server.encrypted else None

    def versions(self, model: str) -> dict[int, str]:
        """State of every version of a model that the server knows."""
        record = self._ask("GET", f"/v1/models/{quote(model, safe='')}")
        try:
            return {int(status["version"]): str(status["state"]) for status in record["model_version_status"]}
        except (KeyError, TypeError, ValueError) as error:
            raise RequestFailure(Kind.UNUSABLE, "a status without versions") from error

    def signatures(self, model: str, version: int) -> dict[str, tuple[str, ...]]:
        """Names of a version's signatures, each with the names of its inputs."""
        record = self._ask("GET", f"{_path(model, version)}/metadata")
        try:
            signatures = record["metadata"]["signature_def"]["signature_def"]
            return {name: tuple(sorted(one.get("inputs", ()))) for name, one in signatures.items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise RequestFailure(Kind.UNUSABLE, "metadata without signatures") from error

    def predict(
        self, model: str, version: int, signature: str, inputs: Arrays, outputs: tuple[str, ...]
    ) -> dict[str, np.ndarray]:
        """What a signature gives; numbers as float64, or int64 where all are whole."""
        given = {name: value.tolist() for name, value in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": given}).encode()
        if len(body) > LARGEST_MESSAGE_BYTES:
            raise RequestFailure(Kind.TOO_LARGE, f"{len(body)} bytes to send")
        record = self._ask("POST", f"{_path(model, version)}:predict", body)
        try:
            found = record["outputs"]
            # All that the signature has; a single one comes without its name.
            named = found if isinstance(found, dict) else {outputs[0]: found}
            return {name: _array(named[name]) for name in outputs}
        except (KeyError, TypeError, ValueError) as error:
            raise RequestFailure(Kind.UNUSABLE, f"an answer without {', '.join(outputs)}") from error

    def close(self) -> None:
        """End this thread's connection; those of other threads end with them."""
        connection = getattr(self._own, "connection", None)
        if connection is not None:
            connection.close()

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401 - any JSON
        try:
            status, data = self._exchange(method, path, body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise RequestFailure(_kind(error), _words(error)) from error
        if len(data) > LARGEST_MESSAGE_BYTES:
            raise RequestFailure(Kind.TOO_LARGE, "a longer answer")
        if status != http.client.OK:
            raise RequestFailure(KINDS.get(status, Kind.UNUSABLE), f"HTTP {status}: {_reason(data)}")
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise RequestFailure(Kind.UNUSABLE, "no JSON") from error

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        connection = self._connection()
        headers = {"Content-Type": "application/json"}
        if self._server.token is not None:
            headers["Authorization"] = f"Bearer {self._server.token}"
        connection.request(method, self._server.path + path, body=body, headers=headers)
        response = connection.getresponse()
        data = response.read(LARGEST_MESSAGE_BYTES + 1)
        if len(data) > LARGEST_MESSAGE_BYTES:
            self.close()  # the rest of the answer is not wanted
        return response.status, data

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._own, "connection"):
            host, port, timeout_s = self._server.host, self._server.port, self._server.timeout_s
            self._own.connection = (
                http.client.HTTPConnection(host, port, timeout=timeout_s)
                if self._tls is None
                else http.client.HTTPSConnection(host, port, timeout=timeout_s, context=self._tls)
            )
        connection: http.client.HTTPConnection = self._own.connection
        return connection


def _kind(error: OSError | http.client.HTTPException) -> Kind:
    if isinstance(error, ssl.SSLError):
        return Kind.TLS
    if isinstance(error, TimeoutError):
        return Kind.TIMEOUT
    return Kind.UNAVAILABLE if isinstance(error, OSError) else Kind.UNUSABLE


def _words(error: OSError | http.client.HTTPException) -> str:
    return str(error) if isinstance(error, OSError) else "not HTTP"


def _path(model: str, version: int) -> str:
    return f"/v1/models/{quote(model, safe='')}/versions/{version}"


def _reason(data: bytes) -> str:
    try:
        return str(json.loads(data)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "no reason given"  # a proxy's page, which is of no use in one sentence


def _array(value: Any) -> np.ndarray:  # noqa: ANN401 - any JSON
    array = np.asarray(value)
    if array.dtype.kind == "U":
        return np.array([*(word.encode() for word in array.ravel().tolist()), None], object)[:-1].reshape(array.shape)
    if array.dtype.kind not in "biuf":
        raise ValueError("neither numbers nor words")
    return array
