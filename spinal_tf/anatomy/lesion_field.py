"""Where a lesion can be: in the canal, with a margin for what the coarse outline leaves out."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from spinal_tf.anatomy.onto_volume import inside_on_volume
from spinal_tf.anatomy.spine import Spine
from spinal_tf.structures import Structure

MARGIN_MM = 3.0
"""Distance beyond the canal's outline that still belongs to it: two coarse pixels."""

Array = np.ndarray


def lesion_field(spine: Spine, slices: int) -> Array:
    """Return the voxels of the volume where a lesion can be, bool (slice, row, column).

    Args:
        spine: the spine of the scan.
        slices: number of slices of the volume.
    """
    maps, spacing_mm = spine.maps, spine.maps.spacing_mm
    probability = np.maximum(maps.of(Structure.CANAL), maps.of(Structure.CORD))
    near = ndimage.binary_dilation(spine.canal, np.ones((3, 3, 3)), iterations=2)
    inside = np.where(near, probability, 0).astype(np.float32)
    reach = [round(MARGIN_MM / size) for size in spacing_mm[1:]]
    rows, columns = (np.arange(-n, n + 1) for n in reach)
    disc = (np.hypot(rows[:, None] / reach[0], columns / reach[1]) <= 1).astype(np.uint8)
    wide = np.stack([cv2.dilate(plane, disc) for plane in inside])
    return inside_on_volume(wide, maps, slices)
