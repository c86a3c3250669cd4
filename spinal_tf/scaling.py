"""Intensity scale that brings a whole volume to the values that a network was trained on.

The methods are those of the public code of Zhuo et al. 2022. Outliers were clipped when the volume was read, see
`spinal_tf.images.robust_range`, so that minimum, maximum, mean and standard deviation do not depend on a few voxels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from spinal_tf.errors import VolumeError

Intensity = Literal["zscore_clip", "zscore_no_clip", "minmax"]

CLIP_SD = 5.0
"""Distance from the mean at which ``zscore_clip`` clips, in standard deviations (Zhuo et al. 2022, public code)."""


@dataclass(frozen=True, kw_only=True)
class IntensityScale:
    """Intensity scale of one volume: ``(clip(x, low, high) - shift) / divisor``.

    Clipping before the z-score is equivalent to clipping after it.
    """

    low: float
    high: float
    shift: float
    divisor: float

    def __call__(self, planes: np.ndarray) -> np.ndarray:
        """Apply the scale to planes of the volume: float32, the same shape."""
        result, clipped = np.empty(planes.shape, np.float32), np.empty(planes.shape[1:])
        for plane, out in zip(planes, result, strict=True):
            np.clip(plane, self.low, self.high, out=clipped, dtype=np.float64)
            clipped -= self.shift
            np.divide(clipped, self.divisor, out=out, casting="same_kind")
        return result


def intensity_scale(data: np.ndarray, *, intensity: Intensity, source: str) -> IntensityScale:
    """Compute the scale that brings a volume to the intensities a network was trained on.

    Mean and population standard deviation are accumulated in float64, plane by plane, without allocating a second
    volume.

    Args:
        data: real-valued 3D volume.
        intensity: intensity method, see `Preprocessing`.
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
    """Apply a volume's own `intensity_scale`: float32, same shape."""
    return intensity_scale(data, intensity=intensity, source=source)(data)


def _squared_deviation(plane: np.ndarray, mean: float) -> float:
    deviation = plane.astype(np.float64)
    deviation -= mean
    return float(np.square(deviation, out=deviation).sum())  # a dot product would start BLAS threads and take longer
