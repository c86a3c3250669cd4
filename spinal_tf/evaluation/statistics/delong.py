"""Area under the ROC curve with its covariance between raters of the same cases.

The method is that of DeLong, DeLong, Clarke-Pearson (Biometrics 1988;44:837), with the algorithm of Sun and Xu (IEEE
Signal Processing Letters 2014;21:1389): it computes the placements of DeLong et al. from midranks, in O(n log n) rather
than from all pairs of cases. It assumes independent cases.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from spinal_tf.evaluation.statistics.intervals import ROUNDING, UNKNOWN, Interval, normal


@dataclass(frozen=True, kw_only=True)
class Areas:
    """Areas of k score columns over the same cases.

    Attributes:
        values: (k,), NaN if a class is absent.
        covariance: (k, k), NaN if a class has fewer than two cases.
    """

    values: np.ndarray
    covariance: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Difference of two values, its interval, and its two-sided p value."""

    value: float
    interval: Interval
    p: float


def areas(labels: np.ndarray, scores: np.ndarray) -> Areas:
    """Compute areas and their covariance.

    With m positive scores x, n negative scores y, R the midranks within a column and Q the midranks within a class, the
    placements are V10 = (R(x) - Q(x)) / n and V01 = 1 - (R(y) - Q(y)) / m. The area is the mean of either, and the
    covariance is cov(V10) / m + cov(V01) / n.

    Args:
        labels: bool, (n,), at least one.
        scores: float, (k, n); a higher score means more likely positive.
    """
    columns, positive, negative = len(scores), int(labels.sum()), int((~labels).sum())
    if not positive or not negative:
        return Areas(values=np.full(columns, math.nan), covariance=np.full((columns, columns), math.nan))
    ranks = stats.rankdata(scores, axis=1)
    of_positive = (ranks[:, labels] - stats.rankdata(scores[:, labels], axis=1)) / negative
    of_negative = 1 - (ranks[:, ~labels] - stats.rankdata(scores[:, ~labels], axis=1)) / positive
    covariance = np.full((columns, columns), math.nan)
    if min(positive, negative) > 1:
        covariance = (np.cov(of_positive) / positive + np.cov(of_negative) / negative).reshape(columns, columns)
    return Areas(values=of_positive.mean(axis=1), covariance=covariance)


def area_interval(found: Areas) -> Interval:
    """Return the interval of the first area; unknown if the classes do not overlap, since the variance is then 0."""
    variance = float(found.covariance[0, 0])
    return normal(float(found.values[0]), variance, low=0, high=1) if variance > ROUNDING else UNKNOWN


def paired_difference(found: Areas) -> Difference:
    """Return the first minus the second area, over the same cases."""
    covariance = found.covariance
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    return _difference(float(found.values[0] - found.values[1]), variance)


def unpaired_difference(one: Areas, other: Areas) -> Difference:
    """Return the first area of one group of cases minus that of another group."""
    return _difference(float(one.values[0] - other.values[0]), float(one.covariance[0, 0] + other.covariance[0, 0]))


def _difference(value: float, variance: float) -> Difference:
    if not variance > ROUNDING:
        return Difference(value=value, interval=UNKNOWN, p=math.nan)
    p = float(2 * stats.norm.sf(abs(value) / math.sqrt(variance)))
    return Difference(value=value, interval=normal(value, variance, low=-1, high=1), p=p)
