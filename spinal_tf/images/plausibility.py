"""Checks whether a volume looks like a sagittal acquisition of the spine: refuses other planes, and warns."""

from __future__ import annotations

import math

import numpy as np

from spinal_tf.errors import VolumeError
from spinal_tf.images.likeness import FEWEST_INTENSITIES, count_intensities

THICK_AXIS_RATIO = 1.3
"""Spacings count as equal if their ratio is at most this; otherwise the larger one is the thick axis."""

IN_PLANE_MM = (0.3, 2.0)
"""Usual row and column spacing, without a warning."""

ACROSS_MM = (0.8, 8.0)
"""Usual slice spacing, without a warning."""

SPACING_TOLERANCE_MM = 1e-3
"""Accepted excess over a limit, because headers round spacings to single precision."""

SMALL_FIELD_MM = 100.0
"""Shortest side of a sagittal field of view without a warning; cervical ones are 240 mm or more."""

THIN_SLICE_RATIO = 1.5
"""Slices up to this much thicker than the in-plane spacing may have been interpolated from thicker ones."""

FEWEST_SLICES_JUDGED = 12
"""Smallest number of slices for which interpolation is judged."""

INTERPOLATED_BELOW = 0.39
"""Roughness (see ``slice_roughness``) below which slices count as interpolated. Our choice: seven sagittal and
isotropic public volumes are at 0.45 or more; five of them, remade from slices 2 or 3 times thicker, at 0.26 to 0.37."""

REPEATED_SLICES = 0.2
"""Share of slices equal to the next one from which slices count as repeated to fill a finer grid."""

_VOXELS_JUDGED = 2_000_000
_THICK_PLANES = ("sagittal", "axial", "coronal")


def plane_of(spacing_mm: tuple[float, float, float]) -> str:
    """Return the plane of acquisition: sagittal, axial or coronal by the thick axis, or isotropic.

    Args:
        spacing_mm: (slice, row, column); that is right-left, cranio-caudal, antero-posterior.
    """
    if max(spacing_mm) <= THICK_AXIS_RATIO * min(spacing_mm):
        return "isotropic"
    return _THICK_PLANES[0 if max(spacing_mm) <= THICK_AXIS_RATIO * spacing_mm[0] else int(np.argmax(spacing_mm))]


def refuse_not_sagittal(spacing_mm: tuple[float, float, float], source: str, *, allow_plane: bool) -> tuple[str, ...]:
    """Refuse an acquisition whose thick axis is not right-left; isotropic ones pass.

    Args:
        spacing_mm: (slice, row, column).
        source: file name for the message.
        allow_plane: accept another plane with a warning.

    Returns:
        The warning, or an empty tuple.

    Raises:
        VolumeError: the row or column spacing exceeds ``THICK_AXIS_RATIO`` times the slice spacing.
    """
    plane = plane_of(spacing_mm)
    if plane in ("isotropic", "sagittal"):
        return ()
    shown = "right-left {:.3g} mm, cranio-caudal {:.3g} mm, antero-posterior {:.3g} mm".format(*spacing_mm)
    if not allow_plane:
        raise VolumeError(
            f"{source}: is not a sagittal acquisition but {plane} ({shown}); give the sagittal T2w series, "
            "or add --allow-plane to use it all the same"
        )
    return (f"{source}: is {plane}, not sagittal ({shown}); results on it were never tested",)


def plausibility_warnings(data: np.ndarray, spacing_mm: tuple[float, float, float], source: str) -> tuple[str, ...]:
    """Return warnings about spacing, field of view, interpolated or repeated slices, and few different intensities.

    Args:
        data: (slice, row, column) float32.
        spacing_mm: (slice, row, column).
        source: file name for the messages.
    """
    across_mm, row_mm, column_mm = spacing_mm
    found = (
        _odd_across(across_mm),
        _odd_in_plane((row_mm, column_mm)),
        _small_field(data.shape, spacing_mm),
        _resampled(data, spacing_mm),
        _few_intensities(data),
    )
    return tuple(f"{source}: {text}" for text in found if text)


def slice_roughness(data: np.ndarray) -> float:
    """Return the mean absolute second difference over one slice, divided by that over two slices.

    Independent slices give 1 and measured ones 0.45 to 0.7. Slices interpolated between thicker ones give less,
    because intensity is linear in between. NaN if nothing varies across slices.

    Args:
        data: (slice, row, column) float32, at least five slices.
    """
    step = max(1, round((data.size / _VOXELS_JUDGED) ** 0.5))
    seen = data[:, ::step, ::step]
    seen = seen / max(float(np.abs(seen).max()), np.finfo(np.float32).tiny)
    centre = 2 * seen[2:-2]
    near = np.abs(centre - seen[1:-3] - seen[3:-1]).mean(dtype=np.float64)
    far = np.abs(centre - seen[:-4] - seen[4:]).mean(dtype=np.float64)
    return float(near / far) if far else math.nan


def _odd_across(across_mm: float) -> str:
    if not _outside(across_mm, ACROSS_MM):
        return ""
    return f"slice spacing of {across_mm:.3g} mm is outside the usual {ACROSS_MM[0]:g} to {ACROSS_MM[1]:g} mm"


def _odd_in_plane(in_plane_mm: tuple[float, float]) -> str:
    if not any(_outside(value, IN_PLANE_MM) for value in in_plane_mm):
        return ""
    shown = " x ".join(f"{value:.3g}" for value in in_plane_mm)
    return f"in-plane spacing of {shown} mm is outside the usual {IN_PLANE_MM[0]:g} to {IN_PLANE_MM[1]:g} mm"


def _few_intensities(data: np.ndarray) -> str:
    count = count_intensities(data)
    if count >= FEWEST_INTENSITIES:
        return ""
    return f"holds only {count} different values, like a label map; check that this is the scan"


def _outside(value: float, limits: tuple[float, float]) -> bool:
    return not limits[0] - SPACING_TOLERANCE_MM <= value <= limits[1] + SPACING_TOLERANCE_MM


def _small_field(shape: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> str:
    height, width = (size * spacing for size, spacing in zip(shape[1:], spacing_mm[1:], strict=True))
    if min(height, width) >= SMALL_FIELD_MM:
        return ""
    return f"very small field of view, {height:.0f} mm cranio-caudal by {width:.0f} mm antero-posterior"


def _resampled(data: np.ndarray, spacing_mm: tuple[float, float, float]) -> str:
    if len(data) < FEWEST_SLICES_JUDGED:
        return ""
    # Slices of zeros are padding, not repeats.
    repeated = sum(
        bool(one.any()) and np.array_equal(one, following) for one, following in zip(data, data[1:], strict=False)
    )
    if repeated >= REPEATED_SLICES * len(data):
        return f"resampled: {repeated} of {len(data)} sagittal slices repeat the one before"
    if spacing_mm[0] > THIN_SLICE_RATIO * max(spacing_mm[1:]):
        return ""
    if slice_roughness(data) < INTERPOLATED_BELOW:
        return "resampled: its sagittal slices look interpolated from thicker ones; give the original series if you can"
    return ""
