"""Interface of an image format, and the checks that all readers share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from spinal_tf.errors import VolumeError

MAXIMUM_VOXELS = 2**28
"""Largest volume read: 256 slices of 1024 x 1024, 1 GiB as float32. A spinal series is about a tenth of that."""

SINGULAR_BELOW = 1e-4
"""Smallest determinant of an affine after scaling its columns to length 1; orthogonal columns give 1."""

SMALLEST_MM, LARGEST_MM = 1e-6, 1e6
"""Smaller voxels or larger coordinates come from a damaged header."""


class Geometry(Protocol):
    """Geometry that a reader keeps of a file, to write results on the same grid."""

    def write(self, path: Path, data: np.ndarray) -> None:
        """Write a result as NIfTI.

        Args:
            path: file to write; the suffix .gz selects gzip.
            data: (i, j, k) uint8, int16 or float32, in the axis order of the file that was read.
        """


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredImage:
    """An image of any format as its file or folder stores it.

    Attributes:
        source: file name shown in messages.
        data: (i, j, k) in the file's own axis order, scaling applied, as `real_voxels` returns it: float32, or float64
            where single precision would lose differences.
        affine: (4, 4) float64, voxel index to patient RAS mm; see `refuse_unusable_affine`.
        other_affine: second affine that nearly agrees, which other programs may use; for NIfTI the qform.
        geometry: geometry to write results on this grid; None stands for a NIfTI file with this affine.
        no_orientation: reason why the file does not tell left from right; empty if it does.
        may_be_cropped: whether the file may hold only part of the scan's grid, as 3D Slicer's segmentations do.
        warnings: one plain sentence each.
    """

    source: str
    data: np.ndarray
    affine: np.ndarray
    other_affine: np.ndarray | None = None
    geometry: Geometry | None = None
    no_orientation: str = ""
    may_be_cropped: bool = False
    warnings: tuple[str, ...] = ()


def _never(path: Path) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class ImageFormat:
    """One image format.

    Attributes:
        suffixes: file endings in lower case; empty if the format stores only folders.
        mask_suffixes: endings among them whose files always hold masks, never scans.
        takes_bytes: function that recognizes the format from a file's first `FIRST_BYTES`, gunzipped.
        takes_folder: function that tells whether a folder is one image of the format.
        read: function that reads an image.
        read_header: function that reads shape, affine to RAS mm, and whether the file tells left from right, without
            the voxels.

    ``read`` raises VolumeError with one sentence that names the file, the problem and the remedy. It checks sizes
    before it allocates memory; `reading` turns the errors of damaged files into such sentences.
    """

    suffixes: tuple[str, ...]
    mask_suffixes: tuple[str, ...] = ()
    takes_bytes: Callable[[bytes], bool]
    takes_folder: Callable[[Path], bool] = _never
    read: Callable[[Path], StoredImage]
    read_header: Callable[[Path], tuple[tuple[int, ...], np.ndarray, bool]]


FIRST_BYTES = 540
"""Number of bytes used to recognize a format: a NIfTI-2 header, the longest one."""


@contextmanager
def reading(source: str, *damages: type[Exception]) -> Iterator[None]:
    """Turn exceptions that libraries raise for damaged files into one sentence.

    Args:
        source: file name for messages.
        *damages: exceptions that mean that the file is truncated or damaged.

    Raises:
        VolumeError: one of these was raised, the file cannot be read, or it does not fit into memory.
    """
    damaged: tuple[type[Exception], ...] = (EOFError, *damages)
    try:
        # Overflow in a damaged header or in float32 gives infinity or NaN, which is refused later.
        with np.errstate(over="ignore", invalid="ignore"):
            yield
    except damaged as error:
        raise VolumeError(_damaged(source)) from error
    except OSError as error:
        reason = f"{source}: cannot be read ({error.strerror})" if error.errno else _damaged(source)
        raise VolumeError(reason) from error
    except MemoryError as error:
        raise VolumeError(f"{source}: too large for this machine's free memory; close programs or crop it") from error


def refuse_too_large(shape: tuple[int, ...], source: str) -> None:
    """Refuse a size before memory is allocated for it.

    Raises:
        VolumeError: more than `MAXIMUM_VOXELS`.
    """
    if math.prod(shape) > MAXIMUM_VOXELS:
        shown = " x ".join(map(str, shape))
        raise VolumeError(f"{source}: its header claims {shown} voxels, more than the {MAXIMUM_VOXELS} that are read")


def refuse_unusable_affine(affine: np.ndarray, source: str) -> None:
    """Refuse an affine that cannot place voxels.

    Raises:
        VolumeError: not finite, nearly zero, huge, or singular.
    """
    problem = affine_problem(affine)
    if problem:
        raise VolumeError(f"{source}: its affine is {problem}; convert it again")


def affine_problem(affine: np.ndarray) -> str:
    """Return why an affine cannot place voxels; empty if it can."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or lengths.min() < SMALLEST_MM or np.abs(affine).max() > LARGEST_MM:
        return "unusable (nearly zero, huge or not a number)"
    if abs(np.linalg.det(affine[:3, :3] / lengths)) < SINGULAR_BELOW:
        return "singular, the axes are not three directions"
    return ""


def _damaged(source: str) -> str:
    return f"{source}: is truncated or damaged, its voxels end early or fail their checksum; copy or export it again"
