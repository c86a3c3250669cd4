"""Fluid below the end of the cord that was taken for a lesion.

Below the cord only a mass can be a lesion, mostly an ependymoma of the filum. The segmenter also marks fluid there.
"""

from __future__ import annotations

import numpy as np

from spinal_tf.anatomy.onto_volume import inside_on_volume
from spinal_tf.anatomy.spine import Spine
from spinal_tf.lesions import label_lesions
from spinal_tf.structures import Structure

AS_BRIGHT = 0.88
"""Mean intensity relative to fluid from which a mark is fluid. 24 simulated masses of the filum lie at 0.45 to 0.80;
the marks on three public healthy lumbar scans at 0.96 to 1.07."""

FLUID_PERCENTILE = 90
"""Percentile of the unmarked canal that stands for fluid, above the nerve roots in it."""

REACH_MM = 30.0
"""Distance above and below a mark over which the canal is compared with it, since coils brighten parts of a scan."""

FEWEST = 50
"""Smallest number of unmarked voxels of the canal that are compared."""

Array = np.ndarray


def fluid_below_cord(mask: Array, data: Array, spine: Spine) -> Array:
    """Return the voxels of a mask that are fluid, bool (slice, row, column).

    Args:
        mask: bool (slice, row, column) of the volume.
        data: T2w intensity, float32, the same shape.
        spine: the spine of the scan.
    """
    fluid = np.zeros(mask.shape, bool)
    if spine.cord_end is None or not mask.any():
        return fluid
    end = max(0, int(np.ceil(spine.maps.volume_row(np.array(spine.cord_end)))))
    labels, count = label_lesions(mask[:, end:])
    if not count:
        return fluid
    canal = inside_on_volume(spine.maps.of(Structure.CANAL), spine.maps, len(mask)) & ~mask
    reach = round(REACH_MM * mask.shape[1] / (spine.maps.placement.resized_shape[0] * spine.maps.spacing_mm[1]))
    for number in range(1, count + 1):
        mark = labels == number
        rows = np.flatnonzero(mark.any(axis=(0, 2))) + end
        near = slice(max(0, int(rows[0]) - reach), int(rows[-1]) + 1 + reach)
        around = data[:, near][canal[:, near]]
        if around.size < FEWEST:
            continue
        if data[:, end:][mark].mean() >= AS_BRIGHT * np.percentile(around, FLUID_PERCENTILE):
            fluid[:, end:] |= mark
    return fluid
