"""Whether two who judged the same cases differ, and what is left of it after many tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

EXACT_BELOW = 25
"""Discordant cases; with fewer of them McNemar's test is exact. The limit is the usual one. Without correction the
approximation is near its level from there on (Fagerland, Lydersen, Laake, BMC Med Res Methodol 2013;13:91)."""


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """Cases that only one of two got right, and how likely such an imbalance is by chance.

    Attributes:
        only_first: right in the first alone.
        only_second: right in the second alone.
        exact: whether p is from the binomial distribution.
        p: two-sided; NaN where there is no case.
    """

    only_first: int
    only_second: int
    exact: bool
    p: float


def mcnemar(first: np.ndarray, second: np.ndarray) -> McNemar:
    """McNemar's test (Psychometrika 1947;12:153).

    Of b and c discordant cases, with fewer than `EXACT_BELOW` of them the two-sided binomial test of b among b + c at
    1/2, otherwise chi-squared of (b - c)^2 / (b + c), without correction for continuity.

    Args:
        first: bool, (n,), whether the first was right.
        second: bool, (n,).
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
    """Correct probability values of one family of tests after Holm (Scand J Stat 1979;6:65).

    NaN, a test that was not possible, stays NaN and does not count as a test.
    """
    array = np.asarray(values, float)
    done = np.flatnonzero(~np.isnan(array))
    order = done[np.argsort(array[done], kind="stable")]
    corrected = np.full(len(array), math.nan)
    steps = array[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps))
    return [float(value) for value in corrected]
