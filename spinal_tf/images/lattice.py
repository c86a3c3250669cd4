"""Puts part of a grid back onto the whole grid, for masks that were saved cropped to their content."""

from __future__ import annotations

import numpy as np

from spinal_tf.images.grid import nearest_part, same_grid


def onto_lattice(
    data: np.ndarray, affine: np.ndarray, *, shape: tuple[int, ...], whole: np.ndarray
) -> np.ndarray | None:
    """Put an image onto a grid of which it is a part.

    Args:
        data: array with three axes, in the order of the grid's.
        affine: (4, 4), index of the array to RAS mm.
        shape: shape of the grid.
        whole: (4, 4) affine of the grid.

    Returns:
        The data on the grid, zero elsewhere; None if voxels do not coincide with those of the grid (see `same_grid`),
        or if a nonzero voxel lies outside of it.
    """
    first, nearest = nearest_part(affine, whole)
    if not same_grid(data.shape, affine, nearest):
        return None
    low, high = np.maximum(first, 0), np.minimum(first + data.shape, shape)
    result = np.zeros(shape, data.dtype)
    if np.all(low < high):
        theirs = tuple(slice(*ends) for ends in zip(low - first, high - first, strict=True))
        result[tuple(slice(*ends) for ends in zip(low, high, strict=True))] = data[theirs]
    return result if np.count_nonzero(result) == np.count_nonzero(data) else None
