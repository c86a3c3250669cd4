"""Dimensions of one person's bones: every vertebra differs a little from its neighbors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from spinal_tf.phantom.fields import Array

HEIGHTS_MM = (14.0, 22.0, *[17.5] * 5, *[20.0] * 2, *[23.0] * 6, *[25.0] * 4, *[34.0] * 5, 30.0, *[24.0] * 4)
"""Height of body plus disc of C1 to C7, T1 to T12, L1 to L5 and S1 to S5, from the top."""

MIDDLES_MM = tuple(np.cumsum(HEIGHTS_MM) - np.asarray(HEIGHTS_MM) / 2)
L1, S1 = 19, 24
"""Indices of these vertebrae."""

S1_MM = float(sum(HEIGHTS_MM[:S1]))
"""Mean distance of the top of S1 below the top of C1."""

LOIN_MM = 380.0
"""Place above which the tables along the spine hold in mm for everybody; below, they follow the person's sacrum."""

DEPTHS_MM = (
    *((0, 9), (25, 15), (60, 15.5), (130, 17), (260, 24), (400, 29), (470, 33)),
    *((570, 34), (588, 31), (612, 22), (636, 17), (660, 13), (690, 9)),
)
HALF_WIDTHS_MM = ((0, 5.5), (13, 6), (20, 9), (130, 14), (260, 15), (400, 22), (560, 25))
SPINOUS_MM = ((7, 5), (25, 21), (45, 13), (80, 15), (115, 30), (160, 32), (260, 28), (400, 28), (530, 26), (620, 10))
"""Length of the spinous process, in C1 only a tubercle, at distances below the top of C1 in mm."""

SPINOUS_DEGREES = ((0, 5), (25, 12), (110, 22), (150, 35), (230, 58), (310, 55), (370, 25), (420, 8), (600, 8))
"""Downward angle of the spinous process, likewise."""

SPINOUS_HALF_MM = ((7, 4), (25, 6.5), (45, 3.5), (110, 5), (160, 4.5), (260, 4.0), (370, 7), (450, 10), (600, 6))
DISC_SHARES = ((0, 0), (20, 0.02), (37, 0.25), (130, 0.22), (260, 0.15), (400, 0.24), (570, 0.26), (600, 0.08))

TABLE_MM = 0.25
FIRST_MM = -260.0
"""Step and start of the table of vertebrae along the spine."""


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """Sizes of the vertebrae in mm; each array has one entry per vertebra, C1 first, unless stated otherwise.

    Attributes:
        edges: upper borders and the end of the last vertebra, along the spine below the top of C1.
        disc: share of the height that is disc, below the body.
        depth, half_width: depth and half the width of the body.
        waist, cave, lip: depth of the front's concavity, of the endplates' concavity, and length of bony spurs.
        bulge: protrusion of the disc below into the canal.
        wedge: tilt of the endplates, radians.
        marrow: brightness of the marrow relative to the person's mean.
        wetness: brightness of the disc below, 0 (black) to 1.
        spinous, spinous_half, spinous_slope: length, half the height and slope of the spinous process.
        vertebra_at: int16, index of the vertebra at each step of `TABLE_MM` from `FIRST_MM`.
    """

    edges: Array
    disc: Array
    depth: Array
    half_width: Array
    waist: Array
    cave: Array
    lip: Array
    bulge: Array
    wedge: Array
    marrow: Array
    wetness: Array
    spinous: Array
    spinous_half: Array
    spinous_slope: Array
    vertebra_at: Array

    def vertebra(self, s_mm: Array) -> tuple[Array, Array, Array]:
        """Return index of the vertebra at positions along the spine, share of its height (0 to 1), and height in mm."""
        step = np.clip(((s_mm - FIRST_MM) / TABLE_MM).astype(np.int32), 0, self.vertebra_at.size - 1)
        index = self.vertebra_at[step]
        height = np.diff(self.edges).astype(np.float32)
        return index, (s_mm - self.edges.astype(np.float32)[index]) / height[index], height[index]


def draw_skeleton(rng: np.random.Generator) -> Skeleton:
    """Draw a person's bones."""
    middles, count = np.asarray(MIDDLES_MM), len(HEIGHTS_MM)

    def each(table: tuple[tuple[float, float], ...], spread: float) -> Array:
        places, values = np.asarray(table, float).T
        drawn: Array = (np.interp(middles, places, values) * rng.normal(1, spread, count)).astype(np.float32)
        return drawn

    scale, age = rng.normal(1, 0.06), rng.uniform()
    edges = np.concatenate([[0.0], np.cumsum(scale * np.asarray(HEIGHTS_MM) * rng.normal(1, 0.035, count))])
    worn = rng.random(count) < 0.35 * age
    disc = each(DISC_SHARES, 0.1) * np.where(worn, rng.uniform(0.55, 0.95, count), 1)
    wet = np.clip(rng.normal(0.75 - 0.6 * age, 0.12, count) - 0.35 * worn, 0, 1)
    steps = FIRST_MM + TABLE_MM * np.arange(int((edges[-1] + 400 - FIRST_MM) / TABLE_MM))
    bulge = np.where(worn, rng.gamma(2.0, 0.7, count), rng.uniform(0, 0.5, count))
    return Skeleton(
        edges=edges,
        disc=disc.astype(np.float32),
        depth=each(DEPTHS_MM, 0.04),
        half_width=each(HALF_WIDTHS_MM, 0.05),
        waist=rng.uniform(0.8, 2.8, count).astype(np.float32),
        cave=(rng.uniform(0.2, 1.0, count) + 0.6 * (rng.random(count) < 0.1)).astype(np.float32),
        lip=(rng.gamma(1.2, 0.8 * age + 0.2, count)).astype(np.float32).clip(0, 4),
        bulge=np.minimum(bulge, 2.2).astype(np.float32),
        wedge=rng.normal(0, 0.035, count).astype(np.float32),
        marrow=rng.normal(1, 0.06, count).astype(np.float32),
        wetness=wet.astype(np.float32),
        spinous=each(SPINOUS_MM, 0.1),
        spinous_half=each(SPINOUS_HALF_MM, 0.12),
        spinous_slope=np.tan(np.radians(each(SPINOUS_DEGREES, 0.08) + rng.normal(0, 3, count))).astype(np.float32),
        vertebra_at=np.clip(np.searchsorted(edges, steps, side="right") - 1, 0, count - 1).astype(np.int16),
    )


def place_in_tables(s_mm: Array, s1_mm: float) -> Array:
    """Return positions in tables along the mean spine: a person's S1, at ``s1_mm``, lies at `S1_MM` in them."""
    lower = np.interp(s_mm, (LOIN_MM, s1_mm, 2 * s1_mm), (LOIN_MM, S1_MM, 2 * S1_MM))
    place: Array = np.where(s_mm > LOIN_MM, lower, s_mm)
    return place


def smooth_along(edges: Array, values: Array, s_mm: Array, sigma_mm: float) -> Array:
    """Smooth the vertebrae's values, placed at their middles, along the spine; float32 at the given positions."""
    grid = np.arange(edges[0] - 100, edges[-1] + 100, 1.0)
    curve = ndimage.gaussian_filter1d(np.interp(grid, (edges[:-1] + edges[1:]) / 2, values), sigma_mm, mode="nearest")
    smooth: Array = np.interp(s_mm, grid, curve).astype(np.float32)
    return smooth
