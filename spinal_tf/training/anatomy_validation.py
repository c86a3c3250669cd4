"""Validation of the anatomy network: the Dice of each structure where it is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spinal_tf.cohort.case import diagnosis_word
from spinal_tf.datasets.anatomy_samples import OUTSIDE, AnatomyCase
from spinal_tf.engine import Engine
from spinal_tf.structures import STRUCTURES
from spinal_tf.threads import Progress
from spinal_tf.training.validation import PLANES_AT_ONCE, Validation, counted, unwatched

OPERATING_POINT = 0.5
"""Probability from which a pixel belongs to a structure."""

Array = np.ndarray


def validate_anatomy(predict: Engine, cases: Sequence[AnatomyCase], *, progress: Progress = unwatched) -> Validation:
    """Compute the Dice of each structure over the known voxels of whole slices, all cases together.

    Cases are pooled in mL, since a false mark in a case without the structure then counts, too. Structures that no case
    shows are left out; the score is the mean of the others. The soft Dice of the probabilities breaks ties.

    Args:
        predict: the network, from float32 (n, rows, columns, channels) to probabilities (n, rows, columns, structures).
        cases: cases, at least one with a labeled structure.
        progress: called with the number of cases done and the total after each.
    """
    sums = np.array([_sums(predict, case) * case.voxel_ml for case in counted(cases, progress)])
    hard, soft = dice_of(sums.sum(axis=0))
    measures = {"dice": float(np.nanmean(hard)), "soft_dice": float(np.nanmean(soft)), **_by_structure(hard)}
    rows = [
        {"case": case.name, "diagnosis": diagnosis_word(case.diagnosis), **_by_structure(dice_of(own)[0])}
        for case, own in zip(cases, sums, strict=True)
    ]
    return Validation(
        score=(measures["dice"], measures["soft_dice"]),
        operating_point=OPERATING_POINT,
        measures=measures,
        cases=tuple(rows),
    )


def dice_of(sums: Array) -> Array:
    """Compute the Dice of each structure: float64 (2, structures), of the outlines and of the probabilities.

    Args:
        sums: (5, structures), see `_sums`.

    Returns:
        NaN for a structure that is nowhere labeled.
    """
    drawn, ours, common, soft_ours, soft_common = sums
    there = np.where(drawn > 0, drawn, np.nan)
    return np.array([2 * common / (there + ours), 2 * soft_common / (there + soft_ours)])


def _by_structure(dice: Array) -> dict[str, float]:
    named = zip(STRUCTURES, dice, strict=True)
    return {f"dice_{structure.value}": float(value) for structure, value in named if np.isfinite(value)}


def _sums(predict: Engine, case: AnatomyCase) -> Array:
    """Add up a case's known pixels: drawn, outlined, both; then probability, and probability where drawn.

    Returns:
        float64 (5, structures); the padding beyond the scan is left out.
    """
    sums = np.zeros((5, len(STRUCTURES)))
    for part in np.array_split(np.arange(len(case.planes)), -(-len(case.planes) // PLANES_AT_ONCE)):
        probability = predict(case.seen(part).astype(np.float32))
        labels = case.labels[part]
        targets = case.targets(labels)
        known = (targets >= 0) & (labels != OUTSIDE)[..., None]
        drawn, ours = known & (targets == 1), known & (probability >= OPERATING_POINT)
        added = (drawn, ours, drawn & ours, probability * known, probability * drawn)
        sums += [one.sum(axis=(0, 1, 2), dtype=np.float64) for one in added]
    return sums
