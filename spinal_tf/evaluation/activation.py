"""Where a heat map lies: in a lesion's core, its rim, the tissue around it, or elsewhere.

The regions are the same for a case's record and for the evaluation of a cohort. Zhuo et al. 2022 name the main
activation areas of their Table E4 (lesion, its central area, perilesional areas along its margin) but not the method
behind them; the measures here are our own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import ndimage

from spinal_tf.results import MapActivation, Zone

RIM_MM = 1.0
"""In-plane depth of a lesion's rim; at least one pixel is used."""

PERILESIONAL_MM = 5.0
"""Width of the band around a lesion, in three dimensions (Zhuo et al. 2022 describe perilesional activation)."""

TOLERANCE_MM = 1e-6
"""Slack for rounding when distances are compared."""

HALFWAY = 0.5
"""Share of the way from chance to the best, and of the core's level: half the maximum, as for the width of a peak."""

TIE = 1e-6
"""Levels that differ by less than this share of the highest are equal, since maps have single precision."""


def map_activation(heatmap: np.ndarray, mask: np.ndarray, spacing_mm: tuple[float, float, float]) -> MapActivation:
    """Return the zone in which a map is mainly active, and its mean in each region.

    A Grad-CAM map is coarse: its cells measure an eighth of the field of view, 20 to 45 mm, and are interpolated
    smoothly. The cord is only 10 mm wide, so nearly all of the sum lies outside, wherever the network looks. Regions
    are therefore compared by their level, the mean of the map over the region. Only slices with lesion are used; the
    map does not explain others.

    The rim is every lesion voxel whose distance, within its slice, to the nearest voxel outside is at most `RIM_MM` or
    one pixel's longer side, whichever is more; the core is the rest of the lesion. A lesion too thin to have a core is
    all rim. The perilesional band holds voxels outside of the lesion, but at most `PERILESIONAL_MM` from a lesion voxel
    in three dimensions. Distances are between voxel centers; the area beyond the edge of the image does not count as
    outside. Near is the lesion with its band; elsewhere is the rest of the slices. The zone is the first that holds:

    1. ``none``: the map is zero everywhere, or there is no lesion.
    2. ``elsewhere``: near lies at most halfway from chance, the mean of the slices, to the best, the mean of the
       hottest voxels of the slices, as many as there are near voxels. A constant map is also elsewhere, unless all
       voxels are near.
    3. ``perilesional``: the band's level is above the lesion's.
    4. ``core``: the rim's level is below half of the core's. This never holds for a lesion that is all rim or all core.
    5. ``lesion``: all other maps. A tie between a lesion and its parts gives lesion; one between near and elsewhere
       gives elsewhere.

    The comparison with equally many hottest voxels follows the relevance rank accuracy (Arras et al., Inf Fusion
    2022;81:14), but uses the values of voxels instead of their ranks, and is corrected for chance.

    Args:
        heatmap: float, finite, at least 0, (slice, row, column), in any scale.
        mask: bool, same shape.
        spacing_mm: voxel spacing along these axes.

    Raises:
        ValueError: the shapes differ, or the map has values that are negative or not finite.
    """
    if heatmap.shape != mask.shape:
        raise ValueError(f"heat map of shape {heatmap.shape} for a mask of shape {mask.shape}")
    if not (np.isfinite(heatmap).all() and (heatmap >= 0).all()):
        raise ValueError("the heat map has values that are negative or not finite")
    bearing = np.asarray(mask.any(axis=(1, 2)))
    near = _near(mask, bearing, spacing_mm)
    rest = ~np.logical_or.reduce(list(near.values()))[bearing]
    means = {region: _mean(heatmap[voxels]) for region, voxels in near.items()}
    means["elsewhere"] = _mean(heatmap[bearing][rest])
    return MapActivation(zone=_zone(heatmap, mask, near, means), means=means)


def _zone(heatmap: np.ndarray, mask: np.ndarray, near: Mapping[str, np.ndarray], means: Mapping[str, float]) -> Zone:
    if not heatmap.any() or not mask.any():
        return Zone.NONE
    heat = heatmap[mask.any(axis=(1, 2))].ravel()
    inside = np.concatenate([heatmap[region] for region in near.values()])
    best = _mean(np.partition(heat, -len(inside))[-len(inside) :])
    chance, slack = _mean(heat), TIE * best
    if len(inside) < len(heat) and _mean(inside) - chance <= HALFWAY * (best - chance) + slack:
        return Zone.ELSEWHERE
    if means["perilesional"] > _mean(heatmap[mask]) + slack:
        return Zone.PERILESIONAL
    return Zone.CORE if means["rim"] < HALFWAY * means["core"] - slack else Zone.LESION


def _mean(values: np.ndarray) -> float:
    """Return the mean, or NaN without values; comparisons with NaN are False."""
    return float(values.mean(dtype=np.float64)) if len(values) else math.nan


def _near(mask: np.ndarray, bearing: np.ndarray, spacing_mm: Sequence[float]) -> dict[str, np.ndarray]:
    """Return core, rim and band on the slices with lesion, each bool in the mask's shape."""
    box = _box_around(mask, spacing_mm)
    lesion = mask[box]
    core = _core(lesion, spacing_mm)
    band = ~lesion & (_distance_mm(~lesion, spacing_mm) <= PERILESIONAL_MM + TOLERANCE_MM)
    found = {}
    for name, region in (("core", core), ("rim", lesion & ~core), ("perilesional", band)):
        found[name] = np.zeros(mask.shape, bool)
        found[name][box] = region & bearing[box[0], np.newaxis, np.newaxis]
    return found


def _box_around(mask: np.ndarray, spacing_mm: Sequence[float]) -> tuple[slice, ...]:
    """Return a box that holds all near voxels, since computing distances is expensive."""
    lesion = ndimage.find_objects(mask.astype(np.uint8))
    if not lesion:
        return (slice(0, 0),) * mask.ndim
    margins = [int(np.ceil(PERILESIONAL_MM / spacing)) + 1 for spacing in spacing_mm]
    return tuple(
        slice(max(0, part.start - margin), part.stop + margin) for part, margin in zip(lesion[0], margins, strict=True)
    )


def _core(lesion: np.ndarray, spacing_mm: Sequence[float]) -> np.ndarray:
    depth_mm = max(RIM_MM, *spacing_mm[1:]) + TOLERANCE_MM
    planes = [_distance_mm(plane, spacing_mm[1:]) > depth_mm for plane in lesion]
    return np.array(planes, dtype=bool).reshape(lesion.shape)


def _distance_mm(region: np.ndarray, spacing_mm: Sequence[float]) -> np.ndarray:
    """Return the distance of every voxel in a region to the nearest one outside; infinite if there is none."""
    if region.all():
        return np.full(region.shape, np.inf)
    distance: np.ndarray = ndimage.distance_transform_edt(region, sampling=spacing_mm)
    return distance
