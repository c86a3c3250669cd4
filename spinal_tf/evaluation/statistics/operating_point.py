"""The cut-off of a task: chosen on some cases, and used on others."""

from __future__ import annotations

import numpy as np

FOLDS = 10


def youden(labels: np.ndarray, scores: np.ndarray) -> float:
    """The cut-off with the largest sum of sensitivity and specificity (Youden, Cancer 1950;3:32).

    A score at or above it is positive. Of several that are as good it is the highest, and 1 where none is better than
    calling everybody alike.

    Args:
        labels: 0 or 1, (n,), both present.
        scores: 0 to 1, (n,).
    """
    order = np.argsort(-scores, kind="stable")
    ordered, positive = scores[order], np.asarray(labels, bool)[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))  # equal scores are called alike
    found, false = np.cumsum(positive)[ends], np.cumsum(~positive)[ends]
    index = found * false[-1] - false * found[-1]  # whole numbers, so that equals are equal
    best = int(np.argmax(index))
    return float(ordered[ends[best]]) if index[best] > 0 else 1.0


def calls_at_others_youden(labels: np.ndarray, scores: np.ndarray, patients: np.ndarray, *, seed: int) -> np.ndarray:
    """Call each case at the Youden cut-off of the other patients, so that no case is judged by one that it chose.

    Patients are dealt into at most `FOLDS` parts, each with its share of both classes; the cases of a part are called
    at the cut-off of all other parts (cross-fitting).

    Args:
        labels: bool, (n,).
        scores: 0 to 1, (n,).
        patients: (n,), any values that tell them apart; all cases of one have the same label.
        seed: of the deal.

    Returns:
        Bool, (n,).

    Raises:
        ValueError: a class has fewer than two patients.
    """
    members, first, patient_of = np.unique(patients, return_index=True, return_inverse=True)
    groups = [np.flatnonzero(labels[first] == label) for label in (False, True)]
    folds = min(FOLDS, *(len(group) for group in groups))
    if folds < 2:
        raise ValueError("each class needs two patients for a cut-off that others chose")
    rng = np.random.default_rng(seed)
    fold_of = np.empty(len(members), int)
    for group in groups:
        fold_of[rng.permutation(group)] = np.arange(len(group)) % folds
    calls = np.empty(len(labels), bool)
    for fold in range(folds):
        own = fold_of[patient_of] == fold
        calls[own] = scores[own] >= youden(labels[~own], scores[~own])
    return calls
