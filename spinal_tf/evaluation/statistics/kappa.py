"""Agreement of raters beyond chance."""

from __future__ import annotations

import numpy as np

from spinal_tf.evaluation.evaluation_options import Resampling
from spinal_tf.evaluation.statistics.bootstrap import draws


def cohen(one: np.ndarray, other: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return Cohen's kappa of two raters (Educ Psychol Meas 1960;20:37): (po - pe) / (1 - pe).

    po is the share of cases on which they agree, pe the sum over categories of the product of both raters' shares.

    Args:
        one: int, (n,), categories from 0.
        other: int, (n,).
        counts: (rows, n), how often each case counts.

    Returns:
        Kappa, (rows,), NaN where both raters always gave the same single category.
    """
    categories = int(max(one.max(), other.max())) + 1 if len(one) else 1
    total = counts.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = counts @ (one == other) / total
        shares = [counts @ _one_hot(rater, categories) / total[:, np.newaxis] for rater in (one, other)]
        expected = (shares[0] * shares[1]).sum(axis=1)
        return _beyond_chance(observed, expected)


def fleiss(ratings: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return Fleiss' kappa of r raters of the same cases (Psychol Bull 1971;76:378): (P - Pe) / (1 - Pe).

    P is the mean over cases of the share of pairs of raters who agree, Pe the sum of the squared shares of the
    categories among all ratings.

    Args:
        ratings: int, (r, n), categories from 0, at least two raters.
        counts: (rows, n), how often each case counts.

    Returns:
        Kappa, (rows,), NaN where all raters always gave the same single category.
    """
    raters, cases = ratings.shape
    categories = int(ratings.max()) + 1 if cases else 1
    votes = np.sum([_one_hot(rater, categories) for rater in ratings], axis=0)
    agreement = ((votes**2).sum(axis=1) - raters) / (raters * (raters - 1))
    total = counts.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = counts @ votes / (total * raters)[:, np.newaxis]
        return _beyond_chance(counts @ agreement / total, (shares**2).sum(axis=1))


def kappa_replicates(
    ratings: np.ndarray, strata: np.ndarray, patients: np.ndarray, resampling: Resampling
) -> np.ndarray:
    """Return `kappa` in every resample of the patients, (resamples,)."""
    blocks = draws(strata, patients, resampling)
    return np.concatenate([kappa(ratings, counts) for counts in blocks])


def kappa(ratings: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return kappa, (rows,): `cohen` for two raters, `fleiss` for more."""
    return cohen(ratings[0], ratings[1], counts) if len(ratings) == 2 else fleiss(ratings, counts)


def _one_hot(categories: np.ndarray, count: int) -> np.ndarray:
    hot: np.ndarray = np.eye(count)[categories]
    return hot


def _beyond_chance(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    beyond: np.ndarray = np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)
    return beyond
