"""Dice and both volumes of the masks, from the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from spinal_tf.evaluation.predictions import CaseSet, Prediction, Predictions
from spinal_tf.taxonomy import Diagnosis


@dataclass(frozen=True, kw_only=True)
class MaskSize:
    """A case with a lesion in its reference mask.

    Attributes:
        name: name of the case.
        diagnosis: diagnosis of the case.
        reference_ml: volume of the reference in mL, above 0.
        predicted_ml: volume of the model's mask in mL, NaN if missing in the table.
        dice: Dice, NaN if missing in the table.
    """

    name: str
    diagnosis: Diagnosis
    reference_ml: float
    predicted_ml: float
    dice: float


def reported(predictions: Predictions) -> tuple[CaseSet, tuple[Prediction, ...]]:
    """Return the cases of the test, or of validation if there is no test."""
    test = predictions.of_set(CaseSet.TEST)
    return (CaseSet.TEST, test) if test else (CaseSet.VALIDATION, predictions.of_set(CaseSet.VALIDATION))


def mask_sizes(cases: Sequence[Prediction]) -> list[MaskSize]:
    """Return the sizes for cases with a diagnosis and a known reference volume above 0."""
    found = []
    for case in cases:
        reference_ml = _known(case, "reference_volume_ml")
        if case.diagnosis and reference_ml > 0:
            found.append(
                MaskSize(
                    name=case.name,
                    diagnosis=case.diagnosis,
                    reference_ml=reference_ml,
                    predicted_ml=_known(case, "volume_ml"),
                    dice=_known(case, "dice"),
                )
            )
    return found


def _known(case: Prediction, column: str) -> float:
    """Return a measure of the mask, NaN if it is missing or not finite."""
    value = case.overlap.get(column, math.nan)
    return value if math.isfinite(value) else math.nan
