"""From a volume to what a network sees, and back: intensity, and how a plane is placed in the input.

Both are fixed by one `Preprocessing` record, which is saved with the weights and obeyed at inference. The intensity
recipes and the stretching to 256 x 256 are those of the public code of Zhuo et al. 2022; padding to a square and the
fixed spacing in mm are our own choices.
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

Intensity = Literal["zscore_clip", "zscore_no_clip", "minmax"]
Fit = Literal["stretch", "pad", "spacing"]

CLIP_SD = 5.0
"""Distance from the mean at which ``zscore_clip`` cuts, in standard deviations (Zhuo et al. 2022, public code)."""

MAXIMUM_INPUT_SIDE = 2048
"""Largest side of a network's input in pixels: one metre at 0.5 mm; beyond it the header's spacing is wrong."""


TIE_TOLERANCE = 1e-6
"""Slices by which a tie between two neighbours goes to the farther one, whatever the rounding of the spacing."""


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How a volume becomes a network's input.

    Attributes:
        intensity: ``zscore_clip`` is z-score, clip at 5 SD, min-max to [0, 1]; ``zscore_no_clip`` the z-score alone;
            ``minmax`` a min-max to [0, 1] alone. All over the whole volume.
        fit: ``stretch`` to ``size``, aspect not kept; ``pad`` into ``size``, aspect in mm kept, the plane in the
            middle; ``spacing`` resampled to ``spacing_mm`` and padded to a multiple of ``multiple``.
        size: rows and columns of the input, for ``stretch`` and ``pad``.
        spacing_mm: in-plane pixel size, for ``spacing`` only.
        multiple: both sides of the input are a multiple of it, for ``spacing`` only.
        neighbour_mm: how far away on either side the slices lie that the network sees together with each one, see
            `neighbour_index`; None where it sees one slice alone.
        slab_mm: slices that lie closer together are averaged over so many mm, see `slab_weights`; None leaves them.

    Raises:
        ValueError: a value is unknown or out of range, or ``spacing_mm`` is missing or without use.
    """

    intensity: Intensity = "zscore_clip"
    fit: Fit = "stretch"
    size: tuple[int, int] = (256, 256)
    spacing_mm: float | None = None
    multiple: int = 16
    neighbour_mm: float | None = None
    slab_mm: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no network could have been trained with."""
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
        """Slices that the network sees together, as channels: one, or one with a neighbour on either side."""
        return 1 if self.neighbour_mm is None else 3

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON can hold it; `from_dict` is its inverse."""
        return {**asdict(self), "size": list(self.size)}

    def in_words(self) -> str:
        """The record in one line, for model cards."""
        return ", ".join(f"{key} {value}" for key, value in self.to_dict().items() if value is not None)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Preprocessing:
        """Read what `to_dict` wrote.

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


@dataclass(frozen=True, kw_only=True)
class IntensityScale:
    """A volume's own intensity scale: ``(clip(x, low, high) - shift) / divisor``.

    Clipping before the z-score equals clipping after it.
    """

    low: float
    high: float
    shift: float
    divisor: float

    def __call__(self, planes: np.ndarray) -> np.ndarray:
        """Bring some planes of the volume, or all, to that scale: float32, the same shape."""
        result, clipped = np.empty(planes.shape, np.float32), np.empty(planes.shape[1:])
        for plane, out in zip(planes, result, strict=True):
            np.clip(plane, self.low, self.high, out=clipped, dtype=np.float64)
            clipped -= self.shift
            np.divide(clipped, self.divisor, out=out, casting="same_kind")
        return result


def intensity_scale(data: np.ndarray, *, intensity: Intensity, source: str) -> IntensityScale:
    """How a whole volume comes to the intensities a network was trained on.

    Mean and standard deviation (population) are summed in float64, plane by plane, so that no second volume is
    allocated.

    Args:
        data: real volume of three axes.
        intensity: the recipe, see `Preprocessing`.
        source: file name for messages.

    Raises:
        VolumeError: all voxels have the same value, or some are not finite.
    """
    lowest, highest = float(data.min()), float(data.max())
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise VolumeError(f"{source}: voxels that are not finite numbers; export the image again")
    if lowest == highest:
        raise VolumeError(f"{source}: constant intensity, nothing to normalize; check that this is the right image")
    if intensity == "minmax":
        return IntensityScale(low=lowest, high=highest, shift=lowest, divisor=highest - lowest)
    mean = float(data.mean(dtype=np.float64))
    sd = math.sqrt(sum(_squared_deviation(plane, mean) for plane in data) / data.size)
    if intensity == "zscore_no_clip":
        return IntensityScale(low=lowest, high=highest, shift=mean, divisor=sd)
    low, high = max(lowest, mean - CLIP_SD * sd), min(highest, mean + CLIP_SD * sd)
    return IntensityScale(low=low, high=high, shift=low, divisor=high - low)


def normalise(data: np.ndarray, *, intensity: Intensity, source: str) -> np.ndarray:
    """Bring a whole volume to its `intensity_scale`: float32, same shape."""
    return intensity_scale(data, intensity=intensity, source=source)(data)


def slab_weights(slice_mm: float, slab_mm: float | None) -> np.ndarray:
    """What the slices beside each one weigh in a mean over a slab, its middle in the slice's.

    Each weighs as much as its extent, half the distance to the next slice on either side, has in common with the slab.
    Our choice: sagittal scans of the spine usually have slices of 3 to 4 mm. Thinner ones have more noise, and more of
    them run along the cord's side, where a band of cord blurred into bright fluid looks like a lesion.

    Args:
        slice_mm: distance from one slice to the next.
        slab_mm: see `Preprocessing`.

    Returns:
        float64, an odd number of them, the slice's own in the middle; their sum is 1. A single 1 for None, and where
        slices lie as far apart as the slab is thick.
    """
    if slab_mm is None or slice_mm >= slab_mm:
        return np.ones(1)
    reach = math.ceil((slab_mm / slice_mm - 1) / 2)
    common = (slab_mm + slice_mm) / 2 - np.abs(np.arange(-reach, reach + 1)) * slice_mm
    weights: np.ndarray = np.clip(common, 0, slice_mm) / slab_mm
    return weights


def in_slabs(data: np.ndarray, slice_mm: float, slab_mm: float | None) -> np.ndarray:
    """Average slices with those beside them; beyond the first and the last one these stand for what was not scanned.

    Args:
        data: real (slice, row, column).
        slice_mm: distance from one slice to the next.
        slab_mm: see `Preprocessing`.

    Returns:
        float32, the same shape; the data themselves where no slice has a share in another's slab.
    """
    weights = slab_weights(slice_mm, slab_mm)
    if len(weights) == 1:
        return data
    return np.asarray(ndimage.correlate1d(data, weights, axis=0, output=np.float32, mode="nearest"))


def _squared_deviation(plane: np.ndarray, mean: float) -> float:
    deviation = plane.astype(np.float64)
    deviation -= mean
    return float(np.square(deviation, out=deviation).sum())  # a dot product would wake BLAS' threads, for longer


@dataclass(frozen=True, kw_only=True)
class Placement:
    """How a plane lies in the network's input: resized first, then padded.

    Attributes:
        plane_shape: rows and columns of the plane.
        resized_shape: rows and columns it is resized to.
        row_padding: rows added before and after.
        column_padding: columns added before and after.
        spacing_mm: row and column size of the input's pixels, as they really are after rounding to whole pixels.
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
        """The part of the input that the plane fills."""
        (rows, columns), top, left = self.resized_shape, self.row_padding[0], self.column_padding[0]
        return slice(top, top + rows), slice(left, left + columns)


