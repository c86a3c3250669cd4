"""McNemar's test for two raters or models of the same cases, and Holm's correction for multiple tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

EXACT_BELOW = 25
"""With fewer discordant cases, McNemar's test is exact. This is the usual limit: from here on, the uncorrected
approximation is close to its nominal level (Fagerland, Lydersen, Laake, BMC Med Res Methodol 2013;13:91)."""


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """Result of McNemar's test on cases that only one of two got right.

    Attributes:
        only_first: number of cases that only the first got right.
        only_second: number of cases that only the second got right.
        exact: whether p is from the binomial distribution.
        p: two-sided p value; NaN without cases.
    """

    only_first: int
    only_second: int
    exact: bool
    p: float


def mcnemar(first: np.ndarray, second: np.ndarray) -> McNemar:
    """Run McNemar's test (Psychometrika 1947;12:153).

    b and c are the numbers of discordant cases. If b + c is below `EXACT_BELOW`, the test is the two-sided binomial
    test of b among b + c at 1/2; otherwise chi-squared of (b - c)^2 / (b + c), without continuity correction.

    Args:
        first: bool, (n,), whether the first was right.
        second: bool, (n,), whether the second was right.
    """
    only_first = int(np.count_nonzero(first & ~second))
    only_second = int(np.count_nonzero(second & ~first))
    discordant = only_first + only_second
    exact = discordant < EXACT_BELOW
    if not len(first):
        p = math.nan
    elif not discordant:
        p = 1.0
    elif exact:
        p = float(stats.binomtest(only_first, discordant).pvalue)
    else:
        p = float(stats.chi2.sf((only_first - only_second) ** 2 / discordant, 1))
    return McNemar(only_first=only_first, only_second=only_second, exact=exact, p=p)


def holm(values: Sequence[float]) -> list[float]:
    """Correct the p values of one family of tests with Holm's method (Scand J Stat 1979;6:65).

    NaN stands for a test that was not possible; it stays NaN and does not count as a test.
    """
    array = np.asarray(values, float)
    done = np.flatnonzero(~np.isnan(array))
    order = done[np.argsort(array[done], kind="stable")]
    corrected = np.full(len(array), math.nan)
    steps = array[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps))
    return [float(value) for value in corrected]
