"""Networks that are ready to run, each with the record of its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spinal_tf.checkpoints.data_kind import data_kind
from spinal_tf.checkpoints.manifest import Checkpoint, bare_network, read_manifest, read_weights
from spinal_tf.engine import Engine, frozen_engine
from spinal_tf.errors import WeightsError
from spinal_tf.explanation.gradcam import Explainer, GraphExplainer, WeightedExplainer
from spinal_tf.explanation.methods import explained_by
from spinal_tf.keras_start import our_keras
from spinal_tf.map_methods import MapMethod
from spinal_tf.results import ModelRecord
from spinal_tf.structures import ANATOMY
from spinal_tf.taxonomy import PAPER_TREE, Task, tree

SEGMENTER = "segmenter"


@dataclass(frozen=True, kw_only=True)
class Served:
    """A network on a server.

    Attributes:
        address: address of the server.
        version: version of the model on the server.
        precision: precision of the computation, as reported by the server.
        written_by: version of spinal-tf that exported the model, as reported by the server.
    """

    address: str
    version: int
    precision: str
    written_by: str

    def __str__(self) -> str:
        """Return version, address and precision, for records."""
        return f"version {self.version} at {self.address}, {self.precision}"


@dataclass(frozen=True, kw_only=True)
class Segmenter:
    """The segmentation network.

    Attributes:
        served: record of the server that runs it, if any.
    """

    checkpoint: Checkpoint
    engine: Engine
    served: Served | None = None


@dataclass(frozen=True, kw_only=True)
class AnatomyNetwork:
    """The network that outlines the spine; see `Segmenter`."""

    checkpoint: Checkpoint
    engine: Engine
    served: Served | None = None


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """The network of one task; see `Segmenter`."""

    task: Task
    checkpoint: Checkpoint
    explain: Explainer
    served: Served | None = None

    def call(self, probabilities: np.ndarray, *, with_t1c: bool = False) -> int:
        """Return the class of a case: its mean probability compared with the operating point for its input.

        Args:
            probabilities: probabilities of its tiles, (n, 2).
            with_t1c: whether the case has a T1c scan that the network was trained to use.
        """
        return int(probabilities[:, 1].mean() >= self.checkpoint.point(with_t1c=with_t1c))


@dataclass(frozen=True, kw_only=True)
class Networks:
    """Networks for one run of the pipeline.

    Attributes:
        segmenter: finds the lesions; None if a mask is given.
        anatomy: finds the spine; without it, lesions are looked for on whole slices and have no level.
        classifiers: classifiers of all tasks; if empty, the pipeline stops after segmentation.
    """

    segmenter: Segmenter | None = None
    anatomy: AnatomyNetwork | None = None
    classifiers: Sequence[Classifier] = ()


@our_keras()
def load_segmenter(folder: Path, *, device: str = "cpu") -> Segmenter:
    """Load the segmenter of a weights folder.

    Raises:
        WeightsError: its weights are missing or damaged.
        DeviceError: this machine has no such device.
    """
    checkpoint = named_checkpoint(folder, SEGMENTER)
    return Segmenter(checkpoint=checkpoint, engine=_engine(folder, checkpoint, device))


@our_keras()
def load_anatomy(folder: Path, *, device: str = "cpu") -> AnatomyNetwork | None:
    """Load the anatomy network of a weights folder; None if the folder has none, as sets of earlier versions.

    Raises:
        WeightsError: its weights are damaged.
        DeviceError: this machine has no such device.
    """
    if ANATOMY not in read_manifest(folder):
        return None
    checkpoint = named_checkpoint(folder, ANATOMY)
    return AnatomyNetwork(checkpoint=checkpoint, engine=_engine(folder, checkpoint, device))


def _engine(folder: Path, checkpoint: Checkpoint, device: str) -> Engine:
    model = bare_network(folder, checkpoint)
    return frozen_engine(model, weights=read_weights(folder, checkpoint, model), device=device)


@our_keras()
def load_classifiers(
    folder: Path,
    tasks: Sequence[Task] | None = None,
    *,
    device: str = "cpu",
    method: MapMethod = MapMethod.GRADCAM,
) -> tuple[Classifier, ...]:
    """Load classifiers from a weights folder; those with the same structure are traced once.

    Args:
        folder: weights folder.
        tasks: tasks to load; None for all.
        device: device that runs the networks.
        method: method that explains their predictions.

    Raises:
        WeightsError: weights are missing or damaged, or the classifiers need tiles of different sizes.
        DeviceError: this machine has no such device.
    """
    tasks = tree().tasks if tasks is None else tasks
    checkpoints = classifier_checkpoints(folder, tasks)
    explainers: list[WeightedExplainer] = []
    for checkpoint in checkpoints:
        made = zip(explainers, checkpoints, strict=False)
        alike = [explain for explain, other in made if other.structure == checkpoint.structure]
        model = alike[0].model if alike else bare_network(folder, checkpoint)
        weights = read_weights(folder, checkpoint, model)
        if alike:
            explainers.append(alike[0].with_weights(weights))
        else:
            explainers.append(explained_by(method, GraphExplainer(model, weights=weights, device=device)))
    return tuple(
        Classifier(task=task, checkpoint=checkpoint, explain=explain)
        for task, checkpoint, explain in zip(tasks, checkpoints, explainers, strict=True)
    )


def classifier_checkpoints(folder: Path, tasks: Sequence[Task] | None = None) -> list[Checkpoint]:
    """Read the records of the tasks' classifiers from a weights folder; None for all tasks.

    Raises:
        WeightsError: a classifier is missing or was trained with other classes, or they need tiles of different sizes.
    """
    tasks = tree().tasks if tasks is None else tasks
    checkpoints = [named_checkpoint(folder, task.name) for task in tasks]
    for task, checkpoint in zip(tasks, checkpoints, strict=True):
        require_same_classes(checkpoint, task, source=str(folder))
    require_same_tiles(checkpoints, source=str(folder))
    return checkpoints


def require_same_classes(checkpoint: Checkpoint, task: Task, *, source: str) -> None:
    """Check that weights were trained for the task as defined in the tree of diagnoses.

    Args:
        checkpoint: record of the weights; if it lists no classes, those of the paper's tree are assumed.
        task: task that they are used for.
        source: location of the weights, for messages.

    Raises:
        WeightsError: the classes in training had other diagnoses.
    """
    papers = {one.name: one.to_dict() for one in PAPER_TREE.tasks}
    trained = checkpoint.training.get("classes", papers.get(task.name))
    if trained != task.to_dict():
        raise WeightsError(
            f"{source}: {task.name} was trained to distinguish {_in_words(trained)}, but the tree of diagnoses has "
            f"{_in_words(task.to_dict())}; take weights that were trained with this tree"
        )


def _in_words(classes: Mapping[str, Sequence[str]] | None) -> str:
    if not classes:
        return "classes that are not known"
    return " and ".join(f"{name} ({', '.join(members)})" for name, members in classes.items())


def require_same_tiles(checkpoints: Sequence[Checkpoint], *, source: str) -> None:
    """Check that classifiers can use the same tiles.

    Args:
        checkpoints: records of the classifiers.
        source: location of the weights, for messages.

    Raises:
        WeightsError: the classifiers need different tiles.
    """
    if len({replace(checkpoint.preprocessing, intensity="minmax") for checkpoint in checkpoints}) > 1:
        # A lesion could vanish from one classifier's tiles, so that a case's slices would differ between them.
        raise WeightsError(
            f"{source}: the classifiers want tiles of different sizes; take a set that was made together"
        )


def model_record(checkpoint: Checkpoint, *, served: Served | None = None) -> ModelRecord:
    """Return the record of the weights for a report, with the server that ran them, if any."""
    return ModelRecord(
        name=checkpoint.name,
        sha256=checkpoint.sha256,
        summary=str(checkpoint.training.get("data", "not stated")),
        kind=data_kind(checkpoint.training),
        served=None if served is None else str(served),
    )


def named_checkpoint(folder: Path, name: str) -> Checkpoint:
    """Read a checkpoint of a weights folder.

    Raises:
        WeightsError: no checkpoint has this name, or the manifest is invalid.
    """
    manifest = read_manifest(folder)
    if name not in manifest:
        raise WeightsError(f"{folder}: holds no weights called {name}; install a complete set with weights import")
    return manifest[name]
