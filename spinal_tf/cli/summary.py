"""Summary of a finished case for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spinal_tf.report.notice import trained_on_simulated
from spinal_tf.report.words import conclusion, found
from spinal_tf.results import CaseResult


def summary(result: CaseResult, paths: Sequence[Path]) -> str:
    """Return findings, warnings and written files, one line each."""
    lines = [f"{result.volume.source}: {found(result)}"]
    if result.classification:
        lines.append(f"  diagnosis: {conclusion(result.classification)} (research use only)")
        lines += [f"  {sentence}" for sentence in trained_on_simulated(result.models)]
    lines += [f"  warning: {warning}" for warning in result.warnings]
    if result.segmentation:
        lines += [f"  please review: {reason}" for reason in result.segmentation.review.reasons]
    return "\n".join([*lines, *(f"  {path}" for path in paths)])
