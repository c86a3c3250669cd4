"""Position of the cord in a background, so that lesions can be drawn in the cord's own coordinates."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from spinal_tf.phantom.anatomy import Anatomy


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Course and size of the cord, one entry for each row of the volume.

    Attributes:
        spacing_mm: spacing of slice, row, column.
        x_mm: cord center along the slice axis, from the center of the first slice; NaN on rows without cord.
        y_mm: cord center along the column axis, from the center of the first column; NaN likewise.
        rl_mm: half the cord's right-left width.
        ap_mm: half the cord's anteroposterior width.
        vertebra_mm: height of vertebral body plus disc at that row.
        region: index into ``REGIONS``, -1 on rows without cord.
        level: vertebral level, 1 for C1 to 7 for C7, 8 for T1, ..., as the Spinal Cord Toolbox numbers them; 0 where
            unknown.
        end_row: first row below the tip of the cord, if that is in view. Further down, center and widths are those of
            the filum.
    """

    spacing_mm: tuple[float, float, float]
    x_mm: np.ndarray
    y_mm: np.ndarray
    rl_mm: np.ndarray
    ap_mm: np.ndarray
    vertebra_mm: np.ndarray
    region: np.ndarray
    level: np.ndarray
    end_row: int = sys.maxsize


REGIONS = ("oblongata", "cervical", "thoracic", "lumbar")

REGION_OF_LEVEL = {
    "oblongata-cervical": (0, 1),
    "cervical": (1, 1),
    "cervical-thoracic": (1, 2),
    "thoracic": (2, 2),
    "thoracic-lumbar": (2, 3),
    "lumbar": (3, 3),
}
"""Index in `REGIONS` of the first and last region of a lesion at that level."""


def region_of_level(level: np.ndarray) -> np.ndarray:
    """Return the index into `REGIONS` of vertebral levels: 1 for C1, 8 for T1, 20 for L1, and so on."""
    return np.searchsorted(np.array([1, 8, 20]), level, side="right")


@dataclass(frozen=True, kw_only=True)
class View:
    """Requested view of a spine.

    Attributes:
        level: key of `REGION_OF_LEVEL`.
        fine_mm: thickness of the fine slices that are averaged later.
        fine_slices: number of fine slices.
        with_t1c: also make a contrast-enhanced T1w image.
    """

    level: str
    fine_mm: float
    fine_slices: int
    with_t1c: bool


@dataclass(frozen=True, kw_only=True)
class Background:
    """A spine without lesions.

    Attributes:
        t2: float32 (slice, row, column).
        t1c: contrast-enhanced T1w on the same grid, None if the background has no such image.
        cord: float32, the same grid, fraction of cord in each voxel.
        frame: course of the cord.
        cord_level: T2 intensity of normal cord.
        csf_level: T2 intensity of cerebrospinal fluid.
        gain: float64 (rows,), brightness of the cord on each row, relative to ``cord_level`` (coil sensitivity).
        origin: source: ``procedural``, ``template``, or the name of a scan.
        shaded: whether the images already contain a coil's shading.
        filum: course and size of the canal between the tip of the cord and S1, where masses of the filum lie; None
            where that is unknown.
        anatomy: canal, bones and discs; None where these are unknown.
    """

    t2: np.ndarray
    t1c: np.ndarray | None
    cord: np.ndarray
    frame: Frame
    cord_level: float
    csf_level: float
    gain: np.ndarray
    origin: str = "procedural"
    shaded: bool = False
    filum: Frame | None = None
    anatomy: Anatomy | None = None

    def intensity(self, level: np.ndarray | float, rows: slice) -> np.ndarray:
        """Return the T2 intensity on these rows of a level on the scale with cord 0.3 and fluid 1."""
        scaled = self.cord_level + (level - 0.3) / 0.7 * (self.csf_level - self.cord_level)
        return scaled * self.gain[rows][None, :, None]
