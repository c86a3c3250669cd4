"""Label maps of the spine: their values, what these say about every structure, and reading."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from spinal_tf.errors import VolumeError
from spinal_tf.images.mask_values import refuse_not_numbers
from spinal_tf.images.read_image import read_image
from spinal_tf.images.volume import Volume, voxels_on_grid
from spinal_tf.structures import STRUCTURES, Structure

CORD, CANAL, BODY, DISC, SACRUM, AXIS = range(1, 7)
"""Labels: cord, rest of the canal, vertebral bodies, discs, sacrum, and the body of C2 with the dens."""

UNKNOWN = 255
"""Label of voxels about which nothing is known; 0 is everything else."""

SHOWN = {
    CORD: (Structure.CORD, Structure.CANAL),
    CANAL: (Structure.CANAL,),
    BODY: (Structure.BODY,),
    DISC: (Structure.DISC,),
    SACRUM: (Structure.SACRUM,),
    AXIS: (Structure.BODY, Structure.C2),
}
"""Structures to which a voxel with each label belongs."""

PERHAPS = {CANAL: Structure.CORD, BODY: Structure.C2}
"""Structure to which a voxel may also belong where the map does not tell it apart: the cord within the canal, C2."""

_ALLOWED = np.isin(np.arange(UNKNOWN + 1), (0, *SHOWN, UNKNOWN))


def what_labels_say(structures: Collection[Structure]) -> np.ndarray:
    """Tabulate whether a voxel with each value of a map belongs to each structure.

    A labeled voxel belongs to its structures and to no other. Elsewhere it belongs to none of those that the map
    labels; whether it belongs to the others is unknown.

    Args:
        structures: structures that the map labels.

    Returns:
        int8 (256, structures), in the order of `STRUCTURES`: 1 yes, 0 no, -1 unknown.
    """
    table = np.full((UNKNOWN + 1, len(STRUCTURES)), -1, np.int8)
    table[0] = [0 if one in structures else -1 for one in STRUCTURES]
    for label, shown in SHOWN.items():
        table[label] = [one in shown for one in STRUCTURES]
        if label in PERHAPS and PERHAPS[label] not in structures:
            table[label, STRUCTURES.index(PERHAPS[label])] = -1
    return table


def read_anatomy_map(path: Path | str, *, like: Volume) -> np.ndarray:
    """Read a label map drawn on a scan.

    Args:
        path: file of any registered format.
        like: scan. The map's axes may be in another order if its voxels have the same positions; it is reordered.

    Returns:
        uint8, shape of ``like.data``, in the package's order.

    Raises:
        VolumeError: an unreadable file, another grid than the scan's, a value that is no label, or no label at all.
    """
    image = read_image(Path(path))
    data = voxels_on_grid(image, like=like)
    refuse_not_numbers(data, image.source)
    labels: np.ndarray = np.clip(data, 0, UNKNOWN).astype(np.uint8)
    odd = (labels != data) | ~_ALLOWED[labels]
    if odd.any():
        raise VolumeError(
            f"{image.source}: holds the value {data[odd].flat[0]:g}, which is no label of the anatomy; label with "
            f"1 to {AXIS}, and with {UNKNOWN} what is unknown"
        )
    if not np.isin(labels, tuple(SHOWN)).any():
        raise VolumeError(f"{image.source}: holds no label of the anatomy; draw one, or leave the cell empty")
    return labels
