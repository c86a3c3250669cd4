"""Volumes in one axis order, whatever the order of their file, and writing on the file's own grid."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.orientations import apply_orientation, axcodes2ornt, ornt_transform

from spinal_tf.errors import VolumeError
from spinal_tf.images.grid import PACKAGE_AXES, Grid, axes_of, orientation_of, same_grid
from spinal_tf.images.grid_difference import grid_difference, part_difference
from spinal_tf.images.image_format import StoredImage
from spinal_tf.images.intensities import usable_intensities
from spinal_tf.images.lattice import onto_lattice
from spinal_tf.images.likeness import count_intensities
from spinal_tf.images.mask_values import marked_voxels
from spinal_tf.images.nifti import new_geometry
from spinal_tf.images.plausibility import plausibility_warnings, refuse_not_sagittal
from spinal_tf.images.read_image import read_image
from spinal_tf.prediction_options import MaskValues

FEWEST_SLICES = 3
"""Smallest number of voxels along any axis."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Volume:
    """One 3D image. All arrays of the package have its order: (slice R to L, row S to I, column A to P).

    Attributes:
        data: float32, C-contiguous, in that order. Outliers are clipped, and an offset that single precision cannot
            hold is subtracted; see `usable_intensities`.
        affine: (4, 4) float64, (slice, row, column) index to patient RAS mm.
        source: file name as shown in messages.
        grid: grid of the file it was read from.
        warnings: one plain sentence each.
        outliers: number of voxels that were clipped because they lay far outside the others.
    """

    data: np.ndarray
    affine: np.ndarray
    source: str
    grid: Grid
    warnings: tuple[str, ...] = ()
    outliers: int = 0

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centers along (slice, row, column)."""
        return _spacing_mm(self.affine)

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel; also right for a sheared affine."""
        return abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000


def read_volume(path: Path | str, *, assume_orientation: bool = False, allow_plane: bool = False) -> Volume:
    """Read a sagittal scan from a file of any registered format.

    Args:
        path: file, or folder of a format that stores folders.
        assume_orientation: accept a file without orientation; as in nibabel, its axes are then assumed to run right
            to left, posterior to anterior and inferior to superior.
        allow_plane: accept an acquisition that is not sagittal.

    Raises:
        VolumeError: an unreadable image (see `read_image`), no orientation, fewer than ``FEWEST_SLICES`` voxels along
            an axis, not sagittal, or intensity that is not finite, is constant or has two values only, like a mask.
    """
    return volume_of(read_image(Path(path)), assume_orientation=assume_orientation, allow_plane=allow_plane)


def volume_of(image: StoredImage, *, assume_orientation: bool = False, allow_plane: bool = False) -> Volume:
    """Return the volume of an image that was already read, or was made from an array; see `read_volume`.

    Raises:
        VolumeError: an unsuitable image.
    """
    notes = _refuse_unoriented(image, assume_orientation=assume_orientation)
    grid = _grid(image, orientation_of(image.affine))
    affine = grid.package_affine
    if min(grid.shape) < FEWEST_SLICES:
        size = " x ".join(map(str, grid.shape))
        raise VolumeError(f"{image.source}: has too few slices ({size} voxels), at least {FEWEST_SLICES} are needed")
    notes += refuse_not_sagittal(_spacing_mm(affine), image.source, allow_plane=allow_plane)
    _refuse_intensity(image)
    found = usable_intensities(image, _to_package(image.data, grid))
    if count_intensities(found.data) == 2:
        raise VolumeError(f"{image.source}: holds two values only, like a mask; name the T2w scan")
    notes += image.warnings + found.warnings + plausibility_warnings(found.data, _spacing_mm(affine), image.source)
    return Volume(
        data=found.data, affine=affine, source=image.source, grid=grid, warnings=notes, outliers=found.outliers
    )


def read_mask(path: Path | str, *, like: Volume) -> np.ndarray:
    """Read a mask drawn on a scan, such as a cord mask; `read_lesion_mask` reads lesions.

    Args:
        path: file of any registered format that holds 0 and one other value. The mask may be empty.
        like: scan. The mask's axes may be in another order if its voxels have the same positions; it is reordered.

    Returns:
        Bool, shape of ``like.data``, in the package's order.

    Raises:
        VolumeError: an unreadable file, other values (see `marked_voxels`), a mask of every voxel, or another grid than
            the scan's.
    """
    return mask_of(read_image(Path(path)), like=like)


