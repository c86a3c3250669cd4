"""Surfaces of two masks, and their distances in mm.

A surface consists of elements, one for each place where eight voxels meet and some but not all of them belong to the
mask. An element lies in the middle between its voxels and has the area of the marching cubes surface there, so that
anisotropic voxels count with their true area. This is the surface of Nikolov et al., J Med Internet Res 2021;23:e26151
(doi:10.2196/26151), and of their package surface-distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from scipy.spatial import KDTree

from spinal_tf.lesions import LENGTH_TOLERANCE_MM

Spacing = tuple[float, float, float]

CORNERS = tuple(product((0, 1), repeat=3))
"""Offsets of the eight voxels around a place; voxel k is bit k of the code of the place."""

FULL = 255
"""Code of a place inside the mask; 0 is the code of a place outside. Neither holds a surface element."""

SHARE_TOLERANCE = 1e-9
"""Tolerance for rounding when shares of area are compared with a percentile."""


@dataclass(frozen=True, kw_only=True)
class Distances:
    """Elements of one surface, in arbitrary order.

    Attributes:
        distance_mm: distance from each element to the nearest one of the other surface; infinite if that is empty.
        area_mm2: area of each element.
    """

    distance_mm: np.ndarray
    area_mm2: np.ndarray


def surface_distances(
    prediction: np.ndarray, reference: np.ndarray, spacing_mm: Spacing
) -> tuple[Distances, Distances]:
    """Return distances from the prediction's surface to the reference's, and back.

    Args:
        prediction: bool, (slice, row, column). Crop it to both masks, since the time grows with its size. Voxels beyond
            the array count as outside of the mask.
        reference: bool, same shape.
        spacing_mm: spacing of slices, rows and columns.
    """
    codes = [_codes(mask) for mask in (prediction, reference)]
    surfaces = [((code != 0) & (code != FULL)).ravel() for code in codes]
    places = [np.flatnonzero(surface) for surface in surfaces]
    points_mm = [np.stack(np.unravel_index(place, codes[0].shape), axis=1) * spacing_mm for place in places]
    # The tree is not balanced: on a grid, many points share a coordinate, and medians make a slower tree.
    trees = [KDTree(points, balanced_tree=False) if len(points) else None for points in points_mm]
    areas_mm2 = element_areas_mm2(spacing_mm)
    there, back = (
        Distances(
            distance_mm=_nearest_mm(points_mm[one], trees[1 - one], shared=surfaces[1 - one][places[one]]),
            area_mm2=areas_mm2[codes[one].ravel()[places[one]]],
        )
        for one in (0, 1)
    )
    return there, back


def _nearest_mm(points_mm: np.ndarray, tree: KDTree | None, *, shared: np.ndarray) -> np.ndarray:
    """Return the distance of each point to the tree; points that both surfaces share need no search."""
    distance_mm = np.where(shared, 0.0, np.inf)
    if tree is not None and not shared.all():
        distance_mm[~shared] = tree.query(points_mm[~shared])[0]
    return distance_mm


def _codes(mask: np.ndarray) -> np.ndarray:
    """Return which of the eight voxels around each place belong to the mask: uint8, one longer on each axis."""
    codes = np.zeros([size + 1 for size in mask.shape], np.uint8)
    for bit, corner in enumerate(CORNERS):
        # The voxel on the far side of a place has the index of the place, and the one on the near side is one before.
        seen = tuple(slice(1 - far, 1 - far + size) for far, size in zip(corner, mask.shape, strict=True))
        codes[seen] |= mask.view(np.uint8) << np.uint8(bit)
    return codes


def normalised_surface_distance(there: Distances, back: Distances, tolerance_mm: float) -> float:
    """Return the share of both surfaces' area that lies within a tolerance of the other surface.

    The formula is (area of A within the tolerance + area of B within it) / (area of A + area of B). It is also called
    surface Dice. See Nikolov et al. 2021.

    Returns:
        The share, 0 to 1; 0 if one mask is empty, NaN if both are.
    """
    total_mm2 = there.area_mm2.sum() + back.area_mm2.sum()
    within_mm2 = sum(one.area_mm2[one.distance_mm <= tolerance_mm + LENGTH_TOLERANCE_MM].sum() for one in (there, back))
    return float(within_mm2 / total_mm2) if total_mm2 else np.nan


def hausdorff_mm(there: Distances, back: Distances, percentile: float) -> float:
    """Return the robust Hausdorff distance: the larger directed percentile of the distances, weighted by area.

    The directed percentile is the smallest distance within which at least this percentage of a surface's area lies.
    See Huttenlocher et al., IEEE Trans Pattern Anal Mach Intell 1993;15:850, and, for the weights, Nikolov et al. 2021.

    Returns:
        The distance in mm; infinite if one mask is empty, NaN if both are.
    """
    directed_mm = [_percentile_mm(one, percentile) for one in (there, back) if len(one.distance_mm)]
    return max(directed_mm, default=np.nan)


def _percentile_mm(distances: Distances, percentile: float) -> float:
    order = np.argsort(distances.distance_mm)
    share = np.cumsum(distances.area_mm2[order])
    first = np.searchsorted(share, (percentile / 100 - SHARE_TOLERANCE) * share[-1])
    return float(distances.distance_mm[order[first]])


def element_areas_mm2(spacing_mm: Spacing) -> np.ndarray:
    """Return the area of the surface element for each of the 256 codes.

    The corners of a cube in the mask (or those outside, if they are fewer) form groups that are joined by the cube's
    edges. A surface through the middles of edges cuts off each group. Its area follows from the areas F of the voxel's
    three faces, their norm T, and the norms E of all but one:

    ====================  =============================================
    one corner            T / 8
    two                   E without the edge's axis / 2
    three                 F of the face they lie in / 2 + 3 T / 8
    four, a face          F of that face
    four, around one      3 T / 4
    four, in a row        T / 2 + (E without the last + E without the first edge's axis) / 4
    ====================  =============================================

    Returns:
        Areas in mm2, float64, (256,).
    """
    faces_mm2 = np.prod(spacing_mm) / np.asarray(spacing_mm, float)
    without_one_mm2 = [np.linalg.norm(np.delete(faces_mm2, axis)) for axis in range(3)]
    areas_mm2: np.ndarray = _shares() @ np.concatenate([faces_mm2, without_one_mm2, [np.linalg.norm(faces_mm2)]])
    return areas_mm2


@lru_cache(maxsize=1)
def _shares() -> np.ndarray:
    """Return the coefficients of F of each axis, E without each axis, and T for each code: (256, 7)."""
    shares = np.zeros((256, 7))
    for code in range(256):
        inside = [corner for bit, corner in enumerate(CORNERS) if code >> bit & 1]
        fewer = inside if len(inside) <= 4 else [corner for corner in CORNERS if corner not in inside]
        for group in _groups(fewer):
            for part, share in _group_shares(group).items():
                shares[code, part] += share
    return shares


Corner = tuple[int, ...]


def _groups(corners: Sequence[Corner]) -> list[list[Corner]]:
    """Return groups of corners that are joined by edges of the cube."""
    groups: list[list[Corner]] = []
    for corner in corners:
        joined = [group for group in groups if any(_edge_axis(corner, other) is not None for other in group)]
        groups = [group for group in groups if group not in joined] + [[corner, *sum(joined, [])]]
    return groups


def _edge_axis(one: Corner, other: Corner) -> int | None:
    """Return the axis of the edge between two corners, or None without an edge."""
    differing = [axis for axis in range(3) if one[axis] != other[axis]]
    return differing[0] if len(differing) == 1 else None


def _group_shares(group: Sequence[Corner]) -> dict[int, float]:
    """Return the coefficients of one group by column: 0-2 for F, 3-5 for E, 6 for T."""
    edges = [[_edge_axis(corner, other) for other in group] for corner in group]
    axes_at = [[axis for axis in axes if axis is not None] for axes in edges]
    used = set().union(*axes_at)
    normal = min({0, 1, 2} - used, default=0)
    if len(group) == 1:
        return {6: 1 / 8}
    if len(group) == 2:
        return {3 + min(used): 1 / 2}
    if len(group) == 3:
        return {normal: 1 / 2, 6: 3 / 8}
    if len(used) == 2:
        return {normal: 1}
    if max(map(len, axes_at)) == 3:
        return {6: 3 / 4}
    ends = [axes[0] for axes in axes_at if len(axes) == 1]
    return {6: 1 / 2, **{3 + end: 1 / 4 for end in ends}}
