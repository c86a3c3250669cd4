"""What the main path finds out about one case: plain records, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

import numpy as np

from spinal_tf.images.volume import Volume
from spinal_tf.lesions import Lesion
from spinal_tf.map_methods import MapMethod
from spinal_tf.taxonomy import Diagnosis, Task

TOO_THIN = "the lesions are thinner than a pixel of the classifiers' input; nothing could be classified"
"""Among the warnings of a case whose lesions give no tile."""

MaskProvenance = Literal["automatic", "reviewed"]


@dataclass(frozen=True, kw_only=True)
class Review:
    """Whether a person should look at the mask, and why (one plain sentence a reason)."""

    needed: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """Lesion probability and mask of one volume, both in the volume's array order.

    Attributes:
        probability: float32, 0 to 1, shape of ``volume.data``.
        mask: bool, same shape; doubtful components and specks removed.
        lesions: the components of the mask, by descending volume.
        threshold: probability from which a voxel counts as lesion.
        minimum_peak: components whose probability nowhere reaches it were removed.
        minimum_volume_ml: components below this volume were removed.
    """

    probability: np.ndarray
    mask: np.ndarray
    lesions: tuple[Lesion, ...]
    threshold: float
    minimum_peak: float
    minimum_volume_ml: float
    review: Review


class Zone(str, Enum):
    """Where a map is mainly active; the value is how it is written in every file."""

    CORE = "core"
    LESION = "lesion"
    PERILESIONAL = "perilesional"
    ELSEWHERE = "elsewhere"
    NONE = "none"

    @property
    def printed(self) -> str:
        """As printed for a reader."""
        return {"core": "Lesion core", "lesion": "Whole lesion", "none": "No map"}.get(self.value, self.capitalize())


@dataclass(frozen=True, kw_only=True)
class MapActivation:
    """Where a heat map lies; `spinal_tf.evaluation.activation` defines zones and regions.

    Attributes:
        zone: where it is mainly active.
        means: mean of the map in ``core``, ``rim``, ``perilesional`` and ``elsewhere``, on the slices that hold lesion;
            NaN where a region has no voxel.
    """

    zone: Zone
    means: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """One classifier's answer on one case.

    Attributes:
        probability: of the task's positive class, mean over the tiles.
        operating_point: cut-off from the weights' manifest for the images that were used, T2w alone or with T1c; at or
            above it the positive class is called.
        tile_probabilities: positive-class probability of each tile, in the order of ``Classification.slices``.
        heatmap: for the called class, float32, 0 to 1, shape of ``volume.data``; zero on slices without tile.
        activation: where the heat map lies.
        method: that made the heat map.
    """

    task: Task
    probability: float
    operating_point: float
    tile_probabilities: tuple[float, ...]
    heatmap: np.ndarray
    activation: MapActivation
    method: MapMethod = MapMethod.GRADCAM

    @property
    def call(self) -> int:
        """1 where the positive class is called, 0 where the negative one is."""
        return int(self.probability >= self.operating_point)

    @property
    def called(self) -> str:
        """Name of the called class."""
        return self.task.classes[self.call]


@dataclass(frozen=True, kw_only=True)
class Classification:
    """All tasks and what they lead to.

    Attributes:
        slices: volume slice index of every tile.
        diagnosis: reached by following the operating points down the tree.
    """

    tasks: tuple[TaskResult, ...]
    slices: tuple[int, ...]
    posterior: dict[Diagnosis, float]
    diagnosis: Diagnosis
    with_t1c: bool

    @property
    def method(self) -> MapMethod:
        """The method that made the heat maps, the same for all tasks."""
        return self.tasks[0].method


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """Which weights gave an answer.

    Attributes:
        summary: what they were trained on, in words.
        kind: of the cases they were trained on, see `spinal_tf.checkpoints.data_kind`; None where nothing tells.
        served: version, address and precision, where a server ran them; None where this machine did.
    """

    name: str
    sha256: str
    summary: str
    kind: str | None = None
    served: str | None = None


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """Everything known about one case after segmentation, and after classification where that was asked for.

    Attributes:
        mask: bool, the mask in use, in the volume's array order.
        mask_provenance: ``automatic`` or ``reviewed`` by a person.
        mask_source: file the mask was read from, None where it was just made.
        segmentation: None where a mask was given.
        classification: None where it was not asked for, or no lesion was found.
        warnings: one plain sentence each.
        timings_s: seconds by stage.
    """

    volume: Volume
    mask: np.ndarray
    mask_provenance: MaskProvenance
    mask_source: str | None
    lesions: tuple[Lesion, ...]
    segmentation: Segmentation | None
    classification: Classification | None
    models: tuple[ModelRecord, ...]
    warnings: tuple[str, ...] = ()
    timings_s: dict[str, float] = field(default_factory=dict)

    @property
    def method(self) -> MapMethod:
        """The method of the heat maps; Grad-CAM where there are none."""
        return self.classification.method if self.classification else MapMethod.GRADCAM
