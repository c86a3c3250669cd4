"""TLS: trusted certificates, and the client certificate of this machine."""

from __future__ import annotations

import ssl

from spinal_tf.errors import ServerError
from spinal_tf.remote.server import Identity, Server


def tls_context(server: Server) -> ssl.SSLContext:
    """Return the TLS context of a server. gRPC needs only its checks, because it reports bad files late and vaguely.

    Raises:
        ServerError: the certificates to trust are invalid, or the client certificate and key do not match.
    """
    try:
        trusted = None if server.authorities is None else server.authorities.decode("ascii")
        context = ssl.create_default_context(cadata=trusted)
    except (ssl.SSLError, UnicodeDecodeError) as error:
        raise ServerError(f"{server}: the file that --server-ca names holds no certificates in PEM form") from error
    if server.identity is not None:
        _show(server.identity, context, source=str(server))
    return context


def _show(identity: Identity, context: ssl.SSLContext, *, source: str) -> None:
    try:
        # An empty password prevents a prompt for one.
        context.load_cert_chain(identity.certificate, identity.key, password="")
    except OSError as error:  # includes ssl.SSLError
        raise ServerError(
            f"{source}: {identity.certificate} and {identity.key} are not a matching certificate and private key "
            f"without password, in PEM form ({error.strerror}); name others with --server-cert and --server-key"
        ) from error
