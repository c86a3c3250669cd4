"""Agreement of two measurements of the same objects (Bland, Altman, Stat Methods Med Res 1999;8:135)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from spinal_tf.evaluation.statistics.intervals import LEVEL, UNKNOWN, Interval, Z

FEWEST = 2
"""Fewest differences for a standard deviation."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Mean difference and limits of agreement.

    Attributes:
        total: number of differences.
        mean: mean difference; NaN without differences.
        mean_interval: interval of the mean; unknown for fewer than two differences.
        low: mean - 1.96 standard deviations; NaN for fewer than two differences.
        low_interval: interval of ``low``.
        high: mean + 1.96 standard deviations; NaN for fewer than two differences.
        high_interval: interval of ``high``.
    """

    total: int
    mean: float
    mean_interval: Interval
    low: float
    low_interval: Interval
    high: float
    high_interval: Interval


def limits_of_agreement(differences: np.ndarray) -> Agreement:
    """Return the range that holds 95 % of normally distributed differences, with intervals.

    A limit's variance is s^2 (1 / n + z^2 / (2 (n - 1))), the mean's is s^2 / n. Intervals use t with n - 1 degrees
    of freedom and assume independent differences.

    Args:
        differences: float, (n,), finite.
    """
    total = len(differences)
    mean = float(differences.mean()) if total else math.nan
    if total < FEWEST:
        return Agreement(
            total=total,
            mean=mean,
            mean_interval=UNKNOWN,
            low=math.nan,
            low_interval=UNKNOWN,
            high=math.nan,
            high_interval=UNKNOWN,
        )
    sd = float(differences.std(ddof=1))
    low, high = mean - Z * sd, mean + Z * sd
    t = float(stats.t.ppf((1 + LEVEL) / 2, total - 1))
    of_mean = t * sd / math.sqrt(total)
    of_limit = t * sd * math.sqrt(1 / total + Z**2 / (2 * (total - 1)))
    return Agreement(
        total=total,
        mean=mean,
        mean_interval=_around(mean, of_mean),
        low=low,
        low_interval=_around(low, of_limit),
        high=high,
        high_interval=_around(high, of_limit),
    )


def _around(value: float, half: float) -> Interval:
    return Interval(low=value - half, high=value + half)
