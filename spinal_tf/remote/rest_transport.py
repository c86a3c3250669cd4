"""Requests over HTTP, see https://www.tensorflow.org/tfx/serving/api_rest."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import numpy as np
import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, ProtocolError, SSLError, TimeoutError

from spinal_tf.remote.server import Server
from spinal_tf.remote.server_failures import LARGEST_MESSAGE_BYTES, Kind, RequestFailure
from spinal_tf.remote.tls import tls_context
from spinal_tf.remote.transport import Arrays

OK = 200
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

CONNECTIONS = 16
"""Maximum number of connections kept open; further threads open and close their own."""


class RestTransport:
    """REST implementation of `spinal_tf.remote.transport.Transport`. It ignores proxies named in the environment."""

    def __init__(self, server: Server) -> None:
        """Prepare the connections without sending anything.

        Raises:
            ServerError: see `tls_context`.
        """
        self._url = str(server)
        headers = {"Content-Type": "application/json"}
        if server.token is not None:
            headers["Authorization"] = f"Bearer {server.token}"
        tls = tls_context(server) if server.encrypted else None
        # Connection retries failed requests itself; a redirect would show the token to another server.
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS, timeout=server.timeout_s, retries=False, ssl_context=tls, headers=headers
        )

    def versions(self, model: str) -> dict[int, str]:
        """Return the state of every version of a model that the server knows."""
        record = self._ask("GET", f"/v1/models/{quote(model, safe='')}")
        try:
            return {int(status["version"]): str(status["state"]) for status in record["model_version_status"]}
        except (KeyError, TypeError, ValueError) as error:
            raise RequestFailure(Kind.UNUSABLE, "a status without versions") from error

    def signatures(self, model: str, version: int) -> dict[str, tuple[str, ...]]:
        """Return the names of a version's signatures, each with the names of its inputs."""
        record = self._ask("GET", f"{_path(model, version)}/metadata")
        try:
            signatures = record["metadata"]["signature_def"]["signature_def"]
            return {name: tuple(sorted(one.get("inputs", ()))) for name, one in signatures.items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise RequestFailure(Kind.UNUSABLE, "metadata without signatures") from error

    def predict(
        self, model: str, version: int, signature: str, inputs: Arrays, outputs: tuple[str, ...]
    ) -> dict[str, np.ndarray]:
        """Return the outputs of a signature; numbers are float64, or int64 if all are whole."""
        given = {name: value.tolist() for name, value in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": given}).encode()
        if len(body) > LARGEST_MESSAGE_BYTES:
            raise RequestFailure(Kind.TOO_LARGE, f"{len(body)} bytes to send")
        record = self._ask("POST", f"{_path(model, version)}:predict", body)
        try:
            found = record["outputs"]
            # The answer has all outputs of the signature; a single output comes without its name.
            named = found if isinstance(found, dict) else {outputs[0]: found}
            return {name: _array(named[name]) for name in outputs}
        except (KeyError, TypeError, ValueError) as error:
            raise RequestFailure(Kind.UNUSABLE, f"an answer without {', '.join(outputs)}") from error

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401 - any JSON
        try:
            status, data = self._exchange(method, path, body)
        except HTTPError as error:
            raise _failure(error) from error
        if len(data) > LARGEST_MESSAGE_BYTES:
            raise RequestFailure(Kind.TOO_LARGE, "a longer answer")
        if status != OK:
            raise RequestFailure(KINDS.get(status, Kind.UNUSABLE), f"HTTP {status}: {_reason(data)}")
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise RequestFailure(Kind.UNUSABLE, "no JSON") from error

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        url = self._url + path
        response = self._pool.request(method, url, body=body, redirect=False, preload_content=False)
        try:
            # Without decoding, so that a small compressed answer cannot exceed the limit.
            data = response.read(LARGEST_MESSAGE_BYTES + 1, decode_content=False)
        except BaseException:
            response.close()
            raise
        if len(data) > LARGEST_MESSAGE_BYTES:
            response.close()  # discard the rest of the answer
        response.release_conn()
        return response.status, data


def _failure(error: HTTPError) -> RequestFailure:
    """Return the failure behind an error of urllib3, in the words of its cause."""
    cause = next((part for part in error.args if isinstance(part, Exception)), error.__cause__) or error
    if isinstance(error, SSLError):
        return RequestFailure(Kind.TLS, str(cause))
    # A refused connection is a TimeoutError for urllib3.
    if isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError):
        return RequestFailure(Kind.TIMEOUT, str(cause))
    if isinstance(error, ProtocolError) and not isinstance(cause, OSError):
        return RequestFailure(Kind.UNUSABLE, "not HTTP")
    return RequestFailure(Kind.UNAVAILABLE, str(cause))


def _path(model: str, version: int) -> str:
    return f"/v1/models/{quote(model, safe='')}/versions/{version}"


def _reason(data: bytes) -> str:
    try:
        return str(json.loads(data)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "no reason given"  # for example the HTML page of a proxy


def _array(value: Any) -> np.ndarray:  # noqa: ANN401 - any JSON
    array = np.asarray(value)
    if array.dtype.kind == "U":
        return np.array([*(word.encode() for word in array.ravel().tolist()), None], object)[:-1].reshape(array.shape)
    if array.dtype.kind not in "biuf":
        raise ValueError("neither numbers nor words")
    return array
