"""Bootstrap over patients, stratified by class, without a loop over resamples.

A resample is stored as a row of counts: how often each case was drawn. The counts of a confusion matrix are then a
product of two matrices, and the area under the ROC curve is a cumulative sum along each row. Rows are made in blocks,
so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from spinal_tf.evaluation.evaluation_options import Resampling
from spinal_tf.evaluation.statistics.confusion import parts

ELEMENTS_AT_ONCE = 500_000
"""Counts in a block: 4 MB, which fits into the cache of a processor."""

ACROSS_CLASSES = ("auc", "ppv", "npv", "precision")
"""Measures that compare one class with the other, and so depend on the cases of both."""

FEWEST_PATIENTS = 2
"""Fewest patients of a class that resampling can vary."""

Replicates = dict[str, np.ndarray]
"""Values of each measure in every resample, (resamples,), by name of the measure."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Answers of a model or rater for n cases.

    Attributes:
        calls: bool, (n,), True for positive.
        scores: float, (n,); a higher score means more likely positive. None if there are no scores or no ROC curve
            is needed.
    """

    calls: np.ndarray
    scores: np.ndarray | None = None


def draws(strata: np.ndarray, patients: np.ndarray, resampling: Resampling, *, stream: int = 0) -> Iterator[np.ndarray]:
    """Draw patients with all their cases, with replacement, as many from each stratum as it has.

    Args:
        strata: (n,), the same for all cases of a patient.
        patients: (n,), patient identifiers of any type.
        resampling: number of resamples, and seed.
        stream: number of the random stream; different streams are independent.

    Yields:
        Blocks of counts, how often each case is drawn: float64, (resamples, n).
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
    """Compute every measure in every resample; all answers use the same resamples, so differences are paired.

    Args:
        labels: bool, (n,).
        patients: (n,).
        answers: answers of one or several models or raters for these cases.
        resampling: number of resamples, and seed.
        stream: see `draws`.

    Returns:
        For each item of ``answers``: the ratios of `confusion`, and ``auc`` if it has scores; NaN where a resample
        gives 0 / 0. `ACROSS_CLASSES` are NaN if a class has fewer than `FEWEST_PATIENTS`: that class would be the same
        in every resample.
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
    if fewest_patients(labels, patients) < FEWEST_PATIENTS:
        undefined = np.full(resampling.resamples, np.nan)
        return [one | {name: undefined for name in ACROSS_CLASSES if name in one} for one in found]
    return found


def fewest_patients(labels: np.ndarray, patients: np.ndarray) -> int:
    """Return the number of patients of the smaller class; labels and patients: (n,)."""
    return min(len(np.unique(patients[labels == label])) for label in (False, True))


def mean_replicates(values: np.ndarray, strata: np.ndarray, patients: np.ndarray, resampling: Resampling) -> np.ndarray:
    """Return the mean of values over the cases of every resample.

    Args:
        values: float, (n, k).
        strata: see `draws`.
        patients: (n,).
        resampling: number of resamples, and seed.

    Returns:
        Means, (k, resamples).
    """
    blocks = draws(strata, patients, resampling)
    return np.concatenate([counts @ values / counts.sum(axis=1, keepdims=True) for counts in blocks]).T


def _columns(labels: np.ndarray, calls: np.ndarray) -> list[np.ndarray]:
    return [labels & calls, labels & ~calls, ~labels & ~calls, ~labels & calls]


def _ratios(confusion: np.ndarray) -> Replicates:
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: count / total for name, (count, total) in parts(*confusion).items()}


class _Curve:
    """Area under the ROC curve for cases with counts: share of pairs in the right order, where ties count half."""

    def __init__(self, labels: np.ndarray, scores: np.ndarray) -> None:
        self.positive, self.negative = np.flatnonzero(labels), np.flatnonzero(~labels)
        self.negative = self.negative[np.argsort(scores[self.negative], kind="stable")]
        ordered = scores[self.negative]
        # Positions of the positive scores among the ordered negative ones, before and behind equal scores.
        self.before = np.searchsorted(ordered, scores[self.positive], side="left")
        self.behind = np.searchsorted(ordered, scores[self.positive], side="right")

    def areas(self, counts: np.ndarray) -> np.ndarray:
        """Return the area for each row of counts, (rows,)."""
        below = np.zeros((len(counts), len(self.negative) + 1))
        np.cumsum(counts[:, self.negative], axis=1, out=below[:, 1:])
        positive = counts[:, self.positive]
        pairs = np.einsum("ij,ij->i", positive, below[:, self.before])
        if not np.array_equal(self.before, self.behind):
            pairs = (pairs + np.einsum("ij,ij->i", positive, below[:, self.behind])) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            found: np.ndarray = pairs / (positive.sum(axis=1) * below[:, -1])
        return found
