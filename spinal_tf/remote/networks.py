"""The networks of the main path, run by a server that takes prepared slices and tiles and returns probabilities.

Everything else runs on this machine with the same code as without a server. The whole-volume signatures of an export
repeat that code inside the graph and agree with it up to rounding; here, no code is repeated. Sending a few slices at
a time also keeps every message small, regardless of the volume.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spinal_tf.checkpoints.manifest import Checkpoint
from spinal_tf.errors import ServerError
from spinal_tf.explanation.gradcam import ClassChoice, Explanation, explanation
from spinal_tf.models import (
    SEGMENTER,
    AnatomyNetwork,
    Classifier,
    Segmenter,
    require_same_classes,
    require_same_tiles,
)
from spinal_tf.remote.connection import Connection
from spinal_tf.remote.model import RemoteModel, find_model, require_same_weights
from spinal_tf.serving.names import EXPLAIN, TILES
from spinal_tf.structures import ANATOMY, STRUCTURES
from spinal_tf.taxonomy import tree

TILES_PER_REQUEST = 4
"""Limits a request to 3 MiB of numbers, about five times that as JSON."""


def remote_segmenter(connection: Connection, expected: Mapping[str, Checkpoint] | None = None) -> Segmenter:
    """Return the segmenter of a server.

    Args:
        connection: connection to the server.
        expected: manifest that the server's weights must agree with, if any.

    Raises:
        ServerError: the server lacks the segmenter, or has a different one than expected.
    """
    model, checkpoint = _found(connection, SEGMENTER, expected)
    return Segmenter(checkpoint=checkpoint, engine=RemoteEngine(model=model), served=model.served)


def remote_anatomy(connection: Connection, expected: Mapping[str, Checkpoint] | None = None) -> AnatomyNetwork | None:
    """Return the anatomy network of a server; see `remote_segmenter`.

    Returns:
        None if the server has none, and neither the manifest nor a chosen version asks for one.

    Raises:
        ServerError: the server lacks a network that is asked for, or has a different one than expected.
    """
    asked_for = ANATOMY in connection.server.versions or (expected is not None and ANATOMY in expected)
    if not asked_for and not connection.find_versions(ANATOMY):
        return None
    model, checkpoint = _found(connection, ANATOMY, expected)
    engine = RemoteEngine(model=model, outputs=len(STRUCTURES))
    return AnatomyNetwork(checkpoint=checkpoint, engine=engine, served=model.served)


def remote_classifiers(
    connection: Connection, expected: Mapping[str, Checkpoint] | None = None
) -> tuple[Classifier, ...]:
    """Return the classifiers of a server, one for each task; see `remote_segmenter`.

    Raises:
        ServerError: the server lacks a classifier, or has a different one than expected.
        WeightsError: they were trained with other classes, or need tiles of different sizes.
    """
    found = [_found(connection, task.name, expected) for task in tree().tasks]
    for task, (_, checkpoint) in zip(tree().tasks, found, strict=True):
        require_same_classes(checkpoint, task, source=str(connection.server))
    require_same_tiles([checkpoint for _, checkpoint in found], source=str(connection.server))
    return tuple(
        Classifier(task=task, checkpoint=checkpoint, explain=RemoteExplainer(model=model), served=model.served)
        for task, (model, checkpoint) in zip(tree().tasks, found, strict=True)
    )


def _found(
    connection: Connection, name: str, expected: Mapping[str, Checkpoint] | None
) -> tuple[RemoteModel, Checkpoint]:
    model = find_model(connection, name)
    if list(model.weights) != [name]:
        raise ServerError(f"{connection.server}: {name} holds {', '.join(model.weights)}; export it again")
    if expected is not None:
        require_same_weights(model, expected)
    return model, model.weights[name]


@dataclass(frozen=True, kw_only=True)
class RemoteEngine:
    """A network on a server that returns maps of each slice; see `spinal_tf.engine.Engine`.

    Attributes:
        outputs: number of maps of a slice.
    """

    model: RemoteModel
    outputs: int = 1

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the network on the server.

        Raises:
            ServerError: the request fails.
        """
        shape = (*batch.shape[:-1], self.outputs)
        return self.model.numbers(TILES, {"tiles": batch.astype(np.float32)}, "probability", shape)


@dataclass(frozen=True, kw_only=True)
class RemoteExplainer:
    """A classifier with Grad-CAM on a server; see `spinal_tf.explanation.gradcam.Explainer`."""

    model: RemoteModel

    def __call__(self, images: np.ndarray, *, class_index: ClassChoice) -> Explanation:
        """Run the classifier on the server, a few tiles at a time.

        Raises:
            ServerError: a request fails.
        """
        starts = range(0, len(images), TILES_PER_REQUEST)
        answers = [self._ask(images[start : start + TILES_PER_REQUEST]) for start in starts]
        positive, raw_maps = (np.concatenate(parts) for parts in zip(*answers, strict=True))
        rows, columns = images.shape[1:3]
        probabilities = np.stack([1 - positive, positive], axis=1)
        return explanation(probabilities, raw_maps, class_index=class_index, shape=(rows, columns))

    def _ask(self, tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        answer = self.model.ask(EXPLAIN, {"tiles": tiles.astype(np.float32)}, "probability", "maps")
        positive = self.model.checked(answer["probability"], "probability", (len(tiles),))
        maps = self.model.checked(answer["maps"], "maps", (len(tiles), *answer["maps"].shape[1:3], 2))
        return positive, maps
