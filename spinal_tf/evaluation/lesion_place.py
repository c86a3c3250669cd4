"""Level and extent of a case's lesions, as columns of a table, from its image."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinal_tf.anatomy.found_spine import FoundSpine
from spinal_tf.anatomy.lesion_levels import case_location, extent_vertebrae, with_levels
from spinal_tf.images.volume import Volume
from spinal_tf.lesions import measure_lesions

PLACE_COLUMNS = ("level", "extent_vertebrae")
"""Columns of a cohort's table that the image can fill where they are empty."""


def lesion_place(mask: np.ndarray, volume: Volume, found: FoundSpine | None) -> dict[str, Any]:
    """Return the columns of `PLACE_COLUMNS` that an image shows: a `Level` and a number of vertebrae.

    A column is missing if a lesion lies at no numbered vertebra, the count of vertebrae is ambiguous, or there is no
    lesion. The level is also missing if the lesions lie in more than two regions.

    Args:
        mask: bool (slice, row, column).
        volume: scan that the mask belongs to.
        found: outcome of the search for the spine; None if there was none.
    """
    if found is None or found.spine is None or found.spine.numbering.ambiguous:
        return {}
    lesions = with_levels(measure_lesions(mask, volume), mask, found)
    values = dict(zip(PLACE_COLUMNS, (case_location(lesions), extent_vertebrae(lesions)), strict=True))
    return {column: value for column, value in values.items() if value is not None}