def place(
    plane_shape: tuple[int, int],
    spacing_mm: tuple[float, float],
    preprocessing: Preprocessing,
    *,
    source: str = "the image",
) -> Placement:
    """Work out where a plane goes.

    Args:
        plane_shape: rows and columns.
        spacing_mm: row and column size of its pixels.
        preprocessing: the network's record.
        source: file name for messages.

    Raises:
        VolumeError: the input would have a side of more than `MAXIMUM_INPUT_SIDE` pixels.
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

    Pixel centres lie at half-integers (OpenCV's convention), so the field of view is kept. Images are interpolated
    bilinearly without antialiasing, as in the authors' code and as a serving graph can repeat exactly; shrinking to
    less than half the size therefore aliases. Images are padded with each plane's own minimum, which leaves no edge
    at a dark border under any of the intensity recipes; labels with False.

    Args:
        planes: (n, rows, columns) in ``placement.plane_shape``; bool where ``label``.
        placement: from `place`.
        label: take the nearest pixel instead of interpolating.

    Returns:
        (n, rows, columns) in ``placement.input_shape``; float32, or bool where ``label``.

    Raises:
        ValueError: the planes' shape is not the placement's.
    """
    _require_shape(planes, placement.plane_shape)
    result = np.empty((len(planes), *placement.input_shape), bool if label else np.float32)
    size = placement.resized_shape[::-1]
    nearest = [nearest_index(*sides) for sides in zip(placement.plane_shape, placement.resized_shape, strict=True)]
    for plane, out in zip(planes, result, strict=True):
        if label:
            out[...] = False
            out[placement.window] = plane[np.ix_(*nearest)]
        else:
            out[...] = plane.min()
            out[placement.window] = cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return result


