"""Choose the slices on the sheet, their crop and their size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_SLICES = 12
"""Maximum number of slices; more do not fit on one screen at a size that shows a lesion."""

SLICES_WITHOUT_LESION = 3
"""Number of slices around the middle of the volume that are shown if there is no lesion."""

MARGIN_MM = 20.0
"""Tissue shown around the lesions on every side."""

SMALLEST_CROP_MM = 60.0
"""Minimum width of a crop, so that the reader still recognizes vertebrae."""

WHOLE_FROM = 0.7
"""Share of the plane from which a crop is not worthwhile: the whole plane is shown instead."""

LARGEST_SCALE = 6.0
"""Maximum pixels per mm; a larger scale would add only interpolation."""

BODY_HEIGHT = 1100
"""Maximum height of all rows of slices in pixels."""

HEADING, GAP, SEAM = 24, 18, 3
"""Space in pixels above each slice, between slices, and between the panels of a slice."""


@dataclass(frozen=True, kw_only=True)
class Crop:
    """A rectangle of the sagittal plane: rows ``top`` to ``bottom``, columns ``left`` to ``right``, ends excluded."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, plane: np.ndarray) -> np.ndarray:
        """Crop a plane, or each plane of a stack, to the rectangle."""
        return plane[..., self.top : self.bottom, self.left : self.right]

    def size_mm(self, spacing_mm: tuple[float, float]) -> tuple[float, float]:
        """Return height and width in mm, given the spacing of rows and columns."""
        return (self.bottom - self.top) * spacing_mm[0], (self.right - self.left) * spacing_mm[1]


def shown_slices(lesion_bearing: tuple[int, ...], slice_count: int) -> tuple[int, ...]:
    """Choose slices for the sheet: the lesion-bearing ones, evenly thinned out if too many, or the middle ones."""
    if lesion_bearing:
        picks = np.linspace(0, len(lesion_bearing) - 1, min(MOST_SLICES, len(lesion_bearing)))
        return tuple(lesion_bearing[round(pick)] for pick in picks.tolist())
    count = min(SLICES_WITHOUT_LESION, slice_count)
    first = (slice_count - count) // 2
    return tuple(range(first, first + count))


def whole(shape: tuple[int, ...]) -> Crop:
    """Return a crop that covers a whole plane of that many rows and columns."""
    return Crop(top=0, bottom=shape[0], left=0, right=shape[1])


def crop_around(mask: np.ndarray, spacing_mm: tuple[float, float]) -> Crop:
    """Return the part of the plane to enlarge: all lesions of all slices with a margin, or the whole plane.

    Args:
        mask: bool (slice, row, column).
        spacing_mm: spacing of rows and columns.
    """
    rows, columns = np.flatnonzero(mask.any(axis=(0, 2))), np.flatnonzero(mask.any(axis=(0, 1)))
    if rows.size == 0:
        return whole(mask.shape[1:])
    height_mm = max(np.ptp(rows) * spacing_mm[0] + 2 * MARGIN_MM, SMALLEST_CROP_MM)
    width_mm = max(np.ptp(columns) * spacing_mm[1] + 2 * MARGIN_MM, SMALLEST_CROP_MM, height_mm / 2)
    top, bottom = _span(rows, height_mm / spacing_mm[0], mask.shape[1])
    left, right = _span(columns, width_mm / spacing_mm[1], mask.shape[2])
    covered = (bottom - top) * (right - left) / (mask.shape[1] * mask.shape[2])
    return whole(mask.shape[1:]) if covered >= WHOLE_FROM else Crop(top=top, bottom=bottom, left=left, right=right)


def fit(size_mm: tuple[float, float], *, panels: int, slices: int, width: int) -> tuple[float, int]:
    """Find the arrangement with the largest slices: pixels per mm, and number of slices in a row.

    Among arrangements of equal size, the one with most slices in a row is taken.

    Args:
        size_mm: height and width of a panel.
        panels: number of panels side by side in every slice.
        slices: number of slices to arrange.
        width: available width in pixels.
    """

    def scale(across: int) -> float:
        for_width = (width + GAP) / across - GAP - (panels - 1) * SEAM
        for_height = BODY_HEIGHT / -(-slices // across) - HEADING - GAP
        return min(for_height / size_mm[0], for_width / panels / size_mm[1], LARGEST_SCALE)

    best = max(range(slices, 0, -1), key=scale)
    return scale(best), best


def _span(indices: np.ndarray, length: float, limit: int) -> tuple[int, int]:
    """Return start and end of ``length`` indices around the given ones, shifted to lie within 0 to ``limit``."""
    count = min(int(np.ceil(length)), limit)
    start = round((int(indices[0]) + int(indices[-1]) + 1 - count) / 2)
    start = min(max(start, 0), limit - count)
    return start, start + count
