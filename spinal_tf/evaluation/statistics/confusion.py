"""Confusion matrix: the four counts, and the ratios of Table 2 of Zhuo et al. 2022."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from spinal_tf.evaluation.described import Proportion

RATIOS = ("accuracy", "sensitivity", "specificity", "ppv", "npv", "precision", "recall")
"""Names in the paper's order. Precision is another name for the positive predictive value, and recall for sensitivity;
the paper prints both."""

Count = TypeVar("Count", int, np.ndarray)


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Numbers of true positive, false negative, true negative and false positive calls."""

    tp: int
    fn: int
    tn: int
    fp: int

    @property
    def total(self) -> int:
        """Number of calls."""
        return self.tp + self.fn + self.tn + self.fp

    def proportion(self, name: str) -> Proportion | None:
        """Return one of `RATIOS`, or None if it is 0 / 0."""
        count, total = parts(self.tp, self.fn, self.tn, self.fp)[name]
        return Proportion(count=count, total=total) if total else None


def confusion(labels: np.ndarray, calls: np.ndarray) -> Confusion:
    """Count calls.

    Args:
        labels: bool, (n,), whether a case is of the positive class.
        calls: bool, (n,), whether a case was called positive.
    """
    return Confusion(
        tp=int(np.count_nonzero(labels & calls)),
        fn=int(np.count_nonzero(labels & ~calls)),
        tn=int(np.count_nonzero(~labels & ~calls)),
        fp=int(np.count_nonzero(~labels & calls)),
    )


def parts(tp: Count, fn: Count, tn: Count, fp: Count) -> dict[str, tuple[Count, Count]]:
    """Return numerator and denominator of each of `RATIOS`, as numbers or arrays (Altman, Bland, BMJ 1994)."""
    return {
        "accuracy": (tp + tn, tp + fn + tn + fp),
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "ppv": (tp, tp + fp),
        "npv": (tn, tn + fn),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
    }
