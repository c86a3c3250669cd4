"""Failures between client and server, in the same words for gRPC and HTTP."""

from __future__ import annotations

import re
from enum import Enum

from spinal_tf.errors import ServerError
from spinal_tf.remote.server import Server

LARGEST_MESSAGE_BYTES = 512 * 2**20
"""Largest message in either direction: the largest slice, 2,048 x 2,048, with its neighbors as JSON."""

OF_TLS = re.compile(r"\b(ssl|tls|certificate|handshake)", re.IGNORECASE)
LONGEST_DETAIL = 300

ASKS_WHO_IS_THERE = "; if it asks for a client certificate, give it with --server-cert and --server-key"
"""Advice if an encrypted connection fails: over gRPC, a server that misses a client certificate closes silently."""


class Kind(Enum):
    """Kind of failure; the value is the second half of the message."""

    UNAVAILABLE = (
        "cannot be reached or is overloaded ({detail}); check the address, and that the server runs and has room"
    )
    TIMEOUT = "gave no answer within {timeout_s:g} s; check its load, or raise --server-timeout"
    MISSING = "does not serve the requested model ({detail}); compare names and versions with spinal-tf serve-check"
    DENIED = "refuses to answer ({detail}); give a file with a valid token with --server-token"
    INVALID = "does not accept the request ({detail}); export the model again with this spinal-tf"
    TOO_LARGE = (
        "or a proxy in front of it refuses a message of this size ({detail}); let both accept messages of {largest} MiB"
    )
    TLS = (
        "does not offer a trusted encrypted connection ({detail}); "
        "check that its port uses TLS, and give the issuer of its certificate with --server-ca"
    )
    UNUSABLE = "gives an unusable answer ({detail}); check that this is the port of TensorFlow Serving"


class RequestFailure(Exception):  # noqa: N818 - it becomes an error after the last attempt
    """One failed attempt."""

    def __init__(self, kind: Kind, detail: str) -> None:
        """Store the kind, and the detail as the other side words it."""
        super().__init__(detail)
        self.kind, self.detail = kind, detail


def kind_of_lost_connection(detail: str) -> Kind:
    """Return `Kind.TLS` if encryption made a connection fail, so that a retry is useless; else `Kind.UNAVAILABLE`."""
    return Kind.TLS if OF_TLS.search(detail) else Kind.UNAVAILABLE


def server_error(server: Server, failure: RequestFailure) -> ServerError:
    """Return the error with a message for the user."""
    printable = "".join(letter if letter.isprintable() else " " for letter in failure.detail)
    detail = " ".join(printable.split())[:LONGEST_DETAIL] or "no reason given"
    if server.token:
        detail = detail.replace(server.token, "***")
    words = failure.kind.value.format(detail=detail, timeout_s=server.timeout_s, largest=LARGEST_MESSAGE_BYTES // 2**20)
    unmade = server.encrypted and failure.kind in (Kind.TLS, Kind.UNAVAILABLE)
    return ServerError(f"{server}: the server {words}{ASKS_WHO_IS_THERE if unmade else ''}")
