"""The ROC curve, and its band from the bootstrap, without a loop over resamples.

The curve joins the points of all cut-offs by straight lines, so that equal scores of both classes give a slant and the
area below is the AUC with ties half. On a vertical piece its value is the upper end: the largest sensitivity at that
specificity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinal_tf.evaluation.statistics.bootstrap import Resampling, draws
from spinal_tf.evaluation.statistics.intervals import LEVEL

ROUNDING = 1e-9
"""Rates that are no further apart are the same; two of n cases are at least 1 / n^2 apart."""

FALSE_POSITIVE_RATES = np.linspace(0, 1, 101)
"""1 - specificity at which the band is given."""


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
    """Limits of the sensitivity, for each specificity by itself.

    Attributes:
        false_positive_rate: 1 - specificity, (k,).
        low: (k,).
        high: (k,).
    """

    false_positive_rate: np.ndarray
    low: np.ndarray
    high: np.ndarray


def roc_curve(labels: np.ndarray, scores: np.ndarray) -> RocCurve | None:
    """The curve of some cases; None where a class is absent.

    Args:
        labels: bool, (n,).
        scores: (n,); the larger, the likelier positive.
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
    """Pointwise band of 95 %: percentiles of the sensitivity at fixed specificities, over resampled patients.

    Patients are drawn within classes, see `bootstrap.draws`. The band holds for each specificity by itself, not for the
    whole curve at once.

    Args:
        labels: bool, (n,).
        scores: (n,); the larger, the likelier positive.
        patients: (n,), any values that tell them apart.
        resampling: how many resamples.
        false_positive_rates: 1 - specificity, (k,).

    Returns:
        The band; None where a class is absent.
    """
    if labels.all() or not labels.any():
        return None
    corners = _Corners(labels, scores)
    found = [
        _sensitivity_at(
            false_positive_rates, corners.rates(counts, positive=False), corners.rates(counts, positive=True)
        )
        for counts in draws(labels, patients, resampling)
    ]
    low, high = np.quantile(np.concatenate(found), ((1 - LEVEL) / 2, (1 + LEVEL) / 2), axis=0)
    return RocBand(false_positive_rate=false_positive_rates, low=low, high=high)


class _Corners:
    """The curve's corners for cases that count several times: one for each different score."""

    def __init__(self, labels: np.ndarray, scores: np.ndarray) -> None:
        self.order = np.argsort(-scores, kind="stable")
        ordered = scores[self.order]
        self.positive = labels[self.order]
        self.ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))

    def rates(self, counts: np.ndarray, *, positive: bool) -> np.ndarray:
        """Share of a class at or above each score, (rows, k), the first of them 0."""
        chosen = self.positive if positive else ~self.positive
        summed = np.cumsum(counts[:, self.order] * chosen, axis=1)[:, self.ends]
        found: np.ndarray = np.pad(summed, ((0, 0), (1, 0))) / summed[:, -1:]
        return found


def _sensitivity_at(wanted: np.ndarray, false_positive: np.ndarray, sensitivity: np.ndarray) -> np.ndarray:
    """Of each row of corners, (rows, k), at the wanted rates, (wanted,): (rows, wanted)."""
    rows, corners = false_positive.shape
    # Rows end to end, each 2 above the one before, are ascending as a whole: one search finds all.
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
