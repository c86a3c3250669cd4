"""How a server is asked: one small interface, and gRPC or HTTP behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from spinal_tf.remote.server import Server

Arrays = Mapping[str, np.ndarray]
"""By the names of a signature."""

AVAILABLE = "AVAILABLE"
STATES = {0: "UNKNOWN", 10: "START", 20: "LOADING", 30: AVAILABLE, 40: "UNLOADING", 50: "END"}
"""`ModelVersionStatus.State` of tensorflow_serving/apis/get_model_status.proto."""


class Transport(Protocol):
    """A way to ask. May be used by several threads; every method makes one attempt.

    Raises of all methods:
        RequestFailure: it failed.
    """

    def versions(self, model: str) -> dict[int, str]:
        """State of every version of a model that the server knows."""

    def signatures(self, model: str, version: int) -> dict[str, tuple[str, ...]]:
        """Names of a version's signatures, each with the names of its inputs."""

    def predict(
        self, model: str, version: int, signature: str, inputs: Arrays, outputs: tuple[str, ...]
    ) -> dict[str, np.ndarray]:
        """What a signature gives.

        Args:
            model: name on the server.
            version: of that model.
            signature: of that version.
            inputs: all that the signature has.
            outputs: all that the signature has, of which numbers come as they are and strings as objects.
        """

    def close(self) -> None:
        """End the connection."""


def open_transport(server: Server) -> Transport:
    """Get ready to ask a server; nothing is sent yet.

    Raises:
        RequirementError: gRPC is not installed.
        ServerError: a file of certificates cannot be used.
    """
    if server.scheme.startswith("grpc"):
        from spinal_tf.remote.grpc_transport import GrpcTransport

        return GrpcTransport(server)
    from spinal_tf.remote.rest_transport import RestTransport

    return RestTransport(server)
