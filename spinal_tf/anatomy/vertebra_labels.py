"""Where the names of vertebrae are written on a sagittal plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinal_tf.anatomy.bodies import BESIDE_MM, Body
from spinal_tf.anatomy.canal_line import INSIDE
from spinal_tf.anatomy.spine import Spine
from spinal_tf.anatomy.vertebra_names import vertebra_name
from spinal_tf.structures import Structure


@dataclass(frozen=True, kw_only=True)
class VertebraLabel:
    """Name of a vertebra, row of the middle of its body, and column of its front edge, in voxels of the volume."""

    name: str
    row: float
    column: float


def vertebra_labels(spine: Spine, index: int, slice_mm: float) -> tuple[VertebraLabel, ...]:
    """Return the labels of the numbered vertebrae whose bodies a slice shows, from top to bottom.

    Only slices that show the middle of the canal beside one of them have labels.

    Args:
        spine: the spine of the scan.
        index: slice of the volume.
        slice_mm: distance between slices of the volume.
    """
    numbered = [(one.body, one.number) for one in spine.numbering.vertebrae if one.number is not None]
    if not any(abs(index - _canal_slice(spine, body)) * slice_mm <= BESIDE_MM for body, _ in numbered):
        return ()
    return tuple(_label(spine, body, number) for body, number in numbered if _shows(spine, body, index))


def _canal_slice(spine: Spine, body: Body) -> float:
    """Return the volume's slice of the middle of the canal beside a body."""
    first, last = spine.line.rows
    row = min(max(round(body.centre[0]), first), last - 1)
    return float(spine.maps.volume_slice(spine.line.at_slice[row]))


def _shows(spine: Spine, body: Body, index: int) -> bool:
    """Return whether a slice of the volume cuts a body at its middle."""
    maps, (row, column) = spine.maps, map(round, body.centre)
    at = min(max(round(float(maps.coarse_slice(np.array(index)))), 0), len(maps.slices) - 1)
    return any(float(maps.of(one)[at, row, column]) >= INSIDE for one in (Structure.BODY, Structure.C2))


def _label(spine: Spine, body: Body, number: int) -> VertebraLabel:
    maps = spine.maps
    row, column = maps.volume_row(np.array(body.centre[0])), maps.volume_column(body.pixels[:, 1].min() - 0.5)
    return VertebraLabel(name=vertebra_name(number), row=float(row), column=float(column))