def mask_of(image: StoredImage, *, like: Volume, values: MaskValues | None = None) -> np.ndarray:
    """Return the mask in an image that was already read, or was made from an array; see `read_mask`.

    Args:
        image: mask as stored.
        like: scan.
        values: which values belong to the mask; see `marked_voxels`.

    Raises:
        VolumeError: see `read_mask`.
    """
    grid = None if image.may_be_cropped else _same_grid(image, like)
    marked = marked_voxels(image.data, source=image.source, values=values)
    mask = _uncropped(replace(image, data=marked), like) if grid is None else None
    if mask is None:
        mask = _to_package(marked, grid or _same_grid(image, like))
    if mask.all():
        raise VolumeError(f"{image.source}: marks every voxel, so it has no background; export the mask again")
    return mask


def read_aligned(path: Path | str, *, like: Volume) -> Volume:
    """Read a second scan, such as T1w with contrast, that was registered and resampled to the first.

    Returns:
        The volume in the package's order, on the affine of ``like``.

    Raises:
        VolumeError: an unreadable file, intensity not finite or constant, or another grid than ``like``.
    """
    return aligned_volume_of(read_image(Path(path)), like=like)


def aligned_volume_of(image: StoredImage, *, like: Volume) -> Volume:
    """Return the second scan in an image that was already read, or was made from an array; see `read_aligned`.

    Raises:
        VolumeError: intensity not finite or constant or without differences in single precision, or another grid
            than ``like``.
    """
    grid = _same_grid(image, like)
    _refuse_intensity(image)
    found = usable_intensities(image, _to_package(image.data, grid))
    return Volume(
        data=found.data,
        affine=like.affine,
        source=image.source,
        grid=grid,
        warnings=image.warnings + found.warnings,
        outliers=found.outliers,
    )


def voxels_on_grid(image: StoredImage, *, like: Volume) -> np.ndarray:
    """Return an image's voxels as its file holds them, in the package's order.

    Raises:
        VolumeError: another grid than that of ``like``.
    """
    return _to_package(image.data, _same_grid(image, like))


def write_on_grid(array: np.ndarray, path: Path, *, like: Volume) -> None:
    """Write an array on the grid of the file a volume was read from.

    Affine, qform, sform, their codes, units, NIfTI version and byte order are copied exactly from the input. Its
    description, names, extensions and all other fields are dropped.

    Args:
        array: bool, uint8, int16 or float32, shape and order of ``like.data``; bool is written as uint8.
        path: file to write, usually a temporary from ``output_files``; the suffix .gz selects gzip.
        like: volume whose grid is used.

    Raises:
        ValueError: another shape or dtype.
    """
    if array.shape != like.data.shape:
        raise ValueError(f"array {array.shape} does not fit the volume {like.data.shape}")
    if array.dtype not in (np.bool_, np.uint8, np.int16, np.float32):
        raise ValueError(f"{array.dtype} is not written; give bool, uint8, int16 or float32")
    voxels = array.view(np.uint8) if array.dtype == np.bool_ else array
    like.grid.geometry.write(path, in_file_order(voxels, like=like))


def in_file_order(array: np.ndarray, *, like: Volume) -> np.ndarray:
    """Return an array in the axis order of the file or array that a volume was read from.

    Args:
        array: shape and order of ``like.data``.
        like: the volume.

    Returns:
        A view of the array, with shape ``like.grid.shape`` and affine ``like.grid.affine``.
    """
    turned: np.ndarray = apply_orientation(array, ornt_transform(axcodes2ornt("RAS"), like.grid.orientation))
    return turned


def new_volume(data: np.ndarray, affine: np.ndarray, *, source: str) -> Volume:
    """Make a volume without a file. Results on it are NIfTI-1 with qform and sform of code 1, in millimeters.

    Args:
        data: (slice, row, column) in the package's order; becomes float32.
        affine: (4, 4), index of the array to patient RAS mm; rounded to the single precision of the header.
        source: name shown in messages.

    Raises:
        ValueError: not three axes, or an affine with another axis order than the package's.
    """
    if data.ndim != 3 or axes_of(affine) != PACKAGE_AXES:
        raise ValueError(f"needs three axes in the order {PACKAGE_AXES}, not {data.shape} {axes_of(affine)}")
    geometry = new_geometry(data.shape, affine)
    rounded = np.asarray(affine, dtype=np.float32).astype(np.float64)
    first, second, third = data.shape
    grid = Grid(
        shape=(first, second, third),
        affine=rounded,
        orientation=orientation_of(rounded),
        geometry=geometry,
    )
    return Volume(data=np.ascontiguousarray(data, dtype=np.float32), affine=rounded, source=source, grid=grid)


