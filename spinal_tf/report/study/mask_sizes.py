"""What the table says of the masks: Dice, and both volumes."""

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
        name: of the case.
        diagnosis: of it.
        reference_ml: above 0.
        predicted_ml: NaN where the table does not say.
        dice: NaN where the table does not say.
    """

    name: str
    diagnosis: Diagnosis
    reference_ml: float
    predicted_ml: float
    dice: float


def reported(predictions: Predictions) -> tuple[CaseSet, tuple[Prediction, ...]]:
    """The cases of the test, of validation where there is no test."""
    test = predictions.of_set(CaseSet.TEST)
    return (CaseSet.TEST, test) if test else (CaseSet.VALIDATION, predictions.of_set(CaseSet.VALIDATION))


def mask_sizes(cases: Sequence[Prediction]) -> list[MaskSize]:
    """Of the cases with a diagnosis whose reference volume is known and above 0."""
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
    """A measure of the mask, NaN where there is none that is finite."""
    value = case.overlap.get(column, math.nan)
    return value if math.isfinite(value) else math.nan
