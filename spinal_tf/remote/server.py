"""Address of a server, and settings of its connection."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from spinal_tf.errors import ServerError

Scheme = Literal["grpc", "grpcs", "http", "https"]

TIMEOUT_S = 120.0
"""Timeout of one request of a few slices, which may have to wait for others on a server with few cores."""

TOKEN = re.compile(r"[\x21-\x7e]+")
"""Characters allowed in a header: no blanks and no line breaks."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Client certificate for a server that asks for one.

    Attributes:
        certificate: PEM file of the certificate and its intermediate certificates, if any.
        key: PEM file of its private key, without a password.
    """

    certificate: Path
    key: Path


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server, and settings of its connection.

    Attributes:
        scheme: scheme of the address; schemes that end in s are encrypted.
        host: name or address.
        port: port of gRPC or REST, depending on the scheme.
        path: path before ``/v1`` if a proxy serves REST below one; empty otherwise.
        token: bearer token sent with every request; never shown.
        authorities: PEM certificates to trust instead of the system's.
        identity: client certificate, if the server asks for one.
        timeout_s: timeout of one request.
        versions: version to use by model; for other models, the highest available one.

    Raises:
        ServerError: the token is invalid or would be sent unencrypted, or certificates are given without TLS.
    """

    scheme: Scheme
    host: str
    port: int
    path: str = ""
    token: str | None = field(default=None, repr=False)
    authorities: bytes | None = field(default=None, repr=False)
    identity: Identity | None = None
    timeout_s: float = TIMEOUT_S
    versions: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse an invalid or unprotected token, and certificates that would not be used."""
        if self.token is not None and not TOKEN.fullmatch(self.token):
            raise ServerError(f"{self}: the token is empty or contains a blank; write only the token into its file")
        if self.token is not None and not self.encrypted and not _is_this_machine(self.host):
            raise ServerError(f"{self}: a token is sent only over encrypted connections; use {self.scheme}s://")
        if (self.authorities or self.identity) and not self.encrypted:
            raise ServerError(f"{self}: certificates need an encrypted connection; use {self.scheme}s://")

    @property
    def encrypted(self) -> bool:
        """Whether the connection uses TLS."""
        return self.scheme.endswith("s")

    @property
    def target(self) -> str:
        """Host and port as written in an address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        """Return the address, for messages and records."""
        return f"{self.scheme}://{self.target}{self.path}"


def parse_address(url: str) -> tuple[Scheme, str, int, str]:
    """Return scheme, host, port and path of an address.

    Raises:
        ValueError: the address is invalid; the message tells the user how to write it.
    """
    parts = urlsplit(url)
    known = get_args(Scheme)
    if parts.scheme not in known:
        raise ValueError(f"begin it with one of {', '.join(f'{scheme}://' for scheme in known)}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it must not contain a user or password")
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"write it as {parts.scheme}://HOST:PORT") from error
    if not host or not port or parts.query or parts.fragment:
        raise ValueError(f"write it as {parts.scheme}://HOST:PORT; usual ports are 8500 for gRPC and 8501 for REST")
    scheme: Scheme = next(item for item in known if item == parts.scheme)
    path = parts.path.rstrip("/")
    if path and scheme.startswith("grpc"):
        raise ValueError("a gRPC server has no path")
    return scheme, host, port, path


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
