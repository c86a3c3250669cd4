"""95 % intervals by formula, and from bootstrap replicates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from spinal_tf.evaluation.described import Proportion

LEVEL = 0.95

Z = float(stats.norm.ppf((1 + LEVEL) / 2))
"""Two-sided quantile of the normal distribution: 1.96."""

ROUNDING = 1e-12
"""Widths and variances up to this are 0 within rounding: one of n cases changes an area's variance by about 1 / n^3."""

FEWEST_DEFINED = 0.95
"""Share of bootstrap replicates that must be defined; with fewer, the rest would describe another population."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Limits of an interval; NaN if unknown."""

    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether the limits are known."""
        return not math.isnan(self.low + self.high)


UNKNOWN = Interval(low=math.nan, high=math.nan)


def wilson(proportion: Proportion | None) -> Interval:
    """Return Wilson's score interval of a proportion of independent answers (J Am Stat Assoc 1927;22:209).

    The limits p solve (x / n - p)^2 = z^2 p (1 - p) / n.
    """
    if proportion is None:
        return UNKNOWN
    share, total, z = proportion.count / proportion.total, proportion.total, Z
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    # At 0 and 1 the formula is exact, but its evaluation has rounding errors.
    low = 0.0 if proportion.count == 0 else middle - half
    return Interval(low=low, high=1.0 if proportion.count == total else middle + half)


def newcombe(one: Proportion | None, other: Proportion | None) -> Interval:
    """Return the interval of the difference of two independent proportions (Newcombe, Stat Med 1998;17:873, method 10).

    It combines Wilson's limits of both: d - sqrt((p1 - l1)^2 + (u2 - p2)^2), d + sqrt((u1 - p1)^2 + (p2 - l2)^2).
    """
    if one is None or other is None:
        return UNKNOWN
    (p1, p2), (i1, i2) = (x.count / x.total for x in (one, other)), (wilson(x) for x in (one, other))
    difference = p1 - p2
    return Interval(
        low=difference - math.hypot(p1 - i1.low, i2.high - p2),
        high=difference + math.hypot(i1.high - p1, p2 - i2.low),
    )


def normal(value: float, variance: float, *, low: float, high: float) -> Interval:
    """Return value plus or minus z standard errors, clipped to the range of the value.

    A variance of 0 gives an unknown interval: the formula then has no information, and the value is still uncertain.
    """
    if not variance > 0:
        return UNKNOWN
    half = Z * math.sqrt(variance)
    return Interval(low=max(low, value - half), high=min(high, value + half))


def percentile(replicates: np.ndarray) -> Interval:
    """Return the bootstrap percentile interval (Efron, Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).

    If both limits are the same, the interval is unknown: resamples that all agree tell nothing of other patients.

    Args:
        replicates: float, (resamples,), NaN for resamples in which the value is undefined.
    """
    defined = replicates[~np.isnan(replicates)]
    if not len(defined) or len(defined) < FEWEST_DEFINED * len(replicates):
        return UNKNOWN
    low, high = np.quantile(defined, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(low=float(low), high=float(high)) if high - low > ROUNDING else UNKNOWN
