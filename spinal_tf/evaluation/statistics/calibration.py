"""Calibration of probabilities: reliability, Brier score, calibration error, temperature, net benefit."""

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
"""Smallest distance of probabilities from 0 and 1 before their logarithm is taken."""

LARGEST_LOG_TEMPERATURE = math.log(100)

THRESHOLDS = tuple(percent / 100 for percent in range(1, 100))
"""Threshold probabilities at which net benefit is computed."""


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Cases whose probability lies from ``low`` up to, but not including, ``high``; 1 is in the last bin.

    Attributes:
        low: lower end of the bin.
        high: upper end of the bin.
        predicted: mean probability of the cases.
        observed: share of the positive class among the cases in the bin.
    """

    low: float
    high: float
    predicted: float
    observed: Proportion


@dataclass(frozen=True, kw_only=True)
class NetBenefit:
    """Net benefit at a threshold: of the model's calls, and of calling everybody positive (calling nobody gives 0)."""

    threshold: float
    model: float
    everybody: float


def reliability(labels: np.ndarray, scores: np.ndarray) -> list[Bin]:
    """Return observed and predicted frequency in `BINS` bins of equal width; empty bins are left out.

    Args:
        labels: bool, (n,).
        scores: float, 0 to 1, (n,), probability of the positive class.
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
    """Return the mean over cases of |observed - predicted frequency| of their bin (Naeini et al., AAAI 2015).

    Frequency and probability are those of the positive class. The error is never below 0, so with few cases even
    well-calibrated probabilities have an error above 0.
    """
    total = sum(one.observed.total for one in bins)
    apart = sum(abs(one.observed.count - one.observed.total * one.predicted) for one in bins)
    return apart / total if total else math.nan


def brier(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the mean squared distance of probability and outcome (Brier, Mon Weather Rev 1950;78:1).

    NaN without cases.
    """
    return float(np.mean((scores - labels) ** 2)) if len(labels) else math.nan


def temperature(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the T for which sigmoid(logit(p) / T) has the smallest log loss (Guo et al., ICML 2017), 0.01 to 100.

    NaN if a class is absent. If the classes do not overlap, the best T would be 0; the lower limit is returned.
    """
    if labels.all() or not labels.any():
        return math.nan
    odds = logit(np.clip(scores, EDGE, 1 - EDGE)) * np.where(labels, -1, 1)

    def loss(log_temperature: float) -> float:
        return float(np.logaddexp(0, odds * math.exp(-log_temperature)).mean())

    bounds = (-LARGEST_LOG_TEMPERATURE, LARGEST_LOG_TEMPERATURE)
    return math.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-8}).x)


def scaled(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities with their log odds divided by a temperature."""
    result: np.ndarray = expit(logit(np.clip(scores, EDGE, 1 - EDGE)) / temperature)
    return result


def decision_curve(labels: np.ndarray, scores: np.ndarray) -> list[NetBenefit]:
    """Return the net benefit TP / n - FP / n * t / (1 - t) at each of `THRESHOLDS`.

    It is valid for the prevalence of these cases (Vickers, Elkin, Med Decis Making 2006;26:565).

    Args:
        labels: bool, (n,), at least one.
        scores: float, 0 to 1, (n,).
    """
    total, positive = len(labels), int(labels.sum())
    curve = []
    for threshold in THRESHOLDS:
        found, odds = confusion(labels, scores >= threshold), threshold / (1 - threshold)
        model = (found.tp - found.fp * odds) / total
        everybody = (positive - (total - positive) * odds) / total
        curve.append(NetBenefit(threshold=threshold, model=model, everybody=everybody))
    return curve
