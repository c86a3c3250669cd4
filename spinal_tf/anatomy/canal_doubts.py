"""Doubts about a lesion mask by its place in the canal."""

from __future__ import annotations

import numpy as np

from spinal_tf.anatomy.lesion_field import lesion_field
from spinal_tf.anatomy.spine import Spine
from spinal_tf.lesions import label_lesions

MOST_OUTSIDE = 0.5
"""Share of a mask outside the canal above which it is doubted."""

BELOW = 0.5
"""Share of a lesion below the end of the cord above which it counts as lying there."""


def canal_doubts(mask: np.ndarray, spine: Spine) -> tuple[str, ...]:
    """Return why a mask is doubtful by its place, each the end of a sentence that begins with the mask.

    Args:
        mask: bool (slice, row, column) of the volume.
        spine: the spine of the scan.
    """
    if not mask.any():
        return ()
    doubt = _outside(mask, spine) or _below(mask, spine)
    return (doubt,) if doubt else ()


def _outside(mask: np.ndarray, spine: Spine) -> str:
    share = 1 - float(lesion_field(spine, len(mask))[mask].mean())
    return f"lies to {share:.0%} outside the spinal canal" if share > MOST_OUTSIDE else ""


def _below(mask: np.ndarray, spine: Spine) -> str:
    """Return which lesions lie below the cord, where nerve roots and fluid can look like a lesion."""
    if spine.cord_end is None:
        return ""
    labels, count = label_lesions(mask)
    end = float(spine.maps.volume_row(np.array(spine.cord_end)))
    below = [str(one) for one in range(1, count + 1) if np.mean(np.nonzero(labels == one)[1] >= end) > BELOW]
    return f"has a lesion below the end of the cord, among nerve roots: lesion {', '.join(below)}" if below else ""
