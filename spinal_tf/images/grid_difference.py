"""Words for how the grid of a mask or a second scan differs from that of the scan."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from nibabel.affines import voxel_sizes

from spinal_tf.images.grid import (
    GRID_TOLERANCE,
    Grid,
    axes_of,
    corner_distance_mm,
    nearest_part,
    orientation_of,
    same_grid,
)

_MIRRORED = ("left to right", "front to back", "top to bottom")
_DIRECTIONS = ("RL", "AP", "SI")
_DIGITS = range(3, 8)


def grid_difference(grid: Grid, scan: Grid) -> str:
    """Say what differs between two grids and by how much, without regard to the order of the axes.

    Args:
        grid: the other grid, in its own orientation.
        scan: grid of the scan.

    Returns:
        A phrase such as ``shifted by 3.2 mm along S``.
    """
    order = scan.orientation[:, 0].astype(int)
    counts, theirs = (np.array(one.package_shape)[order] for one in (grid, scan))
    apart = [f"{_product(counts)} voxels against {_product(theirs)}"] if np.any(counts != theirs) else []
    sizes = _size_difference(grid, scan, order)
    if apart or sizes:
        return " and ".join(apart + sizes)
    mirrored = _mirrored(grid, scan)
    if mirrored:
        return f"mirrored {mirrored}"
    return moved_by(grid.package_shape, grid.package_affine, scan.package_affine)


def part_difference(grid: Grid, scan: Grid) -> str:
    """Say why the grid of a part of a scan does not lie on that of the scan; see `grid_difference`."""
    sizes = _size_difference(grid, scan, scan.orientation[:, 0].astype(int))
    if sizes:
        return sizes[0]
    _, nearest = nearest_part(grid.package_affine, scan.package_affine)
    if same_grid(grid.package_shape, grid.package_affine, nearest):
        return "it marks voxels outside of the scan"
    return moved_by(grid.package_shape, grid.package_affine, nearest)


def moved_by(shape: tuple[int, ...], affine: np.ndarray, other: np.ndarray) -> str:
    """Say how a grid is rotated and shifted against another one with the same number and size of voxels.

    Args:
        shape: number of voxels along each axis.
        affine: (4, 4), index to patient RAS mm.
        other: (4, 4) of the grid that it should have.
    """
    accepted_mm = GRID_TOLERANCE * float(voxel_sizes(other).min())
    centre = [*((np.array(shape) - 1) / 2), 1]
    shift_mm = ((affine - other) @ centre)[:3]
    angle = _angle(affine, other)
    half_diagonal_mm = float(np.linalg.norm(voxel_sizes(other) * shape)) / 2
    found = [f"rotated by {np.degrees(angle):.2g} degrees"] if angle * half_diagonal_mm > accepted_mm else []
    shifts = [
        f"{abs(value):.3g} mm along {directions[int(value < 0)]}"
        for value, directions in zip(shift_mm, _DIRECTIONS, strict=True)
        if abs(value) > accepted_mm
    ]
    found += [f"shifted by {_listed(shifts)}"] if shifts else []
    return " and ".join(found) or f"its corners lie up to {corner_distance_mm(shape, affine, other):.2g} mm elsewhere"


def _size_difference(grid: Grid, scan: Grid, order: np.ndarray) -> list[str]:
    sizes, theirs = (voxel_sizes(one.package_affine)[order] for one in (grid, scan))
    extent = np.abs(sizes - theirs) * np.array(scan.package_shape)[order]
    if extent.max() <= GRID_TOLERANCE * theirs.min():
        return []
    shown = [(_product(sizes, digits), _product(theirs, digits)) for digits in _DIGITS]
    ours, others = next((pair for pair in shown if pair[0] != pair[1]), shown[-1])
    return [f"voxel size {ours} against {others} mm"]


def _mirrored(grid: Grid, scan: Grid) -> str:
    """Return the directions in which a grid is a mirror image of the scan's; empty if it is none."""
    for axes, affine in _mirror_images(scan.affine):
        image = replace(scan, affine=affine, orientation=orientation_of(affine))
        if image.package_shape == grid.package_shape and same_grid(
            grid.package_shape, grid.package_affine, image.package_affine
        ):
            return _listed([_MIRRORED[axis] for axis in axes])
    return ""


def _mirror_images(affine: np.ndarray) -> Iterator[tuple[list[int], np.ndarray]]:
    """Yield patient axes and affine of each mirror image: about the origin, and about the first voxel."""
    of_axis = [next(k for k, pair in enumerate(_DIRECTIONS) if _pair(code) == pair) for code in axes_of(affine)]
    for flips in sorted(itertools.product((1, -1), repeat=3), key=lambda signs: signs.count(-1))[1:]:
        axes = [axis for axis, sign in enumerate(flips) if sign < 0]
        yield axes, np.diag([*flips, 1]) @ affine
        yield sorted(of_axis[axis] for axis in axes), affine @ np.diag([*flips, 1])


def _pair(code: str) -> str:
    return next(pair for pair in _DIRECTIONS if code in pair)


def _angle(affine: np.ndarray, other: np.ndarray) -> float:
    """Return the angle between the axes of two affines, in radians; exact for small angles, too."""
    turn = (affine[:3, :3] / voxel_sizes(affine)) @ np.linalg.inv(other[:3, :3] / voxel_sizes(other))
    skew = turn - turn.T
    return float(np.arctan2(np.linalg.norm([skew[2, 1], skew[0, 2], skew[1, 0]]), np.trace(turn) - 1))


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


def _product(values: Iterable[float], digits: int = 6) -> str:
    return " x ".join(f"{value:.{digits}g}" for value in values)
