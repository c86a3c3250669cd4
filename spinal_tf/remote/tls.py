"""Encryption: whom to trust, and what this machine shows of itself."""

from __future__ import annotations

import ssl

from spinal_tf.errors import ServerError
from spinal_tf.remote.server import Identity, Server


def tls_context(server: Server) -> ssl.SSLContext:
    """What a server is encrypted with; made for gRPC too, which tells too late and in no words what a file lacks.

    Raises:
        ServerError: the certificates to trust are none, or the one to show has no key that belongs to it.
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
        # Without a password nobody is asked for one.
        context.load_cert_chain(identity.certificate, identity.key, password="")
    except OSError as error:  # of which ssl.SSLError is one
        raise ServerError(
            f"{source}: {identity.certificate} and {identity.key} are not a matching certificate and private key "
            f"without password, in PEM form ({error.strerror}); name others with --server-cert and --server-key"
        ) from error
