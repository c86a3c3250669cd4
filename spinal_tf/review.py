"""Decide whether a person should review a mask before use, and why.

In Zhuo et al. 2022, readers corrected the masks of 7-10 % of tumors and 29-33 % of demyelinating cases; how these were
selected is not published. The reasons and limits here are our choice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spinal_tf.lesions import Lesion
from spinal_tf.results import Review

LOW_CONFIDENCE = 0.75
"""Mean probability inside the mask below which the mask is flagged as uncertain."""

NEAR_MISS = 0.5
"""Share of the threshold that the maximum probability must reach for an empty mask to be flagged as uncertain."""

FLIP_AGREEMENT = 0.7
"""Dice between the masks of unmirrored and mirrored slices below which a mask is flagged."""

SMALL_LESION_ML = 0.05
MANY_LESIONS = 5


def review_mask(
    lesions: Sequence[Lesion],
    probability: np.ndarray,
    mask: np.ndarray,
    *,
    threshold: float,
    flip_agreement: float | None,
    outliers: int = 0,
    doubts: Sequence[str] = (),
) -> Review:
    """Collect the reasons to review a mask.

    Args:
        lesions: components of the mask.
        probability: float32, any shape.
        mask: bool, the same shape.
        threshold: minimum probability of a lesion voxel.
        flip_agreement: Dice between the masks of unmirrored and mirrored slices, both found by the same rules; None if
            both are empty.
        outliers: number of voxels of the scan that were clipped because they lay far outside the others.
        doubts: further doubts about mask and scan, one plain sentence each.
    """
    reasons = _empty_reasons(probability, threshold) if not lesions else _reasons(lesions, probability[mask])
    if flip_agreement is not None and flip_agreement < FLIP_AGREEMENT:
        reasons.append(f"the mask of the mirrored slices agrees little (Dice {flip_agreement:.2f})")
    reasons += doubts
    if outliers:
        voxels = "1 voxel was" if outliers == 1 else f"{outliers} voxels were"
        reasons.append(f"{voxels} far outside the intensities of the others and had to be clipped; see the warnings")
    return Review(needed=bool(reasons), reasons=tuple(reasons))


def _empty_reasons(probability: np.ndarray, threshold: float) -> list[str]:
    highest = float(probability.max())
    if highest < NEAR_MISS * threshold:
        return []
    return [f"no lesion was marked, but the probability reaches {highest:.2f} (threshold {threshold:.2f})"]


def _reasons(lesions: Sequence[Lesion], inside: np.ndarray) -> list[str]:
    reasons = []
    confidence = float(inside.mean())
    if confidence < LOW_CONFIDENCE:
        reasons.append(f"low confidence: mean probability inside the mask is {confidence:.2f}")
    small = sum(lesion.volume_ml < SMALL_LESION_ML for lesion in lesions)
    if small:
        reasons.append(f"{small} of {len(lesions)} lesions smaller than {SMALL_LESION_ML} mL")
    if len(lesions) > MANY_LESIONS:
        reasons.append(f"many lesions: {len(lesions)}")
    at_border = [str(lesion.number) for lesion in lesions if lesion.touches_border]
    if at_border:
        reasons.append(f"at the border of the field of view: lesion {', '.join(at_border)}")
    return reasons
