"""Operating point of a task: the cut-off is chosen on some cases and used on others."""

from __future__ import annotations

import numpy as np

FOLDS = 10


def youden(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the cut-off with the largest sum of sensitivity and specificity (Youden, Cancer 1950;3:32).

    A score at or above it is positive. Among equally good cut-offs, the highest is returned. If no cut-off is better
    than giving all cases the same call, 1 is returned.

    Args:
        labels: 0 or 1, (n,), both present.
        scores: float, 0 to 1, (n,).
    """
    order = np.argsort(-scores, kind="stable")
    ordered, positive = scores[order], np.asarray(labels, bool)[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))  # equal scores get the same call
    found, false = np.cumsum(positive)[ends], np.cumsum(~positive)[ends]
    index = found * false[-1] - false * found[-1]  # integers, so that ties are exact
    best = int(np.argmax(index))
    return float(ordered[ends[best]]) if index[best] > 0 else 1.0


def calls_at_others_youden(labels: np.ndarray, scores: np.ndarray, patients: np.ndarray, *, seed: int) -> np.ndarray:
    """Call each case at the Youden cut-off of other patients, so that no case influences its own cut-off.

    Patients are split at random into at most `FOLDS` parts, stratified by class; the cases of a part are called at the
    cut-off of all other parts (cross-fitting).

    Args:
        labels: bool, (n,).
        scores: float, 0 to 1, (n,).
        patients: (n,), patient identifiers of any type; all cases of a patient have the same label.
        seed: seed of the random split.

    Returns:
        Calls, bool, (n,).

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
