"""Names of a case's files, and functions that read and write them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from spinal_tf.anatomy.outline_map import outline_map
from spinal_tf.errors import VolumeError, WeightsError
from spinal_tf.file_names import legible
from spinal_tf.images.image_registry import RESULT_SUFFIX, image_stem
from spinal_tf.images.lesion_mask import ANY_MASK, read_lesion_mask
from spinal_tf.images.volume import Volume, write_on_grid
from spinal_tf.map_methods import MapMethod
from spinal_tf.models import SEGMENTER
from spinal_tf.pipeline import ReviewedMask
from spinal_tf.prediction_options import MaskValues
from spinal_tf.report import write_contact_sheet, write_html, write_json
from spinal_tf.report.mask_origin import MASK_STEM, is_automatic
from spinal_tf.report.record import no_heatmap
from spinal_tf.results import CaseResult
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.structures import ANATOMY
from spinal_tf.taxonomy import tree

RECORD_ENDING, MASK_ENDING = f"{MASK_STEM}.json", f"{MASK_STEM}{RESULT_SUFFIX}"

MORE = {"probability": f"_probability{RESULT_SUFFIX}", "anatomy": f"_anatomy{RESULT_SUFFIX}"}
"""Endings of the images that ``segment`` writes on request, by name."""


@dataclass(frozen=True, kw_only=True)
class CaseFiles:
    """The files of one case.

    Attributes:
        case: path of the T2w image.
        folder: folder for outputs.
    """

    case: Path
    folder: Path

    @property
    def stem(self) -> str:
        """File name of the case without its suffix."""
        return image_stem(self.case)

    def output(self, ending: str) -> Path:
        """Return the path of the output with this ending, such as ``_lesion.json``."""
        return self.folder / f"{self.stem}{ending}"

    def lesion_outputs(self, *more: str) -> tuple[Path, ...]:
        """Return the outputs of ``segment``: record, mask, picture, and those of `MORE` that are named."""
        endings = (RECORD_ENDING, MASK_ENDING, "_lesion.png", *(MORE[name] for name in more))
        return tuple(map(self.output, endings))

    def diagnosis_outputs(self, method: MapMethod = MapMethod.GRADCAM) -> tuple[Path, ...]:
        """Return the outputs of ``classify``: record, page, picture of the heat maps, and `heatmaps`."""
        return self.output("_diagnosis.json"), self.output("_diagnosis.html"), *self.heatmap_outputs(method)

    def heatmap_outputs(self, method: MapMethod = MapMethod.GRADCAM) -> tuple[Path, ...]:
        """Return the picture of the heat maps, and `heatmaps`."""
        return self.output(f"_{method.value}.png"), *self.heatmaps(method)

    def heatmaps(self, method: MapMethod = MapMethod.GRADCAM) -> tuple[Path, ...]:
        """Return the image of each task's heat map; the record says why one is not written."""
        return tuple(self.output(f"_{method.value}_{task.name}{RESULT_SUFFIX}") for task in tree().tasks)

    def all_outputs(self) -> tuple[Path, ...]:
        """Return every file that ``segment`` or ``classify`` could write."""
        of_methods = (path for method in MapMethod for path in self.diagnosis_outputs(method))
        return (*self.lesion_outputs(*MORE), *dict.fromkeys(of_methods))


def read_reviewed_mask(
    case: CaseFiles, given: Path | None, *, like: Volume, values: MaskValues = ANY_MASK
) -> ReviewedMask:
    """Read the mask to classify with.

    It counts as reviewed unless its voxels equal a network's mask, whatever its file name. Records beside the mask,
    beside the case or in the output folder identify the network's masks.

    Args:
        case: files of the case.
        given: file of the mask; None for the one that ``segment`` wrote, in the output folder or else beside the case.
        like: scan that the mask belongs to.
        values: which values of the mask are lesion.

    Raises:
        VolumeError: the file is missing, is no lesion mask, or does not fit the scan; see `read_lesion_mask`.
    """
    path = given or _written_mask(case)
    with nullcontext() if given else sought_mask(case, path):
        found = read_lesion_mask(path, like=like, values=values)
    folders = (path.parent, case.folder, case.case.parent)
    automatic = is_automatic(found.mask, path, scan=case.case, folders=folders)
    return ReviewedMask(
        mask=found.mask,
        source=legible(path.name),
        automatic=automatic,
        doubts=found.doubts,
        warnings=found.warnings,
    )


