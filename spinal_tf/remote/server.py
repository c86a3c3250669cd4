"""Where a server is, and how it is to be asked."""

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
"""For one request of a few slices; a server on a few cores may have others waiting before it."""

TOKEN = re.compile(r"[\x21-\x7e]+")
"""What may stand in a header: no blank, no line break."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What this machine shows a server that asks who it is.

    Attributes:
        certificate: PEM file of it, and of those between it and who signed it, if any.
        key: PEM file of its private key, without a password.
    """

    certificate: Path
    key: Path


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server, and how it is to be asked.

    Attributes:
        scheme: of the address; those that end in s are encrypted.
        host: name or address.
        port: of gRPC or of REST, as the scheme says.
        path: before ``/v1``, where a proxy serves REST below one; empty otherwise.
        token: sent with every request as a bearer's; never shown.
        authorities: PEM certificates to trust instead of the usual ones.
        identity: to show the server, where it asks for one.
        timeout_s: for one request.
        versions: to ask for, by model; of other models the highest that is available.

    Raises:
        ServerError: the token cannot be sent, or would be readable on its way; or there are certificates and no TLS.
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
        """Refuse to show a token to the network, and to leave certificates unused."""
        if self.token is not None and not TOKEN.fullmatch(self.token):
            raise ServerError(f"{self}: the token is empty or contains a blank; write only the token into its file")
        if self.token is not None and not self.encrypted and not _is_this_machine(self.host):
            raise ServerError(f"{self}: a token is sent only over encrypted connections; use {self.scheme}s://")
        if (self.authorities or self.identity) and not self.encrypted:
            raise ServerError(f"{self}: certificates need an encrypted connection; use {self.scheme}s://")

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken."""
        return self.scheme.endswith("s")

    @property
    def target(self) -> str:
        """Host and port as they stand in an address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        """The address, for messages and records."""
        return f"{self.scheme}://{self.target}{self.path}"


def parse_address(url: str) -> tuple[Scheme, str, int, str]:
    """Scheme, host, port and path of an address.

    Raises:
        ValueError: it is not one of a server, said in words for whoever wrote it.
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
