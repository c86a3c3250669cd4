"""Range of a scan's intensities without outliers: spikes, padding, metal, a corner that a coil makes too bright.

The networks were trained with the minimum and maximum of the whole scan, so a scan without outliers must keep these
exactly. All of this is our choice; ``docs/method.md`` gives the measurements behind the constants.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

SAMPLE = 65521
"""Largest number of voxels in the sample that gives the core. As a prime, it reaches all rows and columns."""

BEYOND_CORE = 50
"""One in so many voxels lies beyond the core on either side. As many outliers are found there without a gap."""

BEYOND_KEPT = 8
"""At most one in so many of the voxels that count lies beyond the core, however much of a scan is padding."""

REPEATS = 150
"""A value counts for the core at most one in so many times, so that padding does not move it."""

STEPS = tuple(1.05**step for step in range(87))
"""Distances from the far end of the core at which voxels are counted, relative to the extent of the core."""

GAP_BELOW, GAP_ABOVE = 9, 18
"""Steps without a voxel between the outliers and the rest: a factor of 1.55 or 2.41 of the distance. Above, a small
bright structure is more likely than below."""

SPREAD, SPREAD_SHARE = 24, 0.5
"""Outliers without a gap: this share of the voxels beyond a step is beyond the step 24 further on, at 3.2 times the
distance."""

NEARLY = 0.9
"""Share that is taken for all."""

FARTHEST = 62
"""Step beyond which a voxel is an outlier in any case: 21 times the extent of the core."""

LEVELS_IN_GAP = 3
"""Smallest gap, in mean distances between the different values of the core: the levels of a coarse scan are no gaps."""


@dataclass(frozen=True, kw_only=True)
class Core:
    """Middle of a scan's intensities.

    Attributes:
        low: lowest intensity.
        high: highest intensity.
        levels: number of different values, less one.
    """

    low: float
    high: float
    levels: int


def robust_range(data: np.ndarray) -> tuple[float, float]:
    """Return the lowest and highest intensity without outliers; without outliers, these are minimum and maximum.

    The core is the range of all but 2 % of a sample on either side. On either side, all voxels of the scan beyond the
    core are counted at growing distances, in steps of 5 %, from the core's other end. Outliers are

    - what lies beyond a gap: no voxel over a factor of 1.55 (below) or 2.41 (above) of the distance. The range ends at
      the gap;
    - up to 2 % of the scan without a gap, of which half are still there at 3.2 times the distance, or one voxel at 21
      times the extent of the core. The range ends where they begin to outnumber the others;
    - more than 2 % of the scan, of which 90 % are still there at 3.2 times the distance: padding of a resampled scan.

    Args:
        data: (slice, row, column) float32 or float64, finite, C-contiguous.

    Returns:
        The two intensities, both of which occur in the scan.
    """
    lowest, highest = float(data.min()), float(data.max())
    core = find_core(data)
    if core is None:
        return lowest, highest
    extent = core.high - core.low
    if core.high - lowest > STEPS[GAP_BELOW] * extent:
        lowest = -_end(data, -1, core, -lowest)
    if highest - core.low > STEPS[GAP_ABOVE] * extent:
        highest = _end(data, 1, core, highest)
    return lowest, highest


def find_core(data: np.ndarray) -> Core | None:
    """Find the core in a fixed sample of the voxels; None if it is a single value."""
    return core_of(np.sort(sampled(data).astype(np.float64)))


def sampled(data: np.ndarray) -> np.ndarray:
    """Return at most `SAMPLE` voxels, evenly spread over a C-contiguous scan, in order."""
    voxels = data.reshape(-1)
    if voxels.size <= SAMPLE:
        return voxels
    return voxels[np.arange(SAMPLE, dtype=np.int64) * voxels.size // SAMPLE]


def core_of(ordered: np.ndarray) -> Core | None:
    """Find the core of voxels in ascending order; see `find_core`."""
    repeats = max(1, len(ordered) // REPEATS)
    is_kept = np.ones(len(ordered), bool)
    is_kept[repeats:] = ordered[repeats:] != ordered[:-repeats]
    kept = ordered[is_kept]
    beyond = min(len(ordered) // BEYOND_CORE, len(kept) // BEYOND_KEPT)
    inside = kept[beyond : len(kept) - beyond]
    if inside[0] == inside[-1]:
        return None
    return Core(low=float(inside[0]), high=float(inside[-1]), levels=int(np.count_nonzero(np.diff(inside))))


def gap_widths(gap: int) -> np.ndarray:
    """Return the width of a gap of so many steps that begins at each possible step, relative to the core's extent."""
    possible = len(STEPS) - SPREAD
    return np.subtract(STEPS[gap : possible + gap], STEPS[:possible])


def last_step(counts: np.ndarray, gap: int, *, levels: int, most: int) -> int | None:
    """Return the step at which the range ends, from the number of voxels beyond each of `STEPS`; None for no outliers.

    Args:
        counts: int64, number of voxels beyond each step.
        gap: number of steps without a voxel that are a gap.
        levels: see `Core`.
        most: number of voxels up to which outliers need no gap.
    """
    end, possible = None, gap_widths(gap) * levels >= LEVELS_IN_GAP
    many = counts[: len(possible)] > most
    before_gap = _shares(counts, gap, possible) == 1
    if not before_gap.any():
        before_gap = _shares(counts, SPREAD, possible & many) >= NEARLY
    if before_gap.any():
        end = int(np.argmax(before_gap))
        counts = np.maximum(counts - counts[end], 0)
    possible &= counts[: len(possible)] <= most
    near, far = _shares(counts, gap, possible), _shares(counts, SPREAD, possible)
    if far.max() >= SPREAD_SHARE or counts[FARTHEST] > 0:
        end = int(np.argmax(near >= NEARLY * near[: np.argmax(far) + 1].max()))
    return end


def _shares(counts: np.ndarray, ahead: int, possible: np.ndarray) -> np.ndarray:
    """Return the share of the voxels beyond each possible step that are beyond the one ``ahead``, else 0."""
    steps = np.arange(len(possible))
    return np.where(possible, counts[steps + ahead] / np.maximum(counts[steps], 1), 0.0)


def _end(data: np.ndarray, sign: int, core: Core, farthest: float) -> float:
    """Return where the range ends on one side, as ``sign`` times the intensity; ``farthest`` without outliers."""
    near, far = sorted((sign * core.low, sign * core.high))
    edges = near + (far - near) * np.array(STEPS)
    counts = np.zeros(len(STEPS) + 1, np.int64)
    for tail in _tails(data, sign, far):
        counts += np.bincount(np.searchsorted(edges, tail), minlength=len(counts))
    beyond, gap = counts[:0:-1].cumsum()[::-1], GAP_ABOVE if sign > 0 else GAP_BELOW
    step = last_step(beyond, gap, levels=core.levels, most=data.size // BEYOND_CORE)
    if step is None:
        return farthest
    return max(float(tail[tail <= edges[step]].max(initial=far)) for tail in _tails(data, sign, far))


def _tails(data: np.ndarray, sign: int, far: float) -> Iterator[np.ndarray]:
    """Yield the voxels of each plane beyond the core, as ``sign`` times the intensity: float64."""
    for plane in data:
        beyond = plane > far if sign > 0 else plane < -far
        yield sign * plane[beyond].astype(np.float64)
