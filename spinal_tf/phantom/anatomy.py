"""Labels of a drawn spine: its canal, vertebral bodies, discs and sacrum, and the number of each vertebra."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from spinal_tf.images.anatomy_map import AXIS, BODY, CANAL, CORD, DISC, SACRUM, UNKNOWN
from spinal_tf.phantom.fields import Array
from spinal_tf.phantom.scanner import thick_slices
from spinal_tf.phantom.skeleton import S1

CANAL_PART, BONE_PART, DISC_PART, BEYOND_PART = range(4)
"""Index of each part of `Anatomy.parts`; the last is the canal's continuation above C1 and below S5."""

C1, C2 = 1, 2
"""Numbers of these vertebrae."""

FULL = 255
"""Stored share of a voxel that a part fills."""

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """What a drawn spine shows beside its cord, from the top of C1 to the end of S5.

    Attributes:
        parts: uint8 (part, slice, row, column), share of each voxel that is canal (cord included), bone, disc, or what
            continues the canal, in 255ths.
        level: uint8 (row, column), vertebra to which bone or disc there belongs, 1 for C1, as the Spinal Cord Toolbox
            numbers them; 0 away from the spine.
    """

    parts: Array
    level: Array

    def record(self, part: int, index: int, pixels: Array, share: Array) -> None:
        """Store the share, 0 to 1, of a part at these pixels of a slice, in place."""
        self.parts[part, index].ravel()[pixels] = share * np.float32(FULL)

    def moved(self, box: Box, move: Callable[[Array], Array]) -> Anatomy:
        """Return the anatomy after a lesion has displaced the tissue within a box."""
        parts = self.parts.copy()
        for part in parts:
            part[box] = move(part[box])
        return replace(self, parts=parts)

    def label_maps(self, per_slice: int, gap: int, cord: Array) -> tuple[Array, Array]:
        """Return the label map and the numbers of the vertebrae on thick slices, uint8 (slice, row, column).

        Where the canal begins at the skull is a convention, and so is whether the arch of C1 is a body: both are
        labeled as unknown.

        Args:
            per_slice: number of fine slices that make a thick one.
            gap: number of fine slices between thick ones.
            cord: bool (slice, row, column), the cord with its lesions on the thick slices.
        """
        canal, bone, disc, beyond = (thick_slices(part, per_slice, gap) >= FULL / 2 for part in self.parts)
        sacral = self.level > S1
        labels = np.zeros(cord.shape, np.uint8)
        np.copyto(labels, np.where(sacral, SACRUM, DISC).astype(np.uint8), where=disc)
        np.copyto(labels, np.where(sacral, SACRUM, BODY).astype(np.uint8), where=bone)
        labels[beyond] = UNKNOWN
        labels[canal] = CANAL
        labels[cord] = CORD
        numbers = self.level * ((labels == BODY) | (labels == SACRUM))
        labels[numbers == C1] = UNKNOWN
        labels[numbers == C2] = AXIS
        return labels, numbers


def blank_anatomy(size: tuple[int, int, int]) -> Anatomy:
    """Return an anatomy of the given number of slices, rows and columns in which nothing is recorded."""
    return Anatomy(parts=np.zeros((4, *size), np.uint8), level=np.zeros(size[1:], np.uint8))
