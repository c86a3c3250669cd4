"""Outcome of the search for the spine on a scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinal_tf.anatomy.contrast import is_not_t2w, tissue_levels
from spinal_tf.anatomy.maps import AnatomyMaps
from spinal_tf.anatomy.spine import Spine, find_spine
from spinal_tf.anatomy.vertebra_names import vertebra_name

NO_CANAL = "no spinal canal was found, so no lesion was looked for; check that this is a scan of the spine"
NOT_T2W = "fluid in the canal is darker than the vertebrae, as on a T1w scan; check that this is the T2w scan"

NO_BODY_GIVEN = "no vertebral body was found at the row given for {}, so no vertebra has a number; check the row"


@dataclass(frozen=True, kw_only=True)
class FoundSpine:
    """What was found.

    Attributes:
        spine: the spine; None if the scan shows no canal.
        doubts: why lesions may be missed or wrong, one plain sentence each.
    """

    spine: Spine | None
    doubts: tuple[str, ...] = ()


def found_spine(maps: AnatomyMaps, data: np.ndarray, given: tuple[int, float] | None = None) -> FoundSpine:
    """Find the spine on the maps of a scan.

    Args:
        maps: probability of each structure.
        data: intensity, float32 (slice, row, column) of the volume.
        given: number of a vertebra and the row of the volume where a person sees it.
    """
    spine = find_spine(maps, given=given)
    if spine is None:
        return FoundSpine(spine=None, doubts=(NO_CANAL,))
    doubts = [NOT_T2W] if is_not_t2w(tissue_levels(spine, data)) else []
    if given is not None and not spine.numbering.landmarks:
        doubts.append(NO_BODY_GIVEN.format(vertebra_name(given[0])))
    return FoundSpine(spine=spine, doubts=tuple(doubts))
