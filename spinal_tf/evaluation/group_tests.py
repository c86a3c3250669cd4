"""Tests of differences between groups, as in Table 1 of Zhuo et al. 2022: two-sided, pairs Bonferroni-corrected.

Choices that the paper leaves open are ours, and are stated here. A test that the data do not allow gives NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
from scipy import stats
from scipy.special import gammaln

from spinal_tf.evaluation.described import Proportion

CHI_SQUARED, FISHER, ANOVA, KRUSKAL_WALLIS = "chi-squared", "Fisher", "ANOVA", "Kruskal-Wallis"

FEWEST_EXPECTED = 5.0
SHARE_BELOW = 0.2
"""Fisher's test is used if more than this share of expected counts is below ``FEWEST_EXPECTED``, or any is below 1
(Cochran, Biometrics 1954;10:417). The paper does not give its own rule."""

MOST_TABLES = 2_000_000
"""Fisher's test enumerates all tables with the same margins; with more than this, the chi-squared test is used."""

EQUALLY_LIKELY = 1e-7
"""Relative tolerance when the probabilities of two tables are compared."""

Group = TypeVar("Group", bound=Hashable)
Data = TypeVar("Data")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Result of a test.

    Attributes:
        test: name of the test.
        p: p value for all groups together; NaN if the data do not allow the test.
        pairs: corrected p value for each pair; empty if the test for all groups was not possible.
    """

    test: str
    p: float
    pairs: Mapping[tuple[Hashable, Hashable], float]


def compare_proportions(groups: Mapping[Group, Proportion]) -> Comparison:
    """Run Pearson's chi-squared test without continuity correction, or Fisher's exact test for small counts.

    For more than two groups, Fisher's test is that of Freeman and Halton (Biometrika 1951;38:141). Each pair is tested
    in the same way.
    """
    test, p = proportions_p(list(groups.values()))
    pairs = {} if math.isnan(p) else _pairs(groups, lambda one, other: proportions_p([one, other])[1])
    return Comparison(test=test, p=p, pairs=pairs)


def compare_means(groups: Mapping[Group, np.ndarray]) -> Comparison:
    """Run a one-way analysis of variance, and t tests of pairs with the variance pooled over all groups.

    Args:
        groups: values of each group, float, shape (n,).
    """
    samples = [values for values in groups.values() if len(values)]
    freedom = sum(map(len, samples)) - len(samples)
    within = sum(float(((values - values.mean()) ** 2).sum()) for values in samples)
    if len(samples) < 2 or freedom < 1 or within == 0:
        return Comparison(test=ANOVA, p=math.nan, pairs={})

    def pair(one: np.ndarray, other: np.ndarray) -> float:
        error = math.sqrt(within / freedom * (1 / len(one) + 1 / len(other)))
        return float(2 * stats.t.sf(abs(one.mean() - other.mean()) / error, freedom))

    filled = {group: values for group, values in groups.items() if len(values)}
    return Comparison(test=ANOVA, p=float(stats.f_oneway(*samples).pvalue), pairs=_pairs(filled, pair))


def compare_ranks(groups: Mapping[Group, np.ndarray]) -> Comparison:
    """Run the Kruskal-Wallis test, and Dunn's test of pairs on the ranks of all groups (Technometrics 1964;6:241).

    Args:
        groups: values of each group, float, shape (n,).
    """
    filled = {group: values for group, values in groups.items() if len(values)}
    everything = np.concatenate([*filled.values(), np.empty(0)])
    if len(filled) < 2 or everything.min() == everything.max():
        return Comparison(test=KRUSKAL_WALLIS, p=math.nan, pairs={})
    ranks = stats.rankdata(everything)
    ends = np.cumsum([len(values) for values in filled.values()])
    ranked = dict(zip(filled, np.split(ranks, ends[:-1]), strict=True))
    count, ties = len(everything), np.unique(everything, return_counts=True)[1].astype(float)
    variance = count * (count + 1) / 12 - (ties**3 - ties).sum() / (12 * (count - 1))

    def pair(one: np.ndarray, other: np.ndarray) -> float:
        error = math.sqrt(variance * (1 / len(one) + 1 / len(other)))
        return float(2 * stats.norm.sf(abs(one.mean() - other.mean()) / error))

    p = float(stats.kruskal(*filled.values()).pvalue)
    return Comparison(test=KRUSKAL_WALLIS, p=p, pairs=_pairs(ranked, pair))


def proportions_p(groups: list[Proportion]) -> tuple[str, float]:
    """Run the test that suits the counts.

    Returns:
        Name of the test, and its p value; NaN if there are fewer than two groups or all answers are the same.
    """
    totals = np.array([group.total for group in groups])
    counts = np.array([group.count for group in groups])
    if len(groups) < 2 or counts.sum() in (0, totals.sum()):
        return CHI_SQUARED, math.nan
    table = np.stack([counts, totals - counts])
    expected = stats.contingency.expected_freq(table)
    small = (expected < FEWEST_EXPECTED).mean() > SHARE_BELOW or expected.min() < 1
    if small and _tables(counts, totals) <= MOST_TABLES:
        return FISHER, fisher_exact_p(counts, totals)
    return CHI_SQUARED, float(stats.chi2_contingency(table, correction=False).pvalue)


def fisher_exact_p(counts: np.ndarray, totals: np.ndarray) -> float:
    """Return the summed probability of all tables with these margins that are at most as likely as this one.

    Args:
        counts: int, number of members of each group with the property.
        totals: int, number of members of each group.
    """
    order = np.argsort(totals)  # the largest group follows from the others and needs no axis of its own
    counts, totals = counts[order], totals[order]
    drawn = int(counts.sum())
    axes = [np.arange(min(total, drawn) + 1) for total in totals[:-1]]
    listed = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(len(axes), -1)
    last = drawn - listed.sum(axis=0)
    possible = (last >= 0) & (last <= totals[-1])
    tables = np.vstack([listed, last])[:, possible]
    logarithms = _log_ways(totals[:, np.newaxis], tables).sum(axis=0)
    observed = _log_ways(totals, counts).sum()
    likelihoods = np.exp(logarithms - _log_ways(totals.sum(), np.array(drawn)))
    return min(1.0, float(likelihoods[logarithms <= observed + EQUALLY_LIKELY].sum()))


def _tables(counts: np.ndarray, totals: np.ndarray) -> float:
    return float(np.prod(np.minimum(np.sort(totals)[:-1], counts.sum()) + 1.0))


def _log_ways(total: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the logarithm of the number of ways to choose so many of a total."""
    ways: np.ndarray = gammaln(total + 1) - gammaln(chosen + 1) - gammaln(total - chosen + 1)
    return ways


def _pairs(groups: Mapping[Group, Data], test: Callable[[Data, Data], float]) -> dict[tuple[Hashable, Hashable], float]:
    pairs = list(combinations(groups, 2))
    return {(one, other): min(1.0, len(pairs) * test(groups[one], groups[other])) for one, other in pairs}
