"""Machine-readable record of a case; ``docs/schema/`` describes every field.

Records of segmented and of classified cases have the same fields; without classification, ``classification`` is null
and ``not_classified`` gives the reason.
"""

from __future__ import annotations

import json
import math
import platform
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import spinal_tf
from spinal_tf.anatomy.found_spine import FoundSpine
from spinal_tf.anatomy.lesion_levels import case_location, extent_vertebrae
from spinal_tf.anatomy.levels import UNKNOWN
from spinal_tf.anatomy.vertebra_names import vertebra_name
from spinal_tf.images.volume import Volume, file_slice_axis, file_slice_numbers
from spinal_tf.lesions import Lesion
from spinal_tf.report.notice import notice
from spinal_tf.results import TOO_THIN, CaseResult, Classification, ModelRecord, TaskResult

RECORD_VERSION = 2
"""Version of the record; incremented when a field is renamed or removed or changes its meaning."""

DISTRIBUTIONS = {
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tf-nightly"),
    "keras": ("keras",),
    "numpy": ("numpy",),
}
"""Distributions that may provide each library; their versions are read without importing them."""


def case_json(result: CaseResult) -> dict[str, Any]:
    """Return the record of one case, ready for ``json.dumps``: no NaN, no NumPy types, no folder names.

    Probabilities and cut-offs keep all digits, so that a call can be reproduced from them; measures are rounded.
    """
    volume, where = result.volume, case_location(result.lesions)
    record = {
        "record_version": RECORD_VERSION,
        "notice": notice(result.models),
        "input": {"file": Path(volume.source).name},
        "grid": _grid(volume),
        "mask": _mask(result),
        "spine": spine_entry(result.spine),
        "lesions": [_lesion(lesion) for lesion in result.lesions],
        "total_volume_ml": _rounded(mask_volume_ml(result)),
        "location": where.value if where else None,
        "extent_vertebrae": extent_vertebrae(result.lesions),
        "review": _review(result),
        "classification": _classification(result.classification, volume) if result.classification else None,
        "not_classified": not_classified(result),
        "models": [model_entry(model) for model in result.models],
        "software": software_versions(),
        "timings_s": {stage: _rounded(seconds) for stage, seconds in result.timings_s.items()},
        "warnings": list(result.warnings),
    }
    return {key: _without_nan(value) for key, value in record.items()}


def model_entry(model: ModelRecord) -> dict[str, str | None]:
    """Return the entry of a model in a record."""
    return {
        "name": model.name,
        "sha256": model.sha256,
        "trained_on": model.summary,
        "trained_on_kind": model.kind,
        "served": model.served,
    }


