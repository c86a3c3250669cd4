"""Voxels as real numbers: scaled in double precision, kept in single precision where that loses no differences."""

from __future__ import annotations

import numpy as np

from spinal_tf.errors import VolumeError
from spinal_tf.images.robust_range import core_of, sampled

LARGEST_LOSS = 1e-4
"""Largest accepted rounding error of single precision, relative to the range of the intensities."""

FEWEST_STEPS = 256
"""Smallest number of different intensities between the darkest and the brightest voxel, as in an 8-bit scan."""

_ROUNDING = float(np.finfo(np.float32).eps) / 2
_LARGEST = float(np.finfo(np.float32).max)
_EXACT = frozenset(("bool", "int8", "uint8", "int16", "uint16", "float16", "float32"))


def real_voxels(stored: np.ndarray, *, slope: float = 1.0, intercept: float = 0.0) -> np.ndarray:
    """Return a new array of ``slope * stored + intercept``, computed in double precision.

    Args:
        stored: bool, integers or floats of any byte order and axis order.
        slope: factor from the file's header.
        intercept: summand from the file's header.

    Returns:
        float32, or float64 where float32 would round by more than `LARGEST_LOSS` of the range of most voxels. Values
        that are not finite are kept.
    """
    if (slope, intercept) == (1, 0) and stored.dtype.name in _EXACT:
        return stored.astype(np.float32)
    ends = slope * np.array([stored.min(), stored.max()], np.float64) + intercept
    if not np.isfinite(ends).all():
        return stored.astype(np.float32)  # refused later
    core = core_of(np.sort(slope * sampled(stored.ravel(order="K")).astype(np.float64) + intercept))
    loss = _loss(*ends, extent=core.high - core.low if core else float(np.ptp(ends)))
    single = loss <= LARGEST_LOSS and np.abs(ends).max() <= _LARGEST
    voxels = np.empty_like(stored, np.float32 if single else np.float64)
    for plane, out in zip(stored, voxels, strict=True):
        out[...] = slope * plane.astype(np.float64) + intercept
    return voxels


def in_single_precision(data: np.ndarray, low: float, high: float, source: str) -> np.ndarray:
    """Convert a scan to single precision, less its minimum if differences would be lost otherwise.

    Args:
        data: float32 or float64; float32 is returned as it is.
        low: minimum.
        high: maximum.
        source: file name for messages.

    Raises:
        VolumeError: the numbers in the file are too large to have differed by less than a 256th of the range, or
            their range is beyond single precision.
    """
    farthest = max(abs(low), abs(high))
    if float(np.spacing(data.dtype.type(farthest))) * FEWEST_STEPS > high - low:
        raise VolumeError(
            f"{source}: its values, {low:.6g} to {high:.6g}, are so far from zero that their differences are rounded "
            "away; export it again without the offset"
        )
    if farthest > _LARGEST:
        raise VolumeError(f"{source}: has values up to {farthest:.3g}, beyond single precision; scale them down")
    if data.dtype == np.float32:
        return data
    if _loss(low, high, extent=high - low) > LARGEST_LOSS:
        data = data - low
    return data.astype(np.float32)


def _loss(low: float, high: float, *, extent: float) -> float:
    """Return the rounding error of single precision relative to an extent."""
    return max(abs(low), abs(high)) * _ROUNDING / extent if extent else 0.0
