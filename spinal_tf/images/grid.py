"""Voxel grids: their axis order, and the one comparison that decides whether two grids are the same."""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from spinal_tf.images.image_format import Geometry

PACKAGE_AXES = "LIP"
"""Axis order of all arrays in the package, in nibabel's codes: slices right to left, rows superior to inferior, columns
anterior to posterior."""

GRID_TOLERANCE = 0.05
"""Largest distance between corners of equal grids, as a share of the smallest voxel side. ITK makes direction cosines
orthogonal when it saves, which moves corners by micrometers; no voxel comes near to its neighbor."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """The voxel grid of a file in its own axis order, with everything needed to write on it again.

    Attributes:
        shape: number of voxels along i, j, k.
        affine: (4, 4) float64, (i, j, k) to patient RAS mm.
        orientation: (3, 2) nibabel orientation: package axis of each file axis, and 1 or -1 for the direction.
        geometry: data that the reader keeps to write on the grid; for NIfTI: qform, sform, codes, units, version and
            byte order.
        other_affine: second affine of the file that other programs may use; see `StoredImage`.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray
    orientation: np.ndarray
    geometry: Geometry
    other_affine: np.ndarray | None = None

    @property
    def package_shape(self) -> tuple[int, ...]:
        """Number of voxels along the package's axes."""
        return tuple(self.shape[axis] for axis in np.argsort(self.orientation[:, 0]))

    @property
    def package_affine(self) -> np.ndarray:
        """(4, 4) float64, (slice, row, column) index to patient RAS mm."""
        return self._turned(self.affine)

    @property
    def package_affines(self) -> tuple[np.ndarray, ...]:
        """``package_affine``, and the same for ``other_affine`` if there is one."""
        affines = (self.affine,) if self.other_affine is None else (self.affine, self.other_affine)
        return tuple(self._turned(affine) for affine in affines)

    def _turned(self, affine: np.ndarray) -> np.ndarray:
        turned: np.ndarray = affine @ inv_ornt_aff(self.orientation, self.shape)
        return turned


def orientation_of(affine: np.ndarray) -> np.ndarray:
    """Return the orientation that turns a file with this affine into the package's order; see ``Grid.orientation``."""
    turned: np.ndarray = ornt_transform(io_orientation(affine), axcodes2ornt(PACKAGE_AXES))
    return turned


def axes_of(affine: np.ndarray) -> str:
    """Return the directions of the axes in nibabel's codes, such as ``LIP``."""
    return "".join(nib.aff2axcodes(affine))


def same_grid(shape: tuple[int, ...], affine: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two affines put the voxels of this shape in the same places, within ``GRID_TOLERANCE``."""
    smallest_mm = min(float(voxel_sizes(one).min()) for one in (affine, other))
    return corner_distance_mm(shape, affine, other) <= GRID_TOLERANCE * smallest_mm


def corners(shape: tuple[int, ...]) -> np.ndarray:
    """Return the (8, 4) homogeneous indices of the first and last voxel along each axis."""
    ends = [(0, size - 1) for size in shape[:3]]
    return np.array([(i, j, k, 1) for i in ends[0] for j in ends[1] for k in ends[2]], dtype=np.float64)


def corner_distance_mm(shape: tuple[int, ...], affine: np.ndarray, other: np.ndarray) -> float:
    """Return the largest distance between the positions that two affines give a corner of a volume of this shape."""
    moved = corners(shape) @ (affine - other).T
    return float(np.linalg.norm(moved[:, :3], axis=1).max())


def nearest_part(affine: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move a grid by whole voxels, to where the first voxel of another one lies.

    Args:
        affine: (4, 4) of the other grid, index to patient RAS mm.
        whole: (4, 4) of the grid that is moved.

    Returns:
        (3,) integers, index of that voxel in ``whole``; and the (4, 4) affine that starts there.
    """
    first = np.rint(np.linalg.solve(whole, affine @ [0, 0, 0, 1])[:3]).astype(int)
    moved = whole.copy()
    moved[:3, 3] = (whole @ [*first, 1])[:3]
    return first, moved
