"""The outlines of a spine as a label map that a person can correct and a training can read."""

from __future__ import annotations

import numpy as np

from spinal_tf.anatomy.onto_volume import inside_on_volume
from spinal_tf.anatomy.spine import Spine
from spinal_tf.images.anatomy_map import AXIS, BODY, CANAL, CORD, DISC, SACRUM
from spinal_tf.structures import Structure

LABELS = (
    (BODY, Structure.BODY),
    (AXIS, Structure.C2),
    (DISC, Structure.DISC),
    (SACRUM, Structure.SACRUM),
    (CANAL, Structure.CANAL),
    (CORD, Structure.CORD),
)
"""Label of each structure; where several are likely, the later one is written."""


def outline_map(spine: Spine | None, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the label of every voxel of the volume, uint8; see `spinal_tf.images.anatomy_map`.

    Args:
        spine: the spine of the scan; None gives a map without labels.
        shape: slices, rows, columns of the volume.
    """
    labels = np.zeros(shape, np.uint8)
    if spine is None:
        return labels
    for label, structure in LABELS:
        labels[inside_on_volume(spine.maps.of(structure), spine.maps, shape[0])] = label
    return labels
