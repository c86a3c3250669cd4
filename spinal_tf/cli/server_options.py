"""Options of a server connection, and the `Server` made from them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from spinal_tf.cli.field_options import field_options, filled, with_options
from spinal_tf.cli.options import device_option, refuse_options
from spinal_tf.option_fields import POSITIVE, Options, option
from spinal_tf.remote.server import TIMEOUT_S, Identity, Server, parse_address

Function = TypeVar("Function", bound=Callable[..., Any])

TOKEN_VARIABLE = "SPINAL_TF_SERVER_TOKEN"  # noqa: S105 - the name of a variable


def _versions(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    versions = {}
    for value in values:
        name, _, number = value.partition("=")
        if not (name and number.isascii() and number.isdigit()):
            raise click.BadParameter("write MODEL=NUMBER, such as segmenter=3", ctx, parameter)
        versions[name] = int(number)
    return versions


FILE = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True, kw_only=True)
class HowToAsk(Options):
    """How to ask a server: token, certificates, timeout and versions."""

    token_file: Path | None = option(
        None,
        f"File with a token for the server. Default: ${TOKEN_VARIABLE}, then none.",
        flag="--server-token",
        type=FILE,
        metavar="FILE",
    )
    authorities_file: Path | None = option(
        None,
        "Certificates to trust for the server, as PEM. Default: the system's.",
        flag="--server-ca",
        type=FILE,
        metavar="FILE",
    )
    certificate_file: Path | None = option(
        None,
        "Client certificate for a server that asks for one, as PEM; needs --server-key.",
        flag="--server-cert",
        type=FILE,
        metavar="FILE",
    )
    key_file: Path | None = option(
        None,
        "Private key of --server-cert, as PEM without a password.",
        flag="--server-key",
        type=FILE,
        metavar="FILE",
    )
    timeout_s: float = option(
        TIMEOUT_S, "Timeout of one request.", POSITIVE, flag="--server-timeout", metavar="SECONDS"
    )
    versions: Mapping[str, int] = option(
        dict,
        "Version of a model to use; may be repeated. Default: the highest available.",
        flag="--server-version",
        type=str,
        multiple=True,
        callback=_versions,
        metavar="MODEL=NUMBER",
    )


address_option = click.option(
    "--server",
    "url",
    metavar="URL",
    help="Run the networks on a TensorFlow Serving server: grpc://HOST:8500 or http://HOST:8501, encrypted as grpcs:// "
    "or https://. Sends prepared slices, without name or header. Without this option nothing is sent anywhere. "
    "With --weights the server must have the same weights.",
)
how_to_ask = with_options(*field_options(HowToAsk))
NAMES = tuple(one.name for one in fields(HowToAsk))


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


def read_server(url: str, **given: Any) -> Server:  # noqa: ANN401 - the options of `HowToAsk`
    """Return the server that the options describe.

    Raises:
        click.UsageError: the address is invalid, or a file is missing or cannot be read.
        ServerError: the token is invalid or would be sent unencrypted, or certificates are given without TLS.
    """
    how = filled(HowToAsk, given)
    try:
        scheme, host, port, path = parse_address(url)
    except ValueError as error:
        raise click.UsageError(f"the address of the server: {error}") from error
    identity = None
    if how.certificate_file and how.key_file:
        identity = Identity(certificate=how.certificate_file, key=how.key_file)
    elif how.certificate_file or how.key_file:
        raise click.UsageError("--server-cert and --server-key belong together; give both")
    written = _read(how.token_file)
    token = os.environ.get(TOKEN_VARIABLE) if written is None else written.decode("utf-8", "replace")
    return Server(
        scheme=scheme,
        host=host,
        port=port,
        path=path,
        token=None if token is None else token.strip(),
        authorities=_read(how.authorities_file),
        identity=identity,
        timeout_s=how.timeout_s,
        versions=how.versions,
    )


def _read(path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{path}: cannot be read ({error.strerror})") from error
