"""What is known of one case, with arrays in the axis order of the scan that was given, and its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spinal_tf.case_files import CaseFiles, write_diagnosis_files, write_heatmap_files, write_lesion_files
from spinal_tf.files import make_folder, output_files
from spinal_tf.lesions import Lesion
from spinal_tf.results import CaseResult, Review, TaskResult
from spinal_tf.stopwatch import Stopwatch

Write = Callable[[tuple[Path, ...]], None]
"""Writes to temporary paths."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentationResult:
    """Lesions of one scan. Arrays have the axis order of the scan's file, or of the array that was given.

    Attributes:
        mask: bool (i, j, k), on the scan's own grid.
        probability: of lesion, float32, same shape.
        affine: (4, 4) float64, (i, j, k) to patient RAS mm; the scan's own.
        lesions: the mask's 3D components, by descending volume.
        volume_ml: of all lesions together.
        review: whether a person should look at the mask, and why.
        warnings: about the scan, a sentence each.
        case: all of it in the package's axis order.
    """

    mask: np.ndarray = field(repr=False)
    probability: np.ndarray = field(repr=False)
    affine: np.ndarray = field(repr=False)
    lesions: tuple[Lesion, ...]
    volume_ml: float
    review: Review
    warnings: tuple[str, ...]
    case: CaseResult = field(repr=False)

    def save(self, folder: str | Path, *, probability: bool = False, overwrite: bool = False) -> tuple[Path, ...]:
        """Write mask, record and picture as ``spinal-tf segment`` does, all or none.

        Args:
            folder: made where it is missing; the names begin with the scan's.
            probability: also write the lesion probability.
            overwrite: replace files that exist.

        Returns:
            The files.

        Raises:
            OutputError: a file exists and ``overwrite`` is not set, or the folder cannot be written to.
        """
        names = _files(self.case, folder).lesion_outputs(probability=probability)
        return _saved(names, _lesion_writer(self.case), overwrite=overwrite)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassificationResult:
    """Diagnosis of one scan. Arrays have the axis order of the scan's file, or of the array that was given.

    Attributes:
        diagnosis: reached by following the operating points; None where there was nothing to classify.
        posterior: probability of each diagnosis, by its word: ``astrocytoma``, ``ms`` and so on. Empty where there was
            nothing to classify.
        tasks: answer of each classifier, with its Grad-CAM map as ``heatmap``, float32 (i, j, k), 0 to 1.
        mask: bool (i, j, k), the mask that was classified.
        affine: (4, 4) float64, (i, j, k) to patient RAS mm; the scan's own.
        lesions: the mask's 3D components, by descending volume.
        review: whether a person should look at the mask, and why; None where a mask was given.
        warnings: about scan, mask and networks, a sentence each.
        case: all of it in the package's axis order.
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
        """Write record, page and heat maps as ``spinal-tf classify`` does, all or none.

        Where the scan was segmented for this, its mask, record and picture are written, too.

        Args:
            folder: made where it is missing; the names begin with the scan's.
            overwrite: replace files that exist.

        Returns:
            The files; heat maps that do not exist are left out.

        Raises:
            OutputError: a file exists and ``overwrite`` is not set, or the folder cannot be written to.
        """
        files = _files(self.case, folder)
        lesions = () if self.case.segmentation is None else files.lesion_outputs(probability=False)

        def write(paths: tuple[Path, ...]) -> None:
            if lesions:
                _lesion_writer(self.case)(paths[: len(lesions)])
            write_diagnosis_files(self.case, paths[len(lesions) :], Stopwatch(self.case.timings_s))

        return _saved((*lesions, *files.diagnosis_outputs(self.case.method)), write, overwrite=overwrite)


@dataclass(frozen=True, kw_only=True, eq=False)
class HeatMaps:
    """Where the classifiers looked. Arrays have the axis order of the scan's file, or of the array that was given.

    Attributes:
        maps: by name of the task, for the class that it calls: float32 (i, j, k), 0 to 1, zero on slices without
            lesion. Empty where the mask gave nothing to classify.
        called: class that each map speaks for, by name of the task.
        affine: (4, 4) float64, (i, j, k) to patient RAS mm; the scan's own.
        warnings: a sentence each.
        case: all of it in the package's axis order.
    """

    maps: dict[str, np.ndarray] = field(repr=False)
    called: dict[str, str]
    affine: np.ndarray = field(repr=False)
    warnings: tuple[str, ...]
    case: CaseResult = field(repr=False)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> tuple[Path, ...]:
        """Write the picture and the map of each task on the way to the diagnosis, all or none.

        Args:
            folder: made where it is missing; the names begin with the scan's.
            overwrite: replace files that exist.

        Returns:
            The files; maps that do not exist are left out.

        Raises:
            OutputError: a file exists and ``overwrite`` is not set, or the folder cannot be written to.
        """
        names = _files(self.case, folder).heatmap_outputs(self.case.method)
        return _saved(names, lambda paths: write_heatmap_files(self.case, paths), overwrite=overwrite)


def _files(case: CaseResult, folder: str | Path) -> CaseFiles:
    return CaseFiles(case=Path(case.volume.source), folder=Path(folder))


def _lesion_writer(case: CaseResult) -> Write:
    return lambda paths: write_lesion_files(case, paths, Stopwatch(case.timings_s))


def _saved(targets: tuple[Path, ...], write: Write, *, overwrite: bool) -> tuple[Path, ...]:
    make_folder(targets[0].parent)
    with output_files(*targets, overwrite=overwrite) as temporaries:
        write(temporaries)
    return tuple(target for target in targets if target.exists())
