"""A model on a server, as its own description states it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinal_tf.checkpoints.cutoffs import points_in_words
from spinal_tf.checkpoints.manifest import Checkpoint
from spinal_tf.errors import ServerError, WeightsError
from spinal_tf.models import Served
from spinal_tf.remote.connection import Connection
from spinal_tf.remote.transport import Arrays
from spinal_tf.serving.names import DESCRIBE, DESCRIPTION_FORMAT

SHOWN_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class RemoteModel:
    """One version of a model. Every request names the version, so that one case never mixes two versions.

    Attributes:
        connection: connection to its server.
        name: name on the server.
        version: version of the model.
        precision: precision of its computation.
        written_by: version of spinal-tf that exported it.
        weights: manifest records of its networks by name.
    """

    connection: Connection
    name: str
    version: int
    precision: str
    written_by: str
    weights: Mapping[str, Checkpoint]

    @property
    def served(self) -> Served:
        """Address and description of the model, for records."""
        return Served(
            address=str(self.connection.server),
            version=self.version,
            precision=self.precision,
            written_by=self.written_by,
        )

    def ask(self, signature: str, inputs: Arrays, *outputs: str) -> dict[str, np.ndarray]:
        """Return outputs of a signature; see `spinal_tf.remote.transport.Transport.predict`.

        Raises:
            ServerError: the request fails.
        """
        return self.connection.predict(self.name, self.version, signature, inputs, outputs)

    def numbers(self, signature: str, inputs: Arrays, output: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return one output of real numbers: float32 of the given shape.

        Raises:
            ServerError: the request fails, or the output is not as expected.
        """
        return self.checked(self.ask(signature, inputs, output)[output], output, shape)

    def checked(self, value: np.ndarray, output: str, shape: tuple[int, ...]) -> np.ndarray:
        """Check that an output is real, finite and of the given shape, and return it as float32.

        Raises:
            ServerError: the check fails.
        """
        if value.shape != shape or value.dtype.kind not in "fiu" or not np.isfinite(value).all():
            raise ServerError(
                f"{self.connection.server}: {self.name} answered with {output} of shape {value.shape}, "
                f"not with finite numbers of shape {shape}; export it again with this spinal-tf"
            )
        return value.astype(np.float32)


def find_model(connection: Connection, name: str) -> RemoteModel:
    """Choose a model's version and request its description.

    The graph, next to the weights, states their preprocessing, operating point and kind of input. A client therefore
    needs no copy, which could belong to another version.

    Raises:
        ServerError: there is no such model or version, or it lacks a description as in this package's exports.
    """
    version = connection.version(name)
    if DESCRIBE not in connection.signatures(name, version):
        raise ServerError(
            f"{connection.server}: {name}, version {version}, has no description of itself; "
            "export it again with this spinal-tf"
        )
    answer = connection.predict(name, version, DESCRIBE, {"times": np.zeros(1, np.int32)}, ("description",))
    try:
        return _described(connection, name, version, json.loads(answer["description"].item()))
    except (ValueError, KeyError, TypeError, AttributeError, WeightsError) as error:
        raise ServerError(
            f"{connection.server}: {name}, version {version}, has a description that is not understood "
            f"({error}); export it again with this spinal-tf"
        ) from error


def _described(connection: Connection, name: str, version: int, record: Mapping[str, Any]) -> RemoteModel:
    if record["format"] != DESCRIPTION_FORMAT:
        raise ValueError(f"format {record['format']} instead of {DESCRIPTION_FORMAT}")
    if record["model"] != name:
        raise ValueError(f"it was exported as {record['model']}")
    return RemoteModel(
        connection=connection,
        name=name,
        version=version,
        precision=str(record["precision"]),
        written_by=str(record["spinal-tf"]),
        weights={key: Checkpoint.from_dict(key, entry) for key, entry in record["weights"].items()},
    )


def other_points(model: RemoteModel, manifest: Mapping[str, Checkpoint]) -> dict[str, str]:
    """Return operating points that differ from those of a manifest, there and here, by name of the weights."""
    return {
        name: f"{points_in_words(served)} there, {points_in_words(manifest[name])} here"
        for name, served in model.weights.items()
        if name in manifest and _points(served) != _points(manifest[name])
    }


def _points(checkpoint: Checkpoint) -> tuple[float | None, ...]:
    return checkpoint.operating_point, checkpoint.operating_point_t1c, checkpoint.minimum_peak


def require_same_weights(model: RemoteModel, expected: Mapping[str, Checkpoint]) -> None:
    """Refuse a model whose weights or operating points differ from those of a manifest.

    Args:
        model: model on the server.
        expected: checkpoints of the manifest by name.

    Raises:
        ServerError: the manifest lacks the weights, or has different weights or operating points.
    """
    for name, checkpoint in model.weights.items():
        local = expected[name].sha256[:SHOWN_DIGITS] if name in expected else "none"
        if name not in expected or expected[name].sha256 != checkpoint.sha256:
            raise ServerError(
                f"{model.connection.server}: {model.name}, version {model.version}, has other weights for {name} than "
                f"--weights names (SHA-256 {checkpoint.sha256[:SHOWN_DIGITS]} there, {local} here); choose another "
                "version with --server-version, or leave out --weights to take what is served"
            )
    for name, points in other_points(model, expected).items():
        raise ServerError(
            f"{model.connection.server}: {model.name}, version {model.version}, has another operating point for {name} "
            f"than --weights ({points}); export it again, or leave out --weights to take what is served"
        )
