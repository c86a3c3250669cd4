"""Placement of a case's lesions along the cord: within their level and apart from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinal_tf.phantom.frame import REGION_OF_LEVEL, REGIONS, Frame

APART_VERTEBRAE = 0.35
"""Minimum distance between two lesions of a case, if there is room."""

OBLONGATA_VERTEBRAE = 2.0
"""Maximum reach of a lesion above C1, in heights of C1."""

FEWEST_ROWS = 20
"""Number of rows below which a level counts as out of view."""

MARGIN = 0.04
"""Share of the field of view at either end that stays free of lesions."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Position of one lesion.

    Attributes:
        centre_row, first_row, last_row: rows of the background.
        length_mm: length along the rows of the image.
        room_mm: maximum length within its level and without touching its neighbors.
    """

    centre_row: int
    first_row: int
    last_row: int
    length_mm: float
    room_mm: float


def place_lesions(
    rng: np.random.Generator, frame: Frame, level: str, lengths: np.ndarray, *, longest: float
) -> tuple[Place, ...]:
    """Lay out lesions along the cord.

    Args:
        rng: source of all randomness.
        frame: course of the cord.
        level: key of ``frame.REGION_OF_LEVEL``; lesions of a level that names two regions lie across their border,
            or on both sides of it.
        lengths: float64 (n,), in vertebrae; shortened if they do not fit.
        longest: maximum length of a lesion in vertebrae.
    """
    along = _vertebrae_along(frame)
    first, last, border = _stretch(frame, along, level)
    gaps = APART_VERTEBRAE * (lengths.size - 1)
    if lengths.sum() > 0.95 * (last - first - gaps):
        lengths = lengths * 0.95 * max(last - first - gaps, 0.3) / lengths.sum()
    free = rng.dirichlet(np.ones(lengths.size + 1)) * max(last - first - gaps - lengths.sum(), 0)
    starts = first + np.cumsum(free[:-1] + np.concatenate([[0], lengths[:-1] + APART_VERTEBRAE]))
    if border is not None:
        starts = _across(rng, starts, lengths, border, (first, last))
    ends = starts + lengths
    floor, ceiling = np.concatenate([[first], ends[:-1]]), np.concatenate([starts[1:], [last]])
    room = np.minimum(2 * np.minimum(starts - floor, ceiling - ends) * 0.7 + lengths, longest)
    rows = np.arange(along.size)
    order = rng.permutation(lengths.size)
    return tuple(_place(frame, along, rows, starts[i], lengths[i], max(room[i], lengths[i])) for i in order)


def _vertebrae_along(frame: Frame) -> np.ndarray:
    """Return each row's distance from the first row in vertebrae."""
    return np.cumsum(frame.spacing_mm[1] / frame.vertebra_mm)


def has_room(frame: Frame) -> bool:
    """Return whether enough of the course is in view to place a lesion in it."""
    return int(_usable(frame).sum()) >= FEWEST_ROWS


def _usable(frame: Frame) -> np.ndarray:
    """Return the rows on which a lesion may lie, bool."""
    margin = int(MARGIN * frame.level.size)
    seen: np.ndarray = np.isfinite(frame.x_mm)
    seen[:margin] = seen[frame.level.size - margin :] = seen[frame.end_row :] = False
    return seen


def _stretch(frame: Frame, along: np.ndarray, level: str) -> tuple[float, float, float | None]:
    """Return the range for lesions of a level and the border they lie across, in vertebrae from the first row."""
    upper, lower = REGION_OF_LEVEL[level]
    seen = _usable(frame)
    within = seen & (frame.region >= upper) & (frame.region <= lower)
    both = within & (frame.region == upper), within & (frame.region == lower)
    if within.sum() < FEWEST_ROWS or not all(side.any() for side in both):
        places = along[seen]
        return float(places[0]), float(places[-1]), None
    places = along[within]
    first, last = float(places[0]), float(places[-1])
    border = None if upper == lower else float(along[both[1]][0])
    if border is not None and REGIONS[upper] == "oblongata":
        first = max(first, border - OBLONGATA_VERTEBRAE)
    return first, last, border


def _across(
    rng: np.random.Generator, starts: np.ndarray, lengths: np.ndarray, border: float, limits: tuple[float, float]
) -> np.ndarray:
    """Shift all lesions together so that the border lies well within their span."""
    end = starts[-1] + lengths[-1]
    low = starts[0] + max(0.25 * lengths[0], min(0.4, 0.5 * lengths[0]))
    high = end - max(0.25 * lengths[-1], min(0.4, 0.5 * lengths[-1]))
    moved = starts + border - rng.uniform(low, max(high, low))
    clipped = np.clip(moved, limits[0], np.maximum(limits[1] - lengths, limits[0]))
    return np.asarray(clipped)


def _place(frame: Frame, along: np.ndarray, rows: np.ndarray, start: float, length: float, room: float) -> Place:
    first, centre, last = (
        float(np.interp(place, along, rows)) for place in (start, start + length / 2, start + length)
    )
    length_mm = max(last - first, 1.0) * frame.spacing_mm[1]
    return Place(
        centre_row=round(centre),
        first_row=round(first),
        last_row=round(last),
        length_mm=length_mm,
        room_mm=float(length_mm * room / length),
    )
