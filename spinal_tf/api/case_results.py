"""Results of one case, with arrays in the axis order of the given scan, and their files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spinal_tf.case_files import CaseFiles, write_diagnosis_files, write_heatmap_files, write_lesion_files
from spinal_tf.files import make_folder, output_files
from spinal_tf.lesions import Lesion
from spinal_tf.locks import locked_if_possible
from spinal_tf.results import CaseResult, Review, TaskResult
from spinal_tf.stopwatch import Stopwatch

Write = Callable[[tuple[Path, ...]], None]
"""Function that writes to temporary paths."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentationResult:
    """Lesions of one scan. Arrays have the axis order of the scan's file or given array.

    Attributes:
        mask: bool (i, j, k), on the scan's own grid.
        probability: lesion probability, float32, same shape.
        affine: (4, 4) float64, (i, j, k) to patient RAS mm; the scan's own.
        lesions: the mask's 3D components, by descending volume.
        volume_ml: total volume of all lesions.
        review: whether a person should look at the mask, and why.
        warnings: warnings about the scan, one sentence each.
        case: complete result in the package's axis order.
    """

    mask: np.ndarray = field(repr=False)
    probability: np.ndarray = field(repr=False)
    affine: np.ndarray = field(repr=False)
    lesions: tuple[Lesion, ...]
    volume_ml: float
    review: Review
    warnings: tuple[str, ...]
    case: CaseResult = field(repr=False)

    def save(
        self, folder: str | Path, *, probability: bool = False, anatomy: bool = False, overwrite: bool = False
    ) -> tuple[Path, ...]:
        """Write mask, record and picture like ``spinal-tf segment``, all or none.

        Args:
            folder: folder for the files, created if missing; file names begin with the scan's name.
            probability: also write the lesion probability.
            anatomy: also write the label map of the spine.
            overwrite: replace existing files.

        Returns:
            Paths of the files.

        Raises:
            OutputError: a file exists and ``overwrite`` is not set, or the folder cannot be written to.
            WeightsError: the anatomy is asked for, but the weights have no anatomy network.
        """
        files = _files(self.case, folder)
        more = (*["probability"] * probability, *["anatomy"] * anatomy)
        return _saved(files, files.lesion_outputs(*more), _lesion_writer(self.case, *more), overwrite=overwrite)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassificationResult:
    """Diagnosis of one scan. Arrays have the axis order of the scan's file or given array.

    Attributes:
        diagnosis: diagnosis reached by following the operating points; None if there was nothing to classify.
        posterior: probability of each diagnosis by its name: ``astrocytoma``, ``ms`` and so on. Empty if there was
            nothing to classify.
        tasks: result of each classifier, with its heat map as ``heatmap``, float32 (i, j, k), 0 to 1.
        mask: bool (i, j, k), classified mask.
        affine: (4, 4) float64, (i, j, k) to patient RAS mm; the scan's own.
        lesions: the mask's 3D components, by descending volume.
        review: whether a person should look at the mask, and why; None for a given mask without doubts.
        warnings: warnings about scan, mask and networks, one sentence each.
        case: complete result in the package's axis order.
    """

    diagnosis: str | None
    posterior: dict[str, float]
    tasks: tuple[TaskResult, ...] = field(repr=False)
    mask: np.ndarray = field(repr=False)
    affine: np.ndarray = field(repr=False)
    lesions: tuple[Lesion, ...]
    review: Review | None
    warnings: tuple[str, ...]
    case: CaseResult = field(repr=False)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> tuple[Path, ...]:
        """Write record, page and heat maps like ``spinal-tf classify``, all or none.

        If the scan was segmented first, also write its mask, record and picture.

        Args:
            folder: folder for the files, created if missing; file names begin with the scan's name.
            overwrite: replace existing files.

        Returns:
            Paths of the files, without heat maps that do not exist.

        Raises:
            OutputError: a file exists and ``overwrite`` is not set, or the folder cannot be written to.
        """
        files = _files(self.case, folder)
        lesions = () if self.case.segmentation is None else files.lesion_outputs()

        def write(paths: tuple[Path, ...]) -> None:
            if lesions:
                _lesion_writer(self.case)(paths[: len(lesions)])
            write_diagnosis_files(self.case, paths[len(lesions) :], Stopwatch(self.case.timings_s))

        return _saved(files, (*lesions, *files.diagnosis_outputs(self.case.method)), write, overwrite=overwrite)


@dataclass(frozen=True, kw_only=True, eq=False)
class HeatMaps:
    """Heat maps of the classifiers. Arrays have the axis order of the scan's file or given array.

    Attributes:
        maps: heat map of the called class by name of the task: float32 (i, j, k), 0 to 1, zero on slices without
            lesion. Empty if the mask gave nothing to classify.
        called: called class that each map explains, by name of the task.
        affine: (4, 4) float64, (i, j, k) to patient RAS mm; the scan's own.
        warnings: one sentence each.
        case: complete result in the package's axis order.
    """

    maps: dict[str, np.ndarray] = field(repr=False)
    called: dict[str, str]
    affine: np.ndarray = field(repr=False)
    warnings: tuple[str, ...]
    case: CaseResult = field(repr=False)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> tuple[Path, ...]:
        """Write the picture and the map of each task on the way to the diagnosis, all or none.

        Args:
            folder: folder for the files, created if missing; file names begin with the scan's name.
            overwrite: replace existing files.

        Returns:
            Paths of the files, without maps that do not exist.

        Raises:
            OutputError: a file exists and ``overwrite`` is not set, or the folder cannot be written to.
        """
        files = _files(self.case, folder)
        names = files.heatmap_outputs(self.case.method)
        return _saved(files, names, lambda paths: write_heatmap_files(self.case, paths), overwrite=overwrite)


def _files(case: CaseResult, folder: str | Path) -> CaseFiles:
    return CaseFiles(case=Path(case.volume.source), folder=Path(folder))


def _lesion_writer(case: CaseResult, *more: str) -> Write:
    return lambda paths: write_lesion_files(case, paths, Stopwatch(case.timings_s), *more)


def _saved(files: CaseFiles, targets: tuple[Path, ...], write: Write, *, overwrite: bool) -> tuple[Path, ...]:
    make_folder(files.folder)
    with locked_if_possible(files.output(""), wait=True), output_files(*targets, overwrite=overwrite) as temporaries:
        write(temporaries)
    return tuple(target for target in targets if target.exists())
