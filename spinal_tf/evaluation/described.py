"""Summaries of a group, in the three forms of Table 1 of Zhuo et al. 2022."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Proportion:
    """Proportion ``count`` of ``total`` known cases; ``total`` is at least 1."""

    count: int
    total: int

    def __str__(self) -> str:
        """Format count, total and percentage as ``35/94 (37)``."""
        return f"{self.count}/{self.total} ({100 * self.count / self.total:.0f})"


@dataclass(frozen=True, kw_only=True)
class MeanSD:
    """Mean and standard deviation (n - 1) of ``total`` values; ``sd`` is NaN for a single one."""

    mean: float
    sd: float
    total: int

    def __str__(self) -> str:
        """Format as ``12.64 ± 10.77``."""
        return f"{self.mean:.2f}" if math.isnan(self.sd) else f"{self.mean:.2f} ± {self.sd:.2f}"


@dataclass(frozen=True, kw_only=True)
class MedianIQR:
    """Median, first and third quartile of ``total`` values."""

    median: float
    first: float
    third: float
    total: int

    def __str__(self) -> str:
        """Format as ``4 (2.5-6)``."""
        return f"{self.median:.3g} ({self.first:.3g}-{self.third:.3g})"


Described = Proportion | MeanSD | MedianIQR


def proportion(answers: Iterable[bool]) -> Proportion | None:
    """Return the share of True; None without answers."""
    known = list(answers)
    return Proportion(count=sum(known), total=len(known)) if known else None


def mean_sd(values: Sequence[float]) -> MeanSD | None:
    """Return mean and SD, for values that are assumed to be normally distributed; None without values."""
    if not values:
        return None
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return MeanSD(mean=float(np.mean(values)), sd=sd, total=len(values))


def median_iqr(values: Sequence[float]) -> MedianIQR | None:
    """Return median and quartiles; None without values.

    Quartiles are those of SPSS, which the paper used: at rank (n + 1) p, with linear interpolation.
    """
    if not values:
        return None
    first, median, third = (float(value) for value in np.quantile(values, (0.25, 0.5, 0.75), method="weibull"))
    return MedianIQR(median=median, first=first, third=third, total=len(values))