def write_json(result: CaseResult, path: Path) -> None:
    """Write ``case_json`` as UTF-8, indented."""
    text = json.dumps(case_json(result), indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def mask_volume_ml(result: CaseResult) -> float:
    """Return the volume of the mask in use, in mL."""
    return int(result.mask.sum()) * result.volume.voxel_volume_ml


def mask_digest(mask: np.ndarray) -> str:
    """Return the SHA-256 of a mask's voxels, which shows a later run whether a person has changed the mask.

    Args:
        mask: bool (slice, row, column); hashed as one byte per voxel, 0 or 1, in that order.
    """
    return sha256(np.ascontiguousarray(mask, np.uint8).tobytes()).hexdigest()


def not_classified(result: CaseResult) -> str | None:
    """Return why there is no classification; None if there is one."""
    if result.classification:
        return None
    if result.lesions:
        return TOO_THIN if TOO_THIN in result.warnings else "this is the result of the segmentation alone"
    return "no lesion was found, so there is nothing to classify"


def no_heatmap(result: TaskResult, classification: Classification) -> str | None:
    """Return why a task's heat map is not written as an image; None if it is."""
    if not result.task.applies_to(classification.diagnosis):
        return "the called classes lead to the other branch, so this task has no part in the diagnosis"
    return None if result.heatmap.any() else "nothing in the slices speaks for the called class"


def software_versions() -> dict[str, str | None]:
    """Return the versions of Python and the libraries that computed the case; None if one is not installed."""
    versions = {name: _installed(names) for name, names in DISTRIBUTIONS.items()}
    return {"spinal-tf": spinal_tf.__version__, "python": platform.python_version(), **versions}


def _installed(names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def _grid(volume: Volume) -> dict[str, Any]:
    slices, rows, columns = volume.data.shape
    slice_mm, row_mm, column_mm = volume.spacing_mm
    return {
        "slices": slices,
        "rows": rows,
        "columns": columns,
        "slice_spacing_mm": _rounded(slice_mm),
        "row_spacing_mm": _rounded(row_mm),
        "column_spacing_mm": _rounded(column_mm),
        "voxel_volume_ml": _rounded(volume.voxel_volume_ml, digits=9),
        "slice_axis": file_slice_axis(volume),
    }


def spine_entry(found: FoundSpine | None) -> dict[str, Any] | None:
    """Return what a scan shows of the spine; None if it was not looked for."""
    if found is None:
        return None
    spine = found.spine
    end = UNKNOWN if spine is None else spine.cord_end_level
    return {
        "found": spine is not None,
        "vertebrae": [vertebra_name(number) for number in spine.shown] if spine else [],
        "numbered_from": list(spine.numbering.landmarks) if spine else [],
        "cord_ends_at": None if end == UNKNOWN else vertebra_name(end),
        "doubts": [*found.doubts, *(spine.numbering.doubts if spine else ())],
    }


def _mask(result: CaseResult) -> dict[str, Any]:
    segmentation = result.segmentation
    return {
        "provenance": result.mask_provenance,
        "file": Path(result.mask_source).name if result.mask_source else None,
        "voxels_sha256": mask_digest(result.mask),
        "threshold": segmentation.threshold if segmentation else None,
        "minimum_peak": segmentation.minimum_peak if segmentation else None,
        "minimum_volume_ml": segmentation.minimum_volume_ml if segmentation else None,
    }


def _review(result: CaseResult) -> dict[str, Any] | None:
    review = result.review
    return {"needed": review.needed, "reasons": list(review.reasons)} if review else None


def _lesion(lesion: Lesion) -> dict[str, Any]:
    return {
        "number": lesion.number,
        "volume_ml": _rounded(lesion.volume_ml),
        "length_mm": _rounded(lesion.length_mm),
        "width_mm": _rounded(lesion.width_mm),
        "diameter_mm": _rounded(lesion.diameter_mm),
        "centroid_mm": [_rounded(coordinate) for coordinate in lesion.centroid_mm],
        "slices": [int(number) for number in lesion.slices],
        "contrast_sd": None if lesion.contrast is None else _rounded(lesion.contrast),
        "touches_border": bool(lesion.touches_border),
        "levels": None if lesion.levels is None else {name: _rounded(share) for name, share in lesion.levels.items()},
    }


def _classification(classification: Classification, volume: Volume) -> dict[str, Any]:
    numbers = file_slice_numbers(volume, classification.slices)
    return {
        "diagnosis": classification.diagnosis.value,
        "posterior": {diagnosis.value: float(p) for diagnosis, p in classification.posterior.items()},
        "tasks": [_task(task, numbers, classification) for task in classification.tasks],
        "with_t1c": classification.with_t1c,
        "explained_by": classification.method.value,
    }


def _task(result: TaskResult, slice_numbers: tuple[int, ...], classification: Classification) -> dict[str, Any]:
    negative, positive = result.task.classes
    return {
        "name": result.task.name,
        "negative_class": negative,
        "positive_class": positive,
        "probability": float(result.probability),
        "operating_point": float(result.operating_point),
        "called": result.called,
        "tiles": [
            {"slice": int(number), "probability": float(probability)}
            for number, probability in zip(slice_numbers, result.tile_probabilities, strict=True)
        ],
        "activation": {
            "zone": result.activation.zone.value,
            "mean": {region: float(mean) for region, mean in result.activation.means.items()},
        },
        "no_heatmap": no_heatmap(result, classification),
    }


def _rounded(value: float, *, digits: int = 4) -> float:
    return round(float(value), digits)


def _without_nan(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Replace NaN and infinities, which JSON cannot hold, by None."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
