"""Summary of a finished case for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spinal_tf.report.notice import trained_on_simulated
from spinal_tf.report.words import conclusion, found
from spinal_tf.results import CaseResult


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Result of one case for a batch.

    Attributes:
        words: lines for the terminal.
        lesion: whether the mask holds a lesion.
        review: whether a person should look at the mask.
    """

    words: str
    lesion: bool
    review: bool


def outcome(result: CaseResult, paths: Sequence[Path]) -> Outcome:
    """Return the outcome of a case whose outputs are written to these paths."""
    review = result.review is not None and result.review.needed
    return Outcome(words=summary(result, paths), lesion=bool(result.lesions), review=review)


def summary(result: CaseResult, paths: Sequence[Path]) -> str:
    """Return findings, warnings and written files, one line each."""
    lines = [f"{result.volume.source}: {found(result)}"]
    if result.classification:
        lines.append(f"  diagnosis: {conclusion(result.classification)} (research use only)")
        lines += [f"  {sentence}" for sentence in trained_on_simulated(result.models)]
    lines += [f"  warning: {warning}" for warning in result.warnings if warning not in result.mask_doubts]
    if result.review:
        lines += [f"  please review: {reason}" for reason in result.review.reasons]
    return "\n".join([*lines, *(f"  {path}" for path in paths)])
