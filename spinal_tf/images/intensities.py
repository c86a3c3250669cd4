"""Intensities of a scan as the networks get them: outliers clipped and named, in single precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinal_tf.images.image_format import StoredImage
from spinal_tf.images.robust_range import robust_range
from spinal_tf.images.voxels import in_single_precision

MOST_NAMED = 3
"""Largest number of outliers whose voxels a warning lists; for more, it gives the region."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Intensities:
    """Voxels for the networks.

    Attributes:
        data: float32, the given order; outliers are clipped. Less the minimum if single precision needs it.
        outliers: number of clipped voxels.
        warnings: a sentence for outliers below the others, and one for those above.
    """

    data: np.ndarray
    outliers: int
    warnings: tuple[str, ...]


def usable_intensities(image: StoredImage, data: np.ndarray) -> Intensities:
    """Clip outliers, see `robust_range`, and convert to single precision.

    Args:
        image: image in the file's own axis order, which the warnings use.
        data: its voxels in the package's order, float32 or float64, finite, not constant.

    Raises:
        VolumeError: see `in_single_precision`.
    """
    low, high = robust_range(data)
    sides = {"below": image.data < low, "above": image.data > high}
    warnings = tuple(_warning(image, far, side, (low, high)) for side, far in sides.items() if far.any())
    outliers = sum(int(np.count_nonzero(far)) for far in sides.values())
    if outliers:
        data = np.clip(data, low, high)
    return Intensities(data=in_single_precision(data, low, high, image.source), outliers=outliers, warnings=warnings)


def _warning(image: StoredImage, far: np.ndarray, side: str, others: tuple[float, float]) -> str:
    count, values = int(np.count_nonzero(far)), image.data[far]
    least, most = (f"{value:.6g}" for value in (values.min(), values.max()))
    low, high = (f"{value:.6g}" for value in others)
    number = "1 voxel lies" if count == 1 else f"{count} voxels lie"
    return (
        f"{image.source}: {number} far {side} the others ({low} to {high}): "
        f"{least if least == most else f'{least} to {most}'} {_places(image, far, count)}; clipped to "
        f"{low if side == 'below' else high}, so check the scan for padding and artifacts"
    )


def _places(image: StoredImage, far: np.ndarray, count: int) -> str:
    if count <= MOST_NAMED:
        return "at " + ", ".join(_place(image, place) for place in np.argwhere(far))
    seen = [np.flatnonzero(far.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    first, last = (np.array([axis[end] for axis in seen]) for end in (0, -1))
    return f"in the region from {_place(image, first)} to {_place(image, last)}"


def _place(image: StoredImage, voxel: np.ndarray) -> str:
    """Return a voxel's index in the file's own order, and its position in the patient."""
    position_mm = image.affine[:3, :3] @ voxel + image.affine[:3, 3]
    return f"voxel ({', '.join(map(str, voxel))}), ({', '.join(f'{mm:.1f}' for mm in position_mm)}) mm"
