"""Calibration of probabilities, before and after scaling with a temperature chosen on the validation cases."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spinal_tf.evaluation.evaluation_options import Resampling
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.scored import Scored, ScoredTask
from spinal_tf.evaluation.statistics.bootstrap import mean_replicates
from spinal_tf.evaluation.statistics.calibration import (
    Bin,
    NetBenefit,
    brier,
    decision_curve,
    expected_calibration_error,
    reliability,
    scaled,
    temperature,
)
from spinal_tf.evaluation.statistics.intervals import Interval, percentile


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Calibration of probabilities against outcomes.

    Attributes:
        brier: Brier score, the mean squared distance.
        bootstrap: interval of the Brier score, by bootstrap over patients.
        ece: expected calibration error. It has no interval, since repeated cases raise it in every resample.
        bins: points of the reliability curve.
        curve: net benefit over the threshold.
    """

    brier: float
    bootstrap: Interval
    ece: float
    bins: tuple[Bin, ...]
    curve: tuple[NetBenefit, ...]


@dataclass(frozen=True, kw_only=True)
class CalibrationPair:
    """Calibration of one task on one set.

    Attributes:
        scored: cases of the set.
        temperature: temperature chosen on validation; NaN if validation lacks a class.
        before: calibration of the original probabilities.
        after: calibration with the temperature; None on validation, and if there is no temperature.
    """

    scored: Scored
    temperature: float
    before: Calibration
    after: Calibration | None


def calibrations(task: ScoredTask, resampling: Resampling) -> list[CalibrationPair]:
    """Evaluate the probabilities of a task on every set that has cases."""
    validation = task.sets[CaseSet.VALIDATION]
    chosen = temperature(validation.labels, validation.scores) if validation.cases else math.nan
    pairs = []
    for case_set, scored in task.sets.items():
        if not scored.cases:
            continue
        scores = [scored.scores]
        if case_set is not CaseSet.VALIDATION and not math.isnan(chosen):
            scores.append(scaled(scored.scores, chosen))
        before, *after = _calibrations(scored, np.stack(scores), resampling)
        pairs.append(
            CalibrationPair(scored=scored, temperature=chosen, before=before, after=after[0] if after else None)
        )
    return pairs


def _calibrations(scored: Scored, scores: np.ndarray, resampling: Resampling) -> list[Calibration]:
    """Return the calibration of each row of scores, (k, n)."""
    squares = (scores - scored.labels) ** 2
    replicates = mean_replicates(squares.T, scored.labels, scored.patients, resampling)
    found = []
    for row, resampled in zip(scores, replicates, strict=True):
        bins = reliability(scored.labels, row)
        found.append(
            Calibration(
                brier=brier(scored.labels, row),
                bootstrap=percentile(resampled),
                ece=expected_calibration_error(bins),
                bins=tuple(bins),
                curve=tuple(decision_curve(scored.labels, row)),
            )
        )
    return found
