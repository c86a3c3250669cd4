"""Folder that keeps a mask and a record for each case, so that no prediction is made twice."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spinal_tf.evaluation.lesionwise import LesionwiseScore, MatchedLesion
from spinal_tf.files import output_files
from spinal_tf.images.image_registry import RESULT_SUFFIX
from spinal_tf.images.volume import write_on_grid
from spinal_tf.prediction.predict_case import CasePrediction, predicted_columns
from spinal_tf.report.notice import RESEARCH_ONLY
from spinal_tf.report.record import mask_digest
from spinal_tf.results import CaseResult

RECORD_VERSION = 4
"""Increases when a field changes its meaning or the same networks predict differently; older records are remade."""


@dataclass(frozen=True, kw_only=True)
class PredictionFolder:
    """Predictions of single cases.

    Attributes:
        path: the folder; must exist before anything is written.
    """

    path: Path

    def mask(self, case: str) -> Path:
        """Return the path of the segmenter's mask of a case, on the grid of its T2w scan."""
        return self.path / f"{case}_lesion{RESULT_SUFFIX}"

    def record(self, case: str) -> Path:
        """Return the path of a case's prediction record."""
        return self.path / f"{case}_prediction.json"

    def read(self, case: str, key: str) -> CasePrediction | None:
        """Return the prediction of a case, or None if none with this key exists.

        Args:
            case: name of the case.
            key: see `prediction_key`.
        """
        try:
            record = json.loads(self.record(case).read_text(encoding="utf-8"))
            same = record["record_version"] == RECORD_VERSION and record["key"] == key and self.mask(case).exists()
            return _prediction(record) if same else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # an unreadable record is made again

    def write(self, case: str, key: str, prediction: CasePrediction, found: CaseResult) -> None:
        """Write both mask and record or neither, replacing earlier ones.

        Args:
            case: name of the case.
            key: see `prediction_key`.
            prediction: prediction of the case.
            found: result of the segmentation.

        Raises:
            OutputError: the folder cannot be written to.
        """
        with output_files(self.mask(case), self.record(case), overwrite=True) as (mask, record):
            write_on_grid(found.mask, mask, like=found.volume)
            text = json.dumps(_record(case, key, prediction, found), indent=2, ensure_ascii=False, allow_nan=False)
            record.write_text(text + "\n", encoding="utf-8")


def _record(case: str, key: str, prediction: CasePrediction, found: CaseResult) -> dict[str, Any]:
    review = found.segmentation.review.reasons if found.segmentation else ()
    return {
        "record_version": RECORD_VERSION,
        "notice": RESEARCH_ONLY,
        "case": case,
        "key": key,
        "cells": dict(prediction.cells),
        "lesions": asdict(prediction.lesions),
        "place": dict(prediction.place),
        "review": list(review),
        "warnings": list(found.warnings),
        "mask": {"voxels_sha256": mask_digest(found.mask)},
    }


def _prediction(record: dict[str, Any]) -> CasePrediction:
    lesions = {mask: tuple(MatchedLesion(**one) for one in some) for mask, some in record["lesions"].items()}
    return CasePrediction(
        cells={column: str(record["cells"][column]) for column in predicted_columns()},
        lesions=LesionwiseScore(**lesions),
        place={column: str(text) for column, text in record["place"].items()},
    )