def nearest_index(old: int, new: int) -> np.ndarray:
    """The old pixel nearest to each new one, where a side of ``old`` pixels is resized to ``new``: int64, (new,).

    Whole numbers alone, so that every library gives the same: floor((i + 1/2) old / new), the later one of two pixels
    equally near. OpenCV's ``INTER_NEAREST_EXACT`` decides such ties in other ways from version to version, and
    TensorFlow's nearest rounds in single precision.
    """
    return (2 * np.arange(new, dtype=np.int64) + 1) * old // (2 * new)


def neighbour_index(count: int, slice_mm: float, neighbour_mm: float | None) -> np.ndarray:
    """Which slices a network sees together with each one, as its channels.

    Neighbours lie as many whole slices away as come nearest to ``neighbour_mm``, at least one, whatever the thickness
    of the slices; beyond the first and the last slice these stand for what was not scanned. In a slice that grazes the
    cord, cord blurred into fluid looks like a lesion, and only the slices beside it tell the two apart.

    Args:
        count: slices of the volume.
        slice_mm: distance from one to the next.
        neighbour_mm: see `Preprocessing`.

    Returns:
        int64, (count, 3): before, itself, after; (count, 1) where ``neighbour_mm`` is None.
    """
    own = np.arange(count, dtype=np.int64)[:, np.newaxis]
    if neighbour_mm is None:
        return own
    step = max(1, math.floor(neighbour_mm / slice_mm + 0.5 + TIE_TOLERANCE))
    seen: np.ndarray = np.clip(own + np.array([-step, 0, step]), 0, count - 1)
    return seen


def seen_together(planes: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Planes as a network sees them, each with its neighbours.

    Args:
        planes: (slice, row, column).
        seen: rows of `neighbour_index`, (n, channel).

    Returns:
        (n, row, column, channel), of the planes' type.
    """
    return np.moveaxis(planes[seen], 1, -1)


def from_input(planes: np.ndarray, placement: Placement) -> np.ndarray:
    """Put a network's maps back on the plane: crop the padding, resize bilinearly.

    Args:
        planes: (n, rows, columns) in ``placement.input_shape``, real.
        placement: the one the input was made with.

    Returns:
        float32, (n, rows, columns) in ``placement.plane_shape``.

    Raises:
        ValueError: the maps' shape is not the placement's.
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
