"""What a case's files are called, and writing them, all or none."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spinal_tf.errors import OutputError, VolumeError
from spinal_tf.pipeline import ReviewedMask
from spinal_tf.report import write_contact_sheet, write_html, write_json
from spinal_tf.report.record import mask_digest
from spinal_tf.results import CaseResult
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.taxonomy import TASKS
from spinal_tf.volume import Volume, read_mask, write_on_grid

SUFFIXES = (".nii.gz", ".nii")
OUR_ENDINGS = ("_lesion", "_probability", *(f"_gradcam_{task.name}" for task in TASKS))
"""Endings of images that we write; a folder given as input is searched for the others."""


@dataclass(frozen=True, kw_only=True)
class CaseFiles:
    """The files of one case.

    Attributes:
        case: the T2w image.
        folder: where outputs go.
    """

    case: Path
    folder: Path

    @property
    def stem(self) -> str:
        """The case's name without its suffix."""
        name = self.case.name
        return next((name[: -len(suffix)] for suffix in SUFFIXES if name.endswith(suffix)), name)

    def output(self, ending: str) -> Path:
        """The output with that ending, such as ``_lesion.json``."""
        return self.folder / f"{self.stem}{ending}"

    def lesion_outputs(self, *, probability: bool) -> tuple[Path, ...]:
        """What ``segment`` writes: record, mask, picture, and the probability where asked for."""
        endings = ["_lesion.json", "_lesion.nii.gz", "_lesion.png"] + ["_probability.nii.gz"] * probability
        return tuple(self.output(ending) for ending in endings)

    def diagnosis_outputs(self) -> tuple[Path, ...]:
        """What ``classify`` writes: record, page, heat maps as a picture and one image for each task."""
        endings = ["_diagnosis.json", "_diagnosis.html", "_gradcam.png"]
        return tuple(self.output(e) for e in [*endings, *(f"_gradcam_{task.name}.nii.gz" for task in TASKS)])


def find_cases(inputs: tuple[Path, ...], output: Path | None) -> list[CaseFiles]:
    """The cases that inputs name; a folder stands for the images in it that are not outputs of ours.

    Raises:
        VolumeError: a folder without images.
        OutputError: two cases would write the same files, or the output folder cannot be made.
    """
    paths = [path for given in inputs for path in (_images(given) if given.is_dir() else [given])]
    if output is not None:
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{output}: cannot be made ({error.strerror}); choose another folder") from error
    cases = [CaseFiles(case=path, folder=output or path.parent) for path in paths]
    names = [case.output("") for case in cases]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise OutputError(f"{twice.name}: two cases of this name would write the same files; run them apart")
    return cases


def _images(folder: Path) -> list[Path]:
    images = [p for p in sorted(folder.iterdir()) if p.name.endswith(SUFFIXES) and not _is_ours(p)]
    if not images:
        raise VolumeError(f"{folder}: no .nii or .nii.gz image in this folder; convert DICOM to NIfTI first (dcm2niix)")
    return images


def _is_ours(path: Path) -> bool:
    stem = CaseFiles(case=path, folder=path.parent).stem
    return stem.endswith(OUR_ENDINGS) or stem.startswith(".")


def read_reviewed_mask(case: CaseFiles, given: Path | None, *, like: Volume) -> ReviewedMask:
    """The mask to classify with.

    A named file counts as reviewed by a person. Without a name it is the one ``segment`` wrote, which counts as
    reviewed where its voxels differ from what was written then.

    Raises:
        VolumeError: there is no such file, or it does not fit the scan.
    """
    path = given or case.output("_lesion.nii.gz")
    if given is None and not path.exists():
        raise VolumeError(f"{path}: no mask beside the case; run segment first, or name a mask with --with-mask FILE")
    mask = read_mask(path, like=like)
    automatic = given is None and mask_digest(mask) == _recorded_digest(case.output("_lesion.json"))
    return ReviewedMask(mask=mask, source=path.name, automatic=automatic)


def _recorded_digest(record: Path) -> str | None:
    try:
        return str(json.loads(record.read_text(encoding="utf-8"))["mask"]["voxels_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # without a record nobody can say that the mask is untouched


def write_lesion_files(result: CaseResult, paths: tuple[Path, ...], watch: Stopwatch) -> None:
    """Write what ``CaseFiles.lesion_outputs`` names to (temporary) paths in the same order; nothing of a diagnosis."""
    result = replace(result, classification=None)
    record, mask, picture, *probability = paths
    with watch.stage("write"):
        write_on_grid(result.mask, mask, like=result.volume)
        write_contact_sheet(result, picture)
        if probability and result.segmentation:
            write_on_grid(result.segmentation.probability, probability[0], like=result.volume)
    write_json(result, record)  # last, so that it holds the time the others took


def write_diagnosis_files(result: CaseResult, paths: tuple[Path, ...], watch: Stopwatch) -> None:
    """Write what ``CaseFiles.diagnosis_outputs`` names to (temporary) paths in the same order."""
    record, page, picture, *heatmaps = paths
    with watch.stage("write"):
        write_contact_sheet(result, picture)
        write_html(result, page)
        for index, path in enumerate(heatmaps):
            write_on_grid(_heatmap(result, index), path, like=result.volume)
    write_json(result, record)


def _heatmap(result: CaseResult, task: int) -> np.ndarray:
    """Grad-CAM of a task; all zero where nothing was classified."""
    if result.classification is None:
        return np.zeros(result.mask.shape, np.float32)
    return result.classification.tasks[task].heatmap
