"""Connection to one server, with retries where they are safe and one sentence for every failure."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

import numpy as np

from spinal_tf.errors import ServerError
from spinal_tf.remote.server import Server
from spinal_tf.remote.server_failures import Kind, RequestFailure, server_error
from spinal_tf.remote.transport import AVAILABLE, Arrays, Transport, open_transport

Answer = TypeVar("Answer")

WAITS_S = (0.5, 1.0, 2.0)
"""Waiting times before retries; randomly shortened by up to a half, so that clients do not all retry at once."""


class Connection:
    """Sends requests to one server.

    A request is retried only if the server could not be reached or reported that it was unavailable. Requests do not
    change the server, so retries are safe. After a timeout there is no retry: the server may still be working on the
    request, and another one would add to its load.
    """

    def __init__(self, server: Server, *, transport: Transport | None = None) -> None:
        """Prepare the connection without sending anything.

        Raises:
            RequirementError: gRPC is not installed.
            ServerError: a certificate file cannot be used.
        """
        self.server = server
        self._transport = transport or open_transport(server)

    def __enter__(self) -> Connection:
        """Keep the connection open until the block ends."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def find_versions(self, model: str) -> dict[int, str]:
        """Return the state of every version of a model; empty if the server does not know the model.

        Raises:
            ServerError: the request fails.
        """
        try:
            return self._attempts(lambda: self._transport.versions(model))
        except RequestFailure as failure:
            if failure.kind is Kind.MISSING:
                return {}
            raise server_error(self.server, failure) from failure

    def version(self, model: str) -> int:
        """Return the version to use: the chosen one, or else the highest available one.

        Raises:
            ServerError: the request fails, or the server has no such model or no such version of it.
        """
        states = self.find_versions(model)
        if not states:
            raise ServerError(
                f"{self.server}: the server has no model called {model}; see spinal-tf export for making it"
            )
        available = [number for number, state in states.items() if state == AVAILABLE]
        chosen = self.server.versions.get(model, max(available, default=None))
        if chosen in available:
            return chosen
        there = ", ".join(f"{number} ({state})" for number, state in sorted(states.items()))
        wanted = f"version {chosen} of {model}" if chosen else f"available version of {model}"
        raise ServerError(f"{self.server}: the server has no {wanted}, only {there}; choose one with --server-version")

    def signatures(self, model: str, version: int) -> dict[str, tuple[str, ...]]:
        """Return the names of a version's signatures, each with the names of its inputs.

        Raises:
            ServerError: the request fails.
        """
        return self._told(lambda: self._transport.signatures(model, version))

    def predict(
        self, model: str, version: int, signature: str, inputs: Arrays, outputs: tuple[str, ...]
    ) -> dict[str, np.ndarray]:
        """Return the outputs of a signature; see `Transport.predict`.

        Raises:
            ServerError: the request fails, or the answer lacks an output.
        """
        answer = self._told(lambda: self._transport.predict(model, version, signature, inputs, outputs))
        missing = [name for name in outputs if name not in answer]
        if missing:
            failure = RequestFailure(Kind.UNUSABLE, f"{model}: no {', '.join(missing)}")
            raise server_error(self.server, failure)
        return answer

    def _told(self, attempt: Callable[[], Answer]) -> Answer:
        try:
            return self._attempts(attempt)
        except RequestFailure as failure:
            raise server_error(self.server, failure) from failure

    def _attempts(self, attempt: Callable[[], Answer]) -> Answer:
        for wait_s in WAITS_S:
            try:
                return attempt()
            except RequestFailure as failure:
                if failure.kind is not Kind.UNAVAILABLE:
                    raise
            time.sleep(wait_s * random.uniform(0.5, 1))
        return attempt()