@contextmanager
def sought_mask(case: CaseFiles, path: Path) -> Iterator[None]:
    """Let errors about a mask that the user did not name begin with its case.

    Raises:
        VolumeError: in place of such an error.
    """
    try:
        yield
    except VolumeError as error:
        problem = str(error).removeprefix(f"{legible(path.name)}: ")
        raise VolumeError(f"{legible(case.case.name)}: its mask for --with-mask, {path}: {problem}") from error


def _written_mask(case: CaseFiles) -> Path:
    places = (case, replace(case, folder=case.case.parent))
    masks = [place.output(MASK_ENDING) for place in places]
    found = next((mask for mask in masks if mask.exists() or mask.is_symlink()), None)
    if found is None:
        nor_there = "" if case.folder == case.case.parent else f" or in {case.folder}"
        raise VolumeError(
            f"{legible(case.case.name)}: there is no mask {legible(masks[0].name)} beside it{nor_there}; run segment "
            "first, or name a mask with --with-mask FILE"
        )
    return found


def write_lesion_files(result: CaseResult, paths: tuple[Path, ...], watch: Stopwatch, *more: str) -> None:
    """Write the files of ``CaseFiles.lesion_outputs`` to (temporary) paths in the same order, without any diagnosis."""
    used = tuple(model for model in result.models if model.name in (SEGMENTER, ANATOMY))
    result = replace(result, classification=None, models=used)
    record, mask, picture, *images = paths
    with watch.stage("write"):
        write_on_grid(result.mask, mask, like=result.volume)
        write_contact_sheet(result, picture)
        for name, path in zip(more, images, strict=True):
            write_on_grid(_image(name, result), path, like=result.volume)
    write_json(result, record)  # last, so that it includes the time for the other files


def _image(name: str, result: CaseResult) -> np.ndarray:
    """Return an image of `MORE`.

    Raises:
        WeightsError: the weights have no anatomy network.
    """
    if name == "anatomy":
        slices, rows, columns = result.volume.data.shape
        if result.spine is None:
            raise WeightsError("these weights have no anatomy network, so there is no anatomy to write; leave it out")
        return outline_map(result.spine.spine, (slices, rows, columns))
    if result.segmentation is None:
        raise ValueError("the mask was given, so there is no probability")
    return result.segmentation.probability


def write_diagnosis_files(result: CaseResult, paths: tuple[Path, ...], watch: Stopwatch) -> None:
    """Write the files of ``CaseFiles.diagnosis_outputs`` to (temporary) paths in the same order.

    If a task has no heat map, its path is removed: an image of zeros would look like a finding.
    """
    record, page, *heatmaps = paths
    with watch.stage("write"):
        write_html(result, page)
        write_heatmap_files(result, tuple(heatmaps))
    write_json(result, record)


def write_heatmap_files(result: CaseResult, paths: tuple[Path, ...]) -> None:
    """Write the files of ``CaseFiles.heatmap_outputs``; see `write_diagnosis_files`."""
    picture, *heatmaps = paths
    write_contact_sheet(result, picture)
    for path, heatmap in zip_longest(heatmaps, _heatmaps(result)):
        if heatmap is None:
            path.unlink(missing_ok=True)
        else:
            write_on_grid(heatmap, path, like=result.volume)


def _heatmaps(result: CaseResult) -> list[np.ndarray | None]:
    """Return the heat map of each task, None if it has none; an empty list if nothing was classified."""
    found = result.classification
    return [None if no_heatmap(task, found) else task.heatmap for task in found.tasks] if found else []
