"""Options of a server connection, and the `Server` made from them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spinal_tf.cli.options import device_option, refuse_options

if TYPE_CHECKING:
    from spinal_tf.remote.server import Server

Function = TypeVar("Function", bound=Callable[..., Any])

TOKEN_VARIABLE = "SPINAL_TF_SERVER_TOKEN"  # noqa: S105 - the name of a variable

TIMEOUT_S = 120.0
"""Same value as in `spinal_tf.remote.server`, which ``--help`` does not import."""


def _versions(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    versions = {}
    for value in values:
        name, _, number = value.partition("=")
        if not (name and number.isascii() and number.isdigit()):
            raise click.BadParameter("write MODEL=NUMBER, such as segmenter=3", ctx, parameter)
        versions[name] = int(number)
    return versions


def _file() -> click.Path:
    return click.Path(path_type=Path, dir_okay=False)


address_option = click.option(
    "--server",
    "url",
    metavar="URL",
    help="Run the networks on a TensorFlow Serving server: grpc://HOST:8500 or http://HOST:8501, encrypted as grpcs:// "
    "or https://. Sends prepared slices, without name or header. Without this option nothing is sent anywhere. "
    "With --weights the server must have the same weights.",
)
NAMES = ("token_file", "authorities_file", "certificate_file", "key_file", "timeout_s", "versions")
HOW_TO_ASK = (
    click.option(
        "--server-token",
        "token_file",
        type=_file(),
        metavar="FILE",
        help=f"File with a token for the server. Default: ${TOKEN_VARIABLE}, then none.",
    ),
    click.option(
        "--server-ca",
        "authorities_file",
        type=_file(),
        metavar="FILE",
        help="Certificates to trust for the server, as PEM. Default: the system's.",
    ),
    click.option(
        "--server-cert",
        "certificate_file",
        type=_file(),
        metavar="FILE",
        help="Client certificate for a server that asks for one, as PEM; needs --server-key.",
    ),
    click.option(
        "--server-key",
        "key_file",
        type=_file(),
        metavar="FILE",
        help="Private key of --server-cert, as PEM without a password.",
    ),
    click.option(
        "--server-timeout",
        "timeout_s",
        type=click.FloatRange(0, min_open=True),
        default=TIMEOUT_S,
        show_default=True,
        metavar="SECONDS",
        help="Timeout of one request.",
    ),
    click.option(
        "--server-version",
        "versions",
        multiple=True,
        callback=_versions,
        metavar="MODEL=NUMBER",
        help="Version of a model to use; may be repeated. Default: the highest available.",
    ),
)


def how_to_ask(function: Function) -> Function:
    """Add options for token, certificates, timeout and versions; `read_server` takes their values."""
    for decorate in reversed(HOW_TO_ASK):
        function = decorate(function)
    return function


def server_options(function: Function) -> Function:
    """Add ``--server`` and its connection options; the command gets ``server``, a `Server` or None."""

    @wraps(function)
    def command(*, url: str | None, **given: Any) -> Any:  # noqa: ANN401 - the other options
        how = {name: given.pop(name) for name in NAMES}
        if url is None:
            refuse_options(how_to_ask, "says how to ask a server; add --server")
            return function(server=None, **given)
        refuse_options(device_option, "is for networks on this machine; --server runs them elsewhere")
        return function(server=read_server(url, **how), **given)

    decorated: Function = address_option(how_to_ask(command))  # type: ignore[assignment]
    return decorated


def read_server(
    url: str,
    *,
    token_file: Path | None,
    authorities_file: Path | None,
    certificate_file: Path | None,
    key_file: Path | None,
    timeout_s: float,
    versions: dict[str, int],
) -> Server:
    """Return the server that the options describe.

    Raises:
        click.UsageError: the address is invalid, or a file is missing or cannot be read.
        ServerError: the token is invalid or would be sent unencrypted, or certificates are given without TLS.
    """
    from spinal_tf.remote.server import Identity, Server, parse_address

    try:
        scheme, host, port, path = parse_address(url)
    except ValueError as error:
        raise click.UsageError(f"the address of the server: {error}") from error
    if (certificate_file is None) != (key_file is None):
        raise click.UsageError("--server-cert and --server-key belong together; give both")
    token = os.environ.get(TOKEN_VARIABLE) if token_file is None else _read(token_file).decode("utf-8", "replace")
    return Server(
        scheme=scheme,
        host=host,
        port=port,
        path=path,
        token=None if token is None else token.strip(),
        authorities=None if authorities_file is None else _read(authorities_file),
        identity=Identity(certificate=certificate_file, key=key_file) if certificate_file and key_file else None,
        timeout_s=timeout_s,
        versions=versions,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{path}: cannot be read ({error.strerror})") from error
