"""Bootstrap over patients, stratified by class, without a loop over resamples.

A resample is not a list of cases but a row of counts: how often each case was drawn. Every count of a confusion matrix
is then a product of two matrices, and the area under the ROC curve is a cumulative sum along each row. Rows are made in
blocks, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from spinal_tf.evaluation.statistics.confusion import parts

ELEMENTS_AT_ONCE = 500_000
"""Counts in a block: 4 MB, which a processor's cache holds."""

Replicates = dict[str, np.ndarray]
"""Values of a measure in every resample, (resamples,), by its name."""


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """How often, and with which seed of at least 0."""

    resamples: int = 2000
    seed: int = 2022


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a model or a rater says of n cases.

    Attributes:
        calls: bool, (n,).
        scores: float, (n,); the larger, the likelier positive. None where there are none, or their curve does not
            matter.
    """

    calls: np.ndarray
    scores: np.ndarray | None = None


def draws(strata: np.ndarray, patients: np.ndarray, resampling: Resampling, *, stream: int = 0) -> Iterator[np.ndarray]:
    """How often each case is drawn: patients with all their cases, with replacement, as many of each stratum as it has.

    Args:
        strata: (n,), the same for all cases of a patient.
        patients: (n,), any values that tell them apart.
        resampling: how many resamples.
        stream: other numbers give draws that are independent of these.

    Yields:
        Blocks of resamples, float64, (resamples, n).
    """
    members, first, patient_of = np.unique(patients, return_index=True, return_inverse=True)
    groups = [np.flatnonzero(strata[first] == stratum) for stratum in np.unique(strata)]
    single = np.array_equal(patient_of, np.arange(len(patients)))
    rng = np.random.default_rng((resampling.seed, stream))
    at_once = max(1, ELEMENTS_AT_ONCE // max(1, len(patients)))
    for start in range(0, resampling.resamples, at_once):
        rows = min(at_once, resampling.resamples - start)
        counts = np.empty((rows, len(members)))
        for group in groups:
            counts[:, group] = _counts(rng, rows, len(group))
        yield counts if single else counts[:, patient_of]


def _counts(rng: np.random.Generator, rows: int, size: int) -> np.ndarray:
    drawn = rng.integers(size, size=(rows, size)) + size * np.arange(rows)[:, np.newaxis]
    return np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)


def replicate(
    labels: np.ndarray,
    patients: np.ndarray,
    answers: Sequence[Answers],
    resampling: Resampling,
    *,
    stream: int = 0,
) -> list[Replicates]:
    """Every measure in every resample, the same resamples for all who answer, so that differences are paired.

    Args:
        labels: bool, (n,).
        patients: (n,).
        answers: of one or several on these cases.
        resampling: how many resamples.
        stream: see `draws`.

    Returns:
        For each who answers: the ratios of `confusion`, and ``auc`` of the scores; NaN where a resample has nothing to
        divide by.
    """
    curves = {index: _Curve(labels, one.scores) for index, one in enumerate(answers) if one.scores is not None}
    columns = np.column_stack([column for one in answers for column in _columns(labels, one.calls)]).astype(float)
    sums: list[np.ndarray] = []
    surfaces: dict[int, list[np.ndarray]] = {index: [] for index in curves}
    for counts in draws(labels, patients, resampling, stream=stream):
        sums.append(counts @ columns)
        for index, curve in curves.items():
            surfaces[index].append(curve.areas(counts))
    summed = np.concatenate(sums).T.reshape(len(answers), 4, -1)
    found = [_ratios(counted) for counted in summed]
    for index, blocks in surfaces.items():
        found[index]["auc"] = np.concatenate(blocks)
    return found


def mean_replicates(values: np.ndarray, strata: np.ndarray, patients: np.ndarray, resampling: Resampling) -> np.ndarray:
    """The mean of values over the cases of every resample.

    Args:
        values: (n, k).
        strata: see `draws`.
        patients: (n,).
        resampling: how many resamples.

    Returns:
        (k, resamples).
    """
    blocks = draws(strata, patients, resampling)
    return np.concatenate([counts @ values / counts.sum(axis=1, keepdims=True) for counts in blocks]).T


def _columns(labels: np.ndarray, calls: np.ndarray) -> list[np.ndarray]:
    return [labels & calls, labels & ~calls, ~labels & ~calls, ~labels & calls]


def _ratios(confusion: np.ndarray) -> Replicates:
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: count / total for name, (count, total) in parts(*confusion).items()}


class _Curve:
    """Area under the ROC curve for cases that count several times: the share of pairs in the right order, ties half."""

    def __init__(self, labels: np.ndarray, scores: np.ndarray) -> None:
        self.positive, self.negative = np.flatnonzero(labels), np.flatnonzero(~labels)
        self.negative = self.negative[np.argsort(scores[self.negative], kind="stable")]
        ordered = scores[self.negative]
        # Where the positive scores would stand among the ordered negative ones, before and behind their equals.
        self.before = np.searchsorted(ordered, scores[self.positive], side="left")
        self.behind = np.searchsorted(ordered, scores[self.positive], side="right")

    def areas(self, counts: np.ndarray) -> np.ndarray:
        """Of each row of counts, (rows,)."""
        below = np.zeros((len(counts), len(self.negative) + 1))
        np.cumsum(counts[:, self.negative], axis=1, out=below[:, 1:])
        positive = counts[:, self.positive]
        pairs = np.einsum("ij,ij->i", positive, below[:, self.before])
        if not np.array_equal(self.before, self.behind):
            pairs = (pairs + np.einsum("ij,ij->i", positive, below[:, self.behind])) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            found: np.ndarray = pairs / (positive.sum(axis=1) * below[:, -1])
        return found
