"""Whether probabilities are what they say: reliability, Brier score, calibration error, temperature, net benefit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.statistics.confusion import confusion

BINS = 10

EDGE = 1e-7
"""Probabilities are kept this far from 0 and 1 before their logarithm is taken."""

LARGEST_LOG_TEMPERATURE = math.log(100)

THRESHOLDS = tuple(percent / 100 for percent in range(1, 100))
"""Probabilities at which net benefit is given."""


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Cases whose probability lies from ``low`` up to, but not including, ``high``; 1 is in the last bin.

    Attributes:
        low: of the bin.
        high: of the bin.
        predicted: mean probability of the cases.
        observed: those of the positive class, of all in the bin.
    """

    low: float
    high: float
    predicted: float
    observed: Proportion


@dataclass(frozen=True, kw_only=True)
class NetBenefit:
    """Net benefit at a threshold: of the model's calls, of calling everybody positive; of nobody it is 0."""

    threshold: float
    model: float
    everybody: float


def reliability(labels: np.ndarray, scores: np.ndarray) -> list[Bin]:
    """Observed against predicted frequency in `BINS` bins of equal width; empty bins are left out.

    Args:
        labels: bool, (n,).
        scores: 0 to 1, (n,), probability of the positive class.
    """
    place = np.minimum((scores * BINS).astype(int), BINS - 1)
    return [
        Bin(
            low=number / BINS,
            high=(number + 1) / BINS,
            predicted=float(scores[place == number].mean()),
            observed=Proportion(count=int(labels[place == number].sum()), total=int((place == number).sum())),
        )
        for number in np.unique(place)
    ]


def expected_calibration_error(bins: list[Bin]) -> float:
    """Mean over cases of how far observed and predicted frequency of their bin are apart (Naeini et al., AAAI 2015).

    For two classes: probability and frequency of the positive one. It is never below 0, so that with few cases it is
    above 0 however well calibrated the probabilities are.
    """
    total = sum(one.observed.total for one in bins)
    apart = sum(abs(one.observed.count - one.observed.total * one.predicted) for one in bins)
    return apart / total if total else math.nan


def brier(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean squared distance of probability and outcome (Brier, Mon Weather Rev 1950;78:1); NaN without cases."""
    return float(np.mean((scores - labels) ** 2)) if len(labels) else math.nan


def temperature(labels: np.ndarray, scores: np.ndarray) -> float:
    """The T for which sigmoid(logit(p) / T) has the smallest log loss (Guo et al., ICML 2017), 0.01 to 100.

    NaN where a class is absent. Where the classes do not overlap T would be 0; it ends at its lower limit.
    """
    if labels.all() or not labels.any():
        return math.nan
    odds = logit(np.clip(scores, EDGE, 1 - EDGE)) * np.where(labels, -1, 1)

    def loss(log_temperature: float) -> float:
        return float(np.logaddexp(0, odds * math.exp(-log_temperature)).mean())

    bounds = (-LARGEST_LOG_TEMPERATURE, LARGEST_LOG_TEMPERATURE)
    return math.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-8}).x)


def scaled(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities with their log odds divided by a temperature."""
    result: np.ndarray = expit(logit(np.clip(scores, EDGE, 1 - EDGE)) / temperature)
    return result


def decision_curve(labels: np.ndarray, scores: np.ndarray) -> list[NetBenefit]:
    """Net benefit TP / n - FP / n * t / (1 - t) at each of `THRESHOLDS` (Vickers, Elkin, Med Decis Making 2006;26:565).

    It holds for the share of positive cases that these cases have.

    Args:
        labels: bool, (n,), at least one.
        scores: 0 to 1, (n,).
    """
    total, positive = len(labels), int(labels.sum())
    curve = []
    for threshold in THRESHOLDS:
        found, odds = confusion(labels, scores >= threshold), threshold / (1 - threshold)
        model = (found.tp - found.fp * odds) / total
        everybody = (positive - (total - positive) * odds) / total
        curve.append(NetBenefit(threshold=threshold, model=model, everybody=everybody))
    return curve
