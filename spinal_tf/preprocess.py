"""Preprocessing from a volume to a network's input, and back: its record, slabs, and placement of a plane in the input.

The `Preprocessing` record also names the intensity method; it is saved with the weights and applied at inference. The
stretching to 256 x 256 is that of the public code of Zhuo et al. 2022; padding to a square and the fixed spacing in mm
are our own choices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import cv2
import numpy as np
from scipy import ndimage

from spinal_tf.errors import VolumeError, WeightsError
from spinal_tf.scaling import Intensity

Fit = Literal["spacing", "stretch", "pad"]
MaskMode = Literal["channel", "multiply"]
"""How the mask enters a classifier's tile: as a channel, or by setting the images to zero outside it."""

MAXIMUM_INPUT_SIDE = 2048
"""Maximum side of a network's input in pixels: 1 m at 0.5 mm; a longer side means a wrong spacing in the header."""


TIE_TOLERANCE = 1e-6
"""Tolerance, in slices, with which a tie between two neighbors selects the farther one, despite rounded spacing."""


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Preprocessing of a volume for a network.

    Attributes:
        intensity: ``zscore_clip`` applies z-score, clipping at 5 SD, then min-max to [0, 1]; ``zscore_no_clip`` only
            the z-score; ``minmax`` only min-max to [0, 1]. All use statistics of the whole volume.
        fit: ``stretch`` resizes to ``size`` without keeping the aspect; ``pad`` fits the plane into the middle of
            ``size`` and keeps the aspect in mm; ``spacing`` resamples to ``spacing_mm`` and pads to a multiple of
            ``multiple``.
        size: rows and columns of the input, for ``stretch`` and ``pad``.
        spacing_mm: in-plane pixel size, for ``spacing`` only.
        multiple: number of which both sides of the input are multiples, for ``spacing`` only.
        neighbour_mm: distance of the neighboring slices that the network sees with each slice, on either side, see
            `neighbour_index`; None if it sees single slices.
        slab_mm: slab thickness in mm over which thinner slices are averaged, see `slab_weights`; None for no averaging.

    Raises:
        ValueError: a value is unknown or out of range, or ``spacing_mm`` is missing or not applicable.
    """

    intensity: Intensity = "zscore_clip"
    fit: Fit = "stretch"
    size: tuple[int, int] = (256, 256)
    spacing_mm: float | None = None
    multiple: int = 16
    neighbour_mm: float | None = None
    slab_mm: float | None = None

    def __post_init__(self) -> None:
        """Refuse invalid values."""
        if self.intensity not in get_args(Intensity):
            raise ValueError(f"intensity {self.intensity!r} is not one of {', '.join(get_args(Intensity))}")
        if self.fit not in get_args(Fit):
            raise ValueError(f"fit {self.fit!r} is not one of {', '.join(get_args(Fit))}")
        if len(self.size) != 2 or not all(_is_count(side) and side <= MAXIMUM_INPUT_SIDE for side in self.size):
            raise ValueError(f"size {self.size!r} is not two whole numbers from 1 to {MAXIMUM_INPUT_SIDE}")
        if not _is_count(self.multiple):
            raise ValueError(f"multiple {self.multiple!r} is not a whole number from 1")
        if (self.fit == "spacing") != (self.spacing_mm is not None):
            raise ValueError("spacing_mm belongs to fit 'spacing', and to no other")
        for name in ("spacing_mm", "neighbour_mm", "slab_mm"):
            length = getattr(self, name)
            if length is not None and not _is_length(length):
                raise ValueError(f"{name} {length!r} is not a positive number")

    @property
    def slices_seen(self) -> int:
        """Number of slices that the network sees as channels: one, or three with a neighbor on either side."""
        return 1 if self.neighbour_mm is None else 3

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serializable record; `from_dict` is the inverse."""
        return {**asdict(self), "size": list(self.size)}

    def in_words(self) -> str:
        """Describe the record in one line, for model cards."""
        return ", ".join(f"{key} {value}" for key, value in self.to_dict().items() if value is not None)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Preprocessing:
        """Read a record written by `to_dict`.

        Raises:
            WeightsError: a key is unknown or missing, or a value is out of range.
        """
        names = {field.name for field in fields(cls)}
        if set(record) != names:
            odd = ", ".join(sorted(set(record) ^ names))
            raise WeightsError(f"preprocessing record with unknown or missing entries ({odd}); take matching weights")
        try:
            return cls(**{**record, "size": tuple(record["size"])})
        except (TypeError, ValueError) as error:
            raise WeightsError(f"preprocessing record not understood: {error}; take matching weights") from error


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_length(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def slab_weights(slice_mm: float, slab_mm: float | None) -> np.ndarray:
    """Compute the weights of neighboring slices in a mean over a slab that is centered on each slice.

    A slice weighs as much as its extent overlaps the slab; it extends half the distance to the next slice on either
    side. Averaging is our choice: sagittal spine scans usually have slices of 3 to 4 mm. Thinner slices are noisier,
    and more of them run along the side of the cord, where cord blurred into bright fluid looks like a lesion.

    Args:
        slice_mm: distance from one slice to the next.
        slab_mm: see `Preprocessing`.

    Returns:
        float64, an odd number of weights with the slice's own in the middle; their sum is 1. A single 1 for None, and
        if slices are at least as far apart as the slab is thick.
    """
    if slab_mm is None or slice_mm >= slab_mm:
        return np.ones(1)
    reach = math.ceil((slab_mm / slice_mm - 1) / 2)
    common = (slab_mm + slice_mm) / 2 - np.abs(np.arange(-reach, reach + 1)) * slice_mm
    weights: np.ndarray = np.clip(common, 0, slice_mm) / slab_mm
    return weights


def in_slabs(data: np.ndarray, slice_mm: float, slab_mm: float | None) -> np.ndarray:
    """Average each slice with its neighbors; beyond the scan, the first and last slices are repeated.

    Args:
        data: real-valued (slice, row, column).
        slice_mm: distance from one slice to the next.
        slab_mm: see `Preprocessing`.

    Returns:
        float32, the same shape; the input itself if no slice reaches into another's slab.
    """
    weights = slab_weights(slice_mm, slab_mm)
    if len(weights) == 1:
        return data
    return np.asarray(ndimage.correlate1d(data, weights, axis=0, output=np.float32, mode="nearest"))


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Placement of a plane in the network's input: resized first, then padded.

    Attributes:
        plane_shape: rows and columns of the plane.
        resized_shape: rows and columns after resizing.
        row_padding: rows added before and after.
        column_padding: columns added before and after.
        spacing_mm: actual row and column size of the input's pixels, after rounding to whole pixels.
    """

    plane_shape: tuple[int, int]
    resized_shape: tuple[int, int]
    row_padding: tuple[int, int]
    column_padding: tuple[int, int]
    spacing_mm: tuple[float, float]

    @property
    def input_shape(self) -> tuple[int, int]:
        """Rows and columns of the network's input."""
        rows, columns = self.resized_shape
        return rows + sum(self.row_padding), columns + sum(self.column_padding)

    @property
    def window(self) -> tuple[slice, slice]:
        """Part of the input that the plane fills."""
        (rows, columns), top, left = self.resized_shape, self.row_padding[0], self.column_padding[0]
        return slice(top, top + rows), slice(left, left + columns)


def place(
    plane_shape: tuple[int, int],
    spacing_mm: tuple[float, float],
    preprocessing: Preprocessing,
    *,
    source: str = "the image",
) -> Placement:
    """Compute the placement of a plane.

    Args:
        plane_shape: rows and columns.
        spacing_mm: row and column size of its pixels in mm.
        preprocessing: record of the network.
        source: file name for messages.

    Raises:
        VolumeError: a side of the input would exceed `MAXIMUM_INPUT_SIDE` pixels.
    """
    resized = _resized_shape(plane_shape, spacing_mm, preprocessing)
    if max(resized) > MAXIMUM_INPUT_SIDE:
        raise VolumeError(
            f"{source}: {plane_shape[0]} x {plane_shape[1]} pixels of {spacing_mm[0]:.4g} x {spacing_mm[1]:.4g} mm "
            f"become {resized[0]} x {resized[1]}, over {MAXIMUM_INPUT_SIDE} a side; check the spacing in its header"
        )
    target = preprocessing.size
    if preprocessing.fit == "spacing":
        multiple = preprocessing.multiple
        target = (-(-resized[0] // multiple) * multiple, -(-resized[1] // multiple) * multiple)
    return Placement(
        plane_shape=plane_shape,
        resized_shape=resized,
        row_padding=_halves(target[0] - resized[0]),
        column_padding=_halves(target[1] - resized[1]),
        spacing_mm=(
            plane_shape[0] * spacing_mm[0] / resized[0],
            plane_shape[1] * spacing_mm[1] / resized[1],
        ),
    )


def _resized_shape(
    plane_shape: tuple[int, int], spacing_mm: tuple[float, float], preprocessing: Preprocessing
) -> tuple[int, int]:
    if preprocessing.fit == "stretch":
        return preprocessing.size
    extent_mm = plane_shape[0] * spacing_mm[0], plane_shape[1] * spacing_mm[1]
    pixel_mm = preprocessing.spacing_mm
    if pixel_mm is None:
        pixel_mm = max(extent_mm[0] / preprocessing.size[0], extent_mm[1] / preprocessing.size[1])
    return max(1, round(extent_mm[0] / pixel_mm)), max(1, round(extent_mm[1] / pixel_mm))


def _halves(padding: int) -> tuple[int, int]:
    return padding // 2, padding - padding // 2


def to_input(planes: np.ndarray, placement: Placement, *, label: bool = False) -> np.ndarray:
    """Resize and pad planes to the network's input.

    Pixel centers are at half-integers (OpenCV's convention), so the field of view is kept. Images are interpolated
    bilinearly without antialiasing, as in the authors' code, so that a serving graph can reproduce it exactly;
    shrinking to less than half the size therefore causes aliasing. Images are padded with each plane's own minimum,
    which avoids an edge at a dark border with every intensity method; labels are padded with False or 0.

    Args:
        planes: (n, rows, columns) in ``placement.plane_shape``; bool or integer if ``label``.
        placement: placement from `place`.
        label: use the nearest pixel instead of interpolating.

    Returns:
        (n, rows, columns) in ``placement.input_shape``; float32, or the planes' own type if ``label``.

    Raises:
        ValueError: the shape of the planes differs from the placement.
    """
    _require_shape(planes, placement.plane_shape)
    result = np.empty((len(planes), *placement.input_shape), planes.dtype if label else np.float32)
    size = placement.resized_shape[::-1]
    nearest = [nearest_index(*sides) for sides in zip(placement.plane_shape, placement.resized_shape, strict=True)]
    for plane, out in zip(planes, result, strict=True):
        if label:
            out[...] = 0
            out[placement.window] = plane[np.ix_(*nearest)]
        else:
            out[...] = plane.min()
            out[placement.window] = cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return result


def nearest_index(old: int, new: int) -> np.ndarray:
    """Return the nearest old pixel of each new one, for a side resized from ``old`` to ``new`` pixels: int64, (new,).

    It uses integers only, so that every library gives the same result: floor((i + 1/2) old / new), the later of two
    equally near pixels. OpenCV's ``INTER_NEAREST_EXACT`` breaks such ties differently between versions, and
    TensorFlow's nearest-neighbor resize rounds in single precision.
    """
    return (2 * np.arange(new, dtype=np.int64) + 1) * old // (2 * new)


def neighbour_index(count: int, slice_mm: float, neighbour_mm: float | None) -> np.ndarray:
    """Return the slices that a network sees with each slice, as its channels.

    Neighbors are the whole number of slices away that is closest to ``neighbour_mm``, but at least one, for any slice
    thickness. Beyond the scan, the first and last slices are repeated. In a slice that grazes the cord, cord blurred
    into fluid looks like a lesion, and only the neighboring slices can distinguish the two.

    Args:
        count: number of slices in the volume.
        slice_mm: distance from one slice to the next.
        neighbour_mm: see `Preprocessing`.

    Returns:
        int64, (count, 3): slice before, slice itself, slice after; (count, 1) if ``neighbour_mm`` is None.
    """
    own = np.arange(count, dtype=np.int64)[:, np.newaxis]
    if neighbour_mm is None:
        return own
    step = max(1, math.floor(neighbour_mm / slice_mm + 0.5 + TIE_TOLERANCE))
    seen: np.ndarray = np.clip(own + np.array([-step, 0, step]), 0, count - 1)
    return seen


def seen_together(planes: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Stack each plane with its neighbors as channels.

    Args:
        planes: (slice, row, column).
        seen: rows of `neighbour_index`, (n, channel).

    Returns:
        (n, row, column, channel), with the planes' dtype.
    """
    return np.moveaxis(planes[seen], 1, -1)


def from_input(planes: np.ndarray, placement: Placement) -> np.ndarray:
    """Resample a network's maps to the plane: crop the padding, resize bilinearly.

    Args:
        planes: (n, rows, columns) in ``placement.input_shape``, real-valued.
        placement: placement of the input.

    Returns:
        float32, (n, rows, columns) in ``placement.plane_shape``.

    Raises:
        ValueError: the shape of the maps differs from the placement.
    """
    _require_shape(planes, placement.input_shape)
    result = np.empty((len(planes), *placement.plane_shape), np.float32)
    for plane, out in zip(planes, result, strict=True):
        inside = np.ascontiguousarray(plane[placement.window], np.float32)
        out[...] = cv2.resize(inside, placement.plane_shape[::-1], interpolation=cv2.INTER_LINEAR)
    return result


def _require_shape(planes: np.ndarray, shape: tuple[int, int]) -> None:
    if planes.ndim != 3 or planes.shape[1:] != shape:
        raise ValueError(f"planes of shape {planes.shape}, expected (n, {shape[0]}, {shape[1]})")
