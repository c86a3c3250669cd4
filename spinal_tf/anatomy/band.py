"""The band along the canal in which the lesion network runs: overlapping windows, each around its part of the canal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinal_tf.anatomy.spine import Spine
from spinal_tf.preprocess import Placement

Array = np.ndarray

WINDOW_MM = (102.4, 76.8)
"""Length and depth of a window: the depth is twice the widest canal and what surrounds it, the length four vertebrae,
over which the canal stays within that depth."""

OVERLAP_MM = 25.6
"""Rows that neighboring windows share, so that each pixel is read far from a window's upper and lower edge."""

BESIDE_MM = 6.0
"""Distance beside the canal up to which slices are read: its outermost part may be too faint to be found."""

Window = tuple[slice, slice]


@dataclass(frozen=True, kw_only=True)
class Band:
    """Part of a scan that the lesion network reads.

    Attributes:
        slices: slices of the volume, ascending.
        windows: rows and columns of the network's input, from top to bottom.
        parts: rows that are kept of each window; together they cover the windows' rows once.
    """

    slices: tuple[int, ...]
    windows: tuple[Window, ...]
    parts: tuple[slice, ...]


def band_around(spine: Spine, placement: Placement, slices: int, slice_mm: float, multiple: int) -> Band:
    """Lay windows along the canal.

    Args:
        spine: the spine of the scan.
        placement: placement of a plane in the lesion network's input.
        slices: number of slices of the volume.
        slice_mm: distance from one slice to the next.
        multiple: number of which both sides of a window are multiples, as those of the input are.
    """
    rows, columns = _line_in_input(spine, placement)
    shape = placement.input_shape
    sides = zip(WINDOW_MM, placement.spacing_mm, shape, strict=True)
    size = [_side(length_mm, pixel_mm, limit, multiple) for length_mm, pixel_mm, limit in sides]
    starts = _starts(int(rows[0]), int(rows[-1]) + 1, size[0], round(OVERLAP_MM / placement.spacing_mm[0]), shape[0])
    windows = []
    for start in starts:
        inside = columns[(rows >= start) & (rows < start + size[0])]
        middle = (inside.min() + inside.max()) / 2 if len(inside) else columns.mean()
        left = int(np.clip(round(middle - size[1] / 2), 0, shape[1] - size[1]))
        windows.append((slice(start, start + size[0]), slice(left, left + size[1])))
    return Band(slices=_slices(spine, slices, slice_mm), windows=tuple(windows), parts=_parts(windows))


def _line_in_input(spine: Spine, placement: Placement) -> tuple[Array, Array]:
    """Return row and column of the canal's line in the input, at its rows from top to bottom."""
    first, last = spine.line.rows
    coarse = np.arange(first, last)
    found = spine.maps.volume_row(coarse), spine.maps.volume_column(spine.line.at_column[first:last])
    padding = placement.row_padding[0], placement.column_padding[0]
    in_input = [
        (place + 0.5) * new / old - 0.5 + before
        for place, new, old, before in zip(found, placement.resized_shape, placement.plane_shape, padding, strict=True)
    ]
    return in_input[0], in_input[1]


def _side(length_mm: float, pixel_mm: float, limit: int, multiple: int) -> int:
    return min(limit, max(multiple, round(length_mm / pixel_mm / multiple) * multiple))


def _starts(first: int, last: int, length: int, overlap: int, limit: int) -> list[int]:
    """Return the first row of each window: evenly spaced from the canal's first row to its last."""
    first = max(0, min(first - overlap // 2, limit - length))
    end = max(first, min(last + overlap // 2, limit) - length)
    count = 1 + -(-(end - first) // (length - overlap))
    return [int(start) for start in np.linspace(first, end, count).round()]


def _parts(windows: list[Window]) -> tuple[slice, ...]:
    borders = [windows[0][0].start]
    borders += [(upper[0].stop + lower[0].start) // 2 for upper, lower in zip(windows, windows[1:], strict=False)]
    borders.append(windows[-1][0].stop)
    return tuple(slice(*pair) for pair in zip(borders, borders[1:], strict=False))


def _slices(spine: Spine, count: int, slice_mm: float) -> tuple[int, ...]:
    seen = np.flatnonzero(spine.canal.any(axis=(1, 2)))
    reach = BESIDE_MM / slice_mm + 0.5
    first, last = spine.maps.volume_slice(seen[[0, -1]])
    return tuple(range(max(0, int(np.ceil(first - reach))), min(count, int(np.floor(last + reach)) + 1)))
