"""Results of the main pipeline for one case: plain records, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

import numpy as np

from spinal_tf.anatomy.found_spine import FoundSpine
from spinal_tf.images.volume import Volume
from spinal_tf.lesions import Lesion
from spinal_tf.map_methods import MapMethod
from spinal_tf.taxonomy import Diagnosis, Task

TOO_THIN = "the lesions are thinner than a pixel of the classifiers' input; nothing could be classified"
"""Warning for a case whose lesions give no tile."""

MaskProvenance = Literal["automatic", "reviewed"]


@dataclass(frozen=True, kw_only=True)
class Review:
    """Whether a person should review the mask, and the reasons (one plain sentence each)."""

    needed: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """Lesion probability and mask of one volume, both in the volume's array order.

    Attributes:
        probability: float32, 0 to 1, shape of ``volume.data``.
        mask: bool, same shape; components below the minimum peak and specks are removed.
        lesions: components of the mask, by descending volume.
        threshold: minimum probability of a lesion voxel.
        minimum_peak: minimum peak probability; components that do not reach it were removed.
        minimum_volume_ml: minimum volume in mL; smaller components were removed.
    """

    probability: np.ndarray
    mask: np.ndarray
    lesions: tuple[Lesion, ...]
    threshold: float
    minimum_peak: float
    minimum_volume_ml: float
    review: Review


class Zone(str, Enum):
    """Zone where a heat map is mainly active; the value is its name in all files."""

    CORE = "core"
    LESION = "lesion"
    PERILESIONAL = "perilesional"
    ELSEWHERE = "elsewhere"
    NONE = "none"

    @property
    def printed(self) -> str:
        """Name for readers."""
        return {"core": "Lesion core", "lesion": "Whole lesion", "none": "No map"}.get(self.value, self.capitalize())


@dataclass(frozen=True, kw_only=True)
class MapActivation:
    """Location of a heat map's activation; `spinal_tf.evaluation.activation` defines zones and regions.

    Attributes:
        zone: zone where it is mainly active.
        means: mean of the map in ``core``, ``rim``, ``perilesional`` and ``elsewhere``, on lesion-bearing slices; NaN
            for a region without voxels.
    """

    zone: Zone
    means: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """One classifier's prediction for one case.

    Attributes:
        probability: probability of the task's positive class, mean over the tiles.
        operating_point: cut-off from the weights' manifest for the images used (T2w alone, or T2w and T1c); the
            positive class is called at or above it.
        tile_probabilities: positive-class probability of each tile, in the order of ``Classification.slices``.
        heatmap: heat map of the called class, float32, 0 to 1, shape of ``volume.data``; zero on slices without a tile.
        activation: location of the heat map's activation.
        method: method that made the heat map.
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
        """Called class: 1 for the positive class, 0 for the negative class."""
        return int(self.probability >= self.operating_point)

    @property
    def called(self) -> str:
        """Name of the called class."""
        return self.task.classes[self.call]


@dataclass(frozen=True, kw_only=True)
class Classification:
    """Results of all tasks, and the diagnosis.

    Attributes:
        slices: slice index in the volume of every tile.
        diagnosis: diagnosis reached by following the called classes down the tree.
    """

    tasks: tuple[TaskResult, ...]
    slices: tuple[int, ...]
    posterior: dict[Diagnosis, float]
    diagnosis: Diagnosis
    with_t1c: bool

    @property
    def method(self) -> MapMethod:
        """Method that made the heat maps, the same for all tasks."""
        return self.tasks[0].method


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """Record of the weights behind a prediction.

    Attributes:
        summary: description of the training data.
        kind: kind of the training cases, see `spinal_tf.checkpoints.data_kind`; None if unknown.
        served: version, address and precision if a server ran them; None if this machine did.
    """

    name: str
    sha256: str
    summary: str
    kind: str | None = None
    served: str | None = None


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """All results of one case after segmentation, and after classification if requested.

    Attributes:
        mask: mask in use, bool, in the volume's array order.
        mask_provenance: ``automatic`` or ``reviewed`` by a person.
        mask_source: file that the mask was read from; None if this run made it.
        mask_doubts: reasons to look at a mask that was given; they are also among the warnings.
        segmentation: result of the segmentation; None if a mask was given.
        spine: outcome of the search for the spine; None if there was none.
        classification: result of the classification; None if not requested, or if no lesion gives a tile.
        warnings: warnings, one plain sentence each.
        timings_s: seconds by stage.
    """

    volume: Volume
    mask: np.ndarray
    mask_provenance: MaskProvenance
    mask_source: str | None
    lesions: tuple[Lesion, ...]
    segmentation: Segmentation | None
    classification: Classification | None
    spine: FoundSpine | None = None
    models: tuple[ModelRecord, ...]
    mask_doubts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    timings_s: dict[str, float] = field(default_factory=dict)

    @property
    def review(self) -> Review | None:
        """Whether a person should look at the mask, and why; None for a given mask without doubts."""
        if self.segmentation is not None:
            return self.segmentation.review
        return Review(needed=True, reasons=self.mask_doubts) if self.mask_doubts else None

    @property
    def method(self) -> MapMethod:
        """Method of the heat maps; Grad-CAM if there are none."""
        return self.classification.method if self.classification else MapMethod.GRADCAM
