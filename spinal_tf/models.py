"""Networks ready to run, each with the record of how it wants its input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from spinal_tf.checkpoints import Checkpoint, bare_network, read_manifest, read_weights
from spinal_tf.engine import Engine, frozen_engine
from spinal_tf.errors import WeightsError
from spinal_tf.gradcam import GraphExplainer
from spinal_tf.results import ModelRecord
from spinal_tf.taxonomy import TASKS, Task, task_named

SEGMENTER = "segmenter"


@dataclass(frozen=True, kw_only=True)
class Segmenter:
    """The segmentation network."""

    checkpoint: Checkpoint
    engine: Engine


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """The network of one task."""

    task: Task
    checkpoint: Checkpoint
    explain: GraphExplainer


def load_segmenter(folder: Path, *, device: str = "cpu") -> Segmenter:
    """Load the segmenter of a weights folder.

    Raises:
        WeightsError: it is missing or damaged.
        DeviceError: this machine has no such device.
    """
    checkpoint = named_checkpoint(folder, SEGMENTER)
    model = bare_network(folder, checkpoint)
    weights = read_weights(folder, checkpoint, model)
    return Segmenter(checkpoint=checkpoint, engine=frozen_engine(model, weights=weights, device=device))


def load_classifiers(folder: Path, *, device: str = "cpu") -> tuple[Classifier, ...]:
    """Load the three classifiers of a weights folder.

    Raises:
        WeightsError: one is missing or damaged, or they want tiles of different sizes.
        DeviceError: this machine has no such device.
    """
    classifiers: list[Classifier] = []
    for checkpoint in classifier_checkpoints(folder):
        alike = [other.explain for other in classifiers if other.checkpoint.arguments == checkpoint.arguments]
        classifiers.append(_classifier(folder, checkpoint, alike[0] if alike else None, device))
    return tuple(classifiers)


def load_classifier(folder: Path, task: Task, *, device: str = "cpu") -> Classifier:
    """Load the classifier of one task of a weights folder.

    Raises:
        WeightsError: it is missing or damaged.
        DeviceError: this machine has no such device.
    """
    return _classifier(folder, named_checkpoint(folder, task.name), None, device)


def _classifier(folder: Path, checkpoint: Checkpoint, alike: GraphExplainer | None, device: str) -> Classifier:
    model = alike.model if alike else bare_network(folder, checkpoint)
    weights = read_weights(folder, checkpoint, model)
    explain = alike.with_weights(weights) if alike else GraphExplainer(model, weights=weights, device=device)
    return Classifier(task=task_named(checkpoint.name), checkpoint=checkpoint, explain=explain)


def classifier_checkpoints(folder: Path) -> list[Checkpoint]:
    """The records of the three classifiers of a weights folder, in the order of `TASKS`.

    Raises:
        WeightsError: one is missing, or they want tiles of different sizes.
    """
    checkpoints = [named_checkpoint(folder, task.name) for task in TASKS]
    if len({replace(checkpoint.preprocessing, intensity="minmax") for checkpoint in checkpoints}) > 1:
        # A lesion could vanish from the tiles of one, and a case's slices would no longer be the same for all.
        raise WeightsError(
            f"{folder}: the classifiers want tiles of different sizes; take a set that was made together"
        )
    return checkpoints


def model_record(checkpoint: Checkpoint) -> ModelRecord:
    """What a report says of the weights it rests on."""
    return ModelRecord(
        name=checkpoint.name, sha256=checkpoint.sha256, summary=str(checkpoint.training.get("data", "not stated"))
    )


def named_checkpoint(folder: Path, name: str) -> Checkpoint:
    """A checkpoint of a weights folder.

    Raises:
        WeightsError: there is none of that name, or the manifest is not understood.
    """
    manifest = read_manifest(folder)
    if name not in manifest:
        raise WeightsError(f"{folder}: holds no weights called {name}; install a complete set with weights import")
    return manifest[name]
