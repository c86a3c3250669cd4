"""ROC curve, and its bootstrap band, without a loop over resamples.

Straight lines join the points of all cut-offs. Equal scores of both classes therefore give a sloped line, and the area
below is the AUC in which ties count half. On a vertical segment the value is the upper end: the largest sensitivity at
that specificity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinal_tf.evaluation.evaluation_options import Resampling
from spinal_tf.evaluation.statistics.bootstrap import FEWEST_PATIENTS, draws, fewest_patients
from spinal_tf.evaluation.statistics.intervals import LEVEL

ROUNDING = 1e-9
"""Rates that differ by at most this are equal; different rates of n cases differ by at least 1 / n^2."""

FALSE_POSITIVE_RATES = np.linspace(0, 1, 101)
"""Values of 1 - specificity at which the band is computed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RocCurve:
    """Corners of the curve, from calling nobody positive to calling everybody.

    Attributes:
        false_positive_rate: 1 - specificity, (k,), from 0 to 1, ascending.
        sensitivity: (k,), from 0 to 1, ascending.
    """

    false_positive_rate: np.ndarray
    sensitivity: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class RocBand:
    """Pointwise limits of the sensitivity.

    Attributes:
        false_positive_rate: 1 - specificity, (k,).
        low: lower limit of the sensitivity, (k,).
        high: upper limit of the sensitivity, (k,).
    """

    false_positive_rate: np.ndarray
    low: np.ndarray
    high: np.ndarray


def roc_curve(labels: np.ndarray, scores: np.ndarray) -> RocCurve | None:
    """Return the curve of some cases, or None if a class is absent.

    Args:
        labels: bool, (n,).
        scores: float, (n,); a higher score means more likely positive.
    """
    if labels.all() or not labels.any():
        return None
    corners = _Corners(labels, scores)
    once = np.ones((1, len(labels)))
    return RocCurve(
        false_positive_rate=corners.rates(once, positive=False)[0], sensitivity=corners.rates(once, positive=True)[0]
    )


def roc_band(
    labels: np.ndarray,
    scores: np.ndarray,
    patients: np.ndarray,
    resampling: Resampling,
    *,
    false_positive_rates: np.ndarray = FALSE_POSITIVE_RATES,
) -> RocBand | None:
    """Return the pointwise 95 % band: percentiles of the sensitivity at fixed specificities, over resampled patients.

    Patients are drawn within classes, see `bootstrap.draws`. The band is valid for each specificity alone, not for the
    whole curve at once.

    Args:
        labels: bool, (n,).
        scores: float, (n,); a higher score means more likely positive.
        patients: (n,), patient identifiers of any type.
        resampling: number of resamples, and seed.
        false_positive_rates: 1 - specificity, (k,).

    Returns:
        The band; None if a class has fewer than `FEWEST_PATIENTS`, or if all resamples give the same curve.
    """
    if fewest_patients(labels, patients) < FEWEST_PATIENTS:
        return None
    corners = _Corners(labels, scores)
    found = [
        _sensitivity_at(
            false_positive_rates, corners.rates(counts, positive=False), corners.rates(counts, positive=True)
        )
        for counts in draws(labels, patients, resampling)
    ]
    low, high = np.quantile(np.concatenate(found), ((1 - LEVEL) / 2, (1 + LEVEL) / 2), axis=0)
    return RocBand(false_positive_rate=false_positive_rates, low=low, high=high) if (high > low).any() else None


class _Corners:
    """Corners of the curve for cases with counts: one for each distinct score."""

    def __init__(self, labels: np.ndarray, scores: np.ndarray) -> None:
        self.order = np.argsort(-scores, kind="stable")
        ordered = scores[self.order]
        self.positive = labels[self.order]
        self.ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))

    def rates(self, counts: np.ndarray, *, positive: bool) -> np.ndarray:
        """Return the share of a class at or above each score, (rows, k), with a leading 0."""
        chosen = self.positive if positive else ~self.positive
        summed = np.cumsum(counts[:, self.order] * chosen, axis=1)[:, self.ends]
        found: np.ndarray = np.pad(summed, ((0, 0), (1, 0))) / summed[:, -1:]
        return found


def _sensitivity_at(wanted: np.ndarray, false_positive: np.ndarray, sensitivity: np.ndarray) -> np.ndarray:
    """Interpolate rows of corners, (rows, k), at the wanted rates, (wanted,); returns (rows, wanted)."""
    rows, corners = false_positive.shape
    # Each row is shifted 2 above the one before, so that the joined rows ascend and one search finds all places.
    shift = 2.0 * np.arange(rows)[:, np.newaxis]
    place = np.searchsorted((false_positive + shift).ravel(), wanted + shift + ROUNDING, side="right") - 1
    before = place - corners * np.arange(rows)[:, np.newaxis]
    after = np.minimum(before + 1, corners - 1)
    x0, x1, y0, y1 = (
        np.take_along_axis(values, index, axis=1)
        for values in (false_positive, sensitivity)
        for index in (before, after)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(x1 > x0, (wanted - x0) / (x1 - x0), 0)
    found: np.ndarray = y0 + np.clip(share, 0, 1) * (y1 - y0)
    return found
