"""Vertebral levels of a lesion, and its location in the classes of Zhuo et al. 2022, Table 1."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from spinal_tf.anatomy.found_spine import FoundSpine
from spinal_tf.anatomy.levels import UNKNOWN
from spinal_tf.anatomy.spine import Spine
from spinal_tf.anatomy.vertebra_names import C1, L1, NUMBERS, OBLONGATA, OBLONGATA_NAME, T1, vertebra_name
from spinal_tf.cohort.case import Level
from spinal_tf.lesions import Lesion, label_lesions

REGION_STARTS = (OBLONGATA, C1, T1, L1)
"""First level of oblongata, cervical, thoracic and lumbar region; the sacral canal counts as lumbar."""

LOCATIONS = {
    (0, 0): Level.OBLONGATA_CERVICAL,
    (0, 1): Level.OBLONGATA_CERVICAL,
    (1, 1): Level.CERVICAL,
    (1, 2): Level.CERVICAL_THORACIC,
    (2, 2): Level.THORACIC,
    (2, 3): Level.THORACIC_LUMBAR,
    (3, 3): Level.LUMBAR,
}
"""Location by first and last region; Table 1 has none for lesions over three regions."""


SMALLEST_PART = 0.1
"""Share of a level, relative to the one with most of the lesion, below which the lesion does not count there.

Borders between levels are known to a few millimeters, so that the end of a lesion may seem to reach the next level.
"""


def levels_of(voxels: np.ndarray, spine: Spine) -> dict[int, float]:
    """Return the share of voxels at each level, from top to bottom.

    Args:
        voxels: (n, 3), slice, row, column of the volume.
        spine: the spine of the scan.

    Returns:
        Shares by number of the vertebra; `UNKNOWN` for voxels at no numbered one. They add up to 1.
    """
    found, counts = np.unique(spine.level_of(voxels), return_counts=True)
    return {int(level): float(count) / len(voxels) for level, count in zip(found, counts, strict=True)}


def by_name(levels: Mapping[int, float]) -> dict[str, float] | None:
    """Return shares by name of the vertebra; None if any voxel is at no numbered one, since a part would mislead."""
    if not levels or UNKNOWN in levels:
        return None
    return {vertebra_name(level): share for level, share in levels.items()}


def location(levels: Iterable[int]) -> Level | None:
    """Return the location of lesions at these levels; None if a level is unknown or Table 1 has no such class."""
    found = sorted(levels)
    if not found or UNKNOWN in found:
        return None
    first, last = (int(np.searchsorted(REGION_STARTS, level, side="right")) - 1 for level in (found[0], found[-1]))
    return LOCATIONS.get((first, last))


def main_levels(levels: Mapping[str, float]) -> list[str]:
    """Return the levels of a lesion, from top to bottom, without those that hold hardly any of it.

    Args:
        levels: share of the lesion by name of the vertebra, from top to bottom.
    """
    return [name for name, share in levels.items() if share >= SMALLEST_PART * max(levels.values())]


def case_location(lesions: Collection[Lesion]) -> Level | None:
    """Return the location of all lesions of a case by their main levels; None as in `location`, or without a lesion."""
    if any(one.levels is None for one in lesions):
        return None
    return location({NUMBERS[name] for one in lesions for name in main_levels(one.levels or {})})


def extent_vertebrae(lesions: Collection[Lesion]) -> int | None:
    """Return the number of main levels of each lesion, summed over the lesions of a case.

    The oblongata is no vertebra.

    Returns:
        The sum; None if the levels of a lesion are unknown, or without a lesion.
    """
    if not lesions or any(one.levels is None for one in lesions):
        return None
    return sum(name != OBLONGATA_NAME for one in lesions for name in main_levels(one.levels or {}))


def with_levels(lesions: Sequence[Lesion], mask: np.ndarray, found: FoundSpine | None) -> tuple[Lesion, ...]:
    """Return the lesions with their vertebral levels.

    Args:
        lesions: lesions of the mask.
        mask: bool (slice, row, column).
        found: outcome of the search; None, or without a spine, leaves the levels unknown.
    """
    if found is None or found.spine is None or not lesions:
        return tuple(lesions)
    labels, spine = label_lesions(mask)[0], found.spine
    return tuple(replace(one, levels=by_name(levels_of(np.argwhere(labels == one.number), spine))) for one in lesions)
