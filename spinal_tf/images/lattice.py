"""Puts part of a grid back onto the whole grid, for masks that were saved cropped to their content."""

from __future__ import annotations

import numpy as np

from spinal_tf.images.nifti import corner_distance_mm


def onto_lattice(
    data: np.ndarray, affine: np.ndarray, *, shape: tuple[int, ...], whole: np.ndarray, tolerance_mm: float
) -> np.ndarray | None:
    """Put an image onto a grid of which it is a part.

    Args:
        data: array with three axes, in the order of the grid's.
        affine: (4, 4), index of the array to RAS mm.
        shape: shape of the grid.
        whole: (4, 4) affine of the grid.
        tolerance_mm: largest distance of a voxel from a voxel of the grid.

    Returns:
        The data on the grid, zero elsewhere; None if voxels do not coincide with those of the grid, or if a nonzero
        voxel lies outside of it.
    """
    start = np.linalg.solve(whole, affine @ [0, 0, 0, 1])[:3]
    first = np.rint(start).astype(int)
    moved = whole.copy()
    moved[:3, 3] = (whole @ [*first, 1])[:3]
    if corner_distance_mm(data.shape, affine, moved) > tolerance_mm:
        return None
    low, high = np.maximum(first, 0), np.minimum(first + data.shape, shape)
    result = np.zeros(shape, data.dtype)
    if np.all(low < high):
        theirs = tuple(slice(*ends) for ends in zip(low - first, high - first, strict=True))
        result[tuple(slice(*ends) for ends in zip(low, high, strict=True))] = data[theirs]
    return result if np.count_nonzero(result) == np.count_nonzero(data) else None
