"""Where the names of vertebrae are written on a sagittal plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinal_tf.anatomy.bodies import BESIDE_MM
from spinal_tf.anatomy.spine import Spine
from spinal_tf.anatomy.vertebra_names import vertebra_name


@dataclass(frozen=True, kw_only=True)
class VertebraLabel:
    """Name of a vertebra, row of the middle of its body, and column of its front edge, in voxels of the volume."""

    name: str
    row: float
    column: float


def vertebra_labels(spine: Spine, index: int, slice_mm: float) -> tuple[VertebraLabel, ...]:
    """Return the labels of the numbered vertebrae whose middle a slice shows, from top to bottom.

    Args:
        spine: the spine of the scan.
        index: slice of the volume.
        slice_mm: distance between slices of the volume.
    """
    line, maps = spine.line, spine.maps
    first, last = line.rows
    labels = []
    for one in spine.numbering.vertebrae:
        row, _ = one.body.centre
        middle = maps.volume_slice(line.at_slice[np.clip(round(row), first, last - 1)])
        if one.number is not None and abs(index - float(middle)) * slice_mm <= BESIDE_MM:
            front = maps.volume_column(one.body.pixels[:, 1].min() - 0.5)
            row = float(maps.volume_row(np.array(row)))
            labels.append(VertebraLabel(name=vertebra_name(one.number), row=row, column=float(front)))
    return tuple(labels)
