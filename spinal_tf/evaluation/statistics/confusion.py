"""Calls against the truth: the four counts, and the ratios of Table 2 of Zhuo et al. 2022."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from spinal_tf.evaluation.described import Proportion

RATIOS = ("accuracy", "sensitivity", "specificity", "ppv", "npv", "precision", "recall")
"""In the paper's order. Precision is the positive predictive value and recall the sensitivity under another name; the
paper prints both, so both are here."""

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
        """All calls."""
        return self.tp + self.fn + self.tn + self.fp

    def proportion(self, name: str) -> Proportion | None:
        """One of `RATIOS`; None where it would be 0 / 0."""
        count, total = parts(self.tp, self.fn, self.tn, self.fp)[name]
        return Proportion(count=count, total=total) if total else None


def confusion(labels: np.ndarray, calls: np.ndarray) -> Confusion:
    """Count calls.

    Args:
        labels: bool, (n,), whether a case is of the positive class.
        calls: bool, (n,), whether it was called so.
    """
    return Confusion(
        tp=int(np.count_nonzero(labels & calls)),
        fn=int(np.count_nonzero(labels & ~calls)),
        tn=int(np.count_nonzero(~labels & ~calls)),
        fp=int(np.count_nonzero(~labels & calls)),
    )


def parts(tp: Count, fn: Count, tn: Count, fp: Count) -> dict[str, tuple[Count, Count]]:
    """Numerator and denominator of each of `RATIOS`, of numbers or of arrays of them (Altman, Bland, BMJ 1994)."""
    return {
        "accuracy": (tp + tn, tp + fn + tn + fp),
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "ppv": (tp, tp + fp),
        "npv": (tn, tn + fn),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
    }
