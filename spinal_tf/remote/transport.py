"""Interface for requests to a server over gRPC or HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from spinal_tf.remote.server import Server

Arrays = Mapping[str, np.ndarray]
"""Arrays by the input or output names of a signature."""

AVAILABLE = "AVAILABLE"
STATES = {0: "UNKNOWN", 10: "START", 20: "LOADING", 30: AVAILABLE, 40: "UNLOADING", 50: "END"}
"""`ModelVersionStatus.State` of tensorflow_serving/apis/get_model_status.proto."""


class Transport(Protocol):
    """Sends requests to a server. Several threads may use it; every method makes one attempt.

    Raises of all methods:
        RequestFailure: the attempt failed.
    """

    def versions(self, model: str) -> dict[int, str]:
        """Return the state of every version of a model that the server knows."""

    def signatures(self, model: str, version: int) -> dict[str, tuple[str, ...]]:
        """Return the names of a version's signatures, each with the names of its inputs."""

    def predict(
        self, model: str, version: int, signature: str, inputs: Arrays, outputs: tuple[str, ...]
    ) -> dict[str, np.ndarray]:
        """Return the outputs of a signature.

        Args:
            model: name on the server.
            version: version of the model.
            signature: name of a signature of the version.
            inputs: all inputs of the signature.
            outputs: names of all outputs of the signature; numbers are returned as decoded, strings as objects.
        """

    def close(self) -> None:
        """Close the connection."""


def open_transport(server: Server) -> Transport:
    """Prepare requests to a server without sending anything.

    Raises:
        RequirementError: gRPC is not installed.
        ServerError: a certificate file cannot be used.
    """
    if server.scheme.startswith("grpc"):
        from spinal_tf.remote.grpc_transport import GrpcTransport

        return GrpcTransport(server)
    from spinal_tf.remote.rest_transport import RestTransport

    return RestTransport(server)