def file_slice_axis(volume: Volume) -> str:
    """Return the file's own axis that counts sagittal slices: ``i``, ``j`` or ``k``."""
    return "ijk"[_slice_axis(volume.grid)]


def file_slice_numbers(volume: Volume, slices: Iterable[int]) -> tuple[int, ...]:
    """Return the indices, from 0, of the volume's slices along the file's own slice axis, in the given order."""
    axis = _slice_axis(volume.grid)
    last = volume.grid.shape[axis] - 1
    forward = volume.grid.orientation[axis, 1] > 0
    return tuple(int(number) if forward else last - int(number) for number in slices)


def package_row(volume: Volume, index: int) -> int:
    """Return the volume's row at a voxel index, from 0, along the file's own axis between head and foot.

    Raises:
        VolumeError: the file has no such voxel.
    """
    axis = int(np.flatnonzero(volume.grid.orientation[:, 0] == 1)[0])
    last = volume.grid.shape[axis] - 1
    if not 0 <= index <= last:
        where = f"rows 0 to {last} along axis {'ijk'[axis]}, between head and foot"
        raise VolumeError(f"{volume.source}: has {where}, but not row {index}; correct the row of the given level")
    return index if volume.grid.orientation[axis, 1] > 0 else last - index


def _slice_axis(grid: Grid) -> int:
    return int(np.flatnonzero(grid.orientation[:, 0] == 0)[0])


def _grid(image: StoredImage, orientation: np.ndarray) -> Grid:
    first, second, third = image.data.shape
    shape = (first, second, third)
    geometry = image.geometry or new_geometry(shape, image.affine)
    return Grid(
        shape=shape,
        affine=image.affine,
        orientation=orientation,
        geometry=geometry,
        other_affine=image.other_affine,
    )


def _to_package(data: np.ndarray, grid: Grid) -> np.ndarray:
    return np.ascontiguousarray(apply_orientation(data, grid.orientation))


def _spacing_mm(affine: np.ndarray) -> tuple[float, float, float]:
    slice_mm, row_mm, column_mm = (float(value) for value in voxel_sizes(affine))
    return slice_mm, row_mm, column_mm


def _same_grid(image: StoredImage, like: Volume) -> Grid:
    """Return the grid of an image if it equals that of ``like``, in the same or another axis order; else raise."""
    for grid in _possible_grids(image, like):
        if grid.package_shape == like.data.shape and any(
            same_grid(grid.package_shape, *pair) for pair in product(grid.package_affines, like.grid.package_affines)
        ):
            return grid
    difference = part_difference if image.may_be_cropped else grid_difference
    raise VolumeError(
        f"{image.source}: its grid differs from that of the scan: "
        f"{difference(_grid(image, orientation_of(image.affine)), like.grid)}; export it again on the grid of "
        f"{like.source}"
    )


def _possible_grids(image: StoredImage, like: Volume) -> tuple[Grid, Grid]:
    """Return the grid in the scan's own order, and in the order that the image's affine says.

    Near 45 degrees, rounding alone could order the same axes differently.
    """
    own = _grid(image, orientation_of(image.affine))
    return replace(own, orientation=like.grid.orientation), own


def _uncropped(image: StoredImage, like: Volume) -> np.ndarray | None:
    """Put a bool mask of part of the scan's grid onto the whole grid; None if its voxels do not lie on the grid."""
    for grid, affine in product(_possible_grids(image, like), like.grid.package_affines):
        part = _to_package(image.data, grid)
        whole = onto_lattice(part, grid.package_affine, shape=like.data.shape, whole=affine)
        if whole is not None:
            return whole
    return None


def _refuse_unoriented(image: StoredImage, *, assume_orientation: bool) -> tuple[str, ...]:
    if not image.no_orientation:
        return ()
    if not assume_orientation:
        raise VolumeError(
            f"{image.source}: has no orientation ({image.no_orientation}), so left and right are unknown; convert "
            "it again from the original images, or add --assume-orientation if its axes run right to left, posterior "
            "to anterior, inferior to superior"
        )
    return (
        f"{image.source}: has no orientation; its axes were assumed to run right to left, posterior to anterior, "
        "inferior to superior",
    )


def _refuse_intensity(image: StoredImage) -> None:
    if not _is_finite(image.data):
        raise VolumeError(f"{image.source}: has voxels that are not numbers (NaN or infinite); export it again")
    if image.data.min() == image.data.max():
        raise VolumeError(f"{image.source}: has constant intensity, there is nothing to see; check the export")


def _is_finite(data: np.ndarray) -> bool:
    # Minimum and maximum propagate NaN and infinity without an extra array.
    return math.isfinite(data.min()) and math.isfinite(data.max())
