"""Which voxels of a mask's file belong to the mask. Values that can be read in two ways are refused."""

from __future__ import annotations

import math

import numpy as np

from spinal_tf.errors import VolumeError
from spinal_tf.prediction_options import MaskValues

ROUNDING = 5e-7
"""Largest relative difference between equal values; slope and intercept round in single precision, by 6e-8 each."""

MOST_LABELS = 128
"""Largest number of values in a label map; TotalSegmentator, which labels the whole body, has 117."""

SOFT_FROM = 32
"""Smallest maximum of a soft mask of whole numbers, such as percent; labels of vertebrae are smaller."""

LARGEST_PROBABILITY = 1.5
"""Largest value of a mask on the scale of probabilities; splines overshoot 1."""

MOST_LISTED = 8
"""Largest number of values that a message lists."""


def marked_voxels(data: np.ndarray, *, source: str, values: MaskValues | None) -> np.ndarray:
    """Return which voxels belong to a mask.

    Args:
        data: float32 or float64, any shape.
        source: file name for messages.
        values: how the values are read; None for masks other than lesions, which hold 0 and one other value.

    Returns:
        Bool, the same shape.

    Raises:
        VolumeError: voxels that are not numbers, or values that do not tell which voxels belong to the mask.
    """
    refuse_not_numbers(data, source)
    if values and values.mask_threshold is not None:
        return _above(data, values.mask_threshold, source)
    if values and values.mask_label is not None:
        return _labeled(data, values.mask_label, source)
    if not is_two_valued(data):
        raise VolumeError(f"{source}: {_problem(distinct_values(data), asks=values is not None)}")
    # Float32 rounds 1 to itself, so a mask of 0 and 1 needs no tolerance.
    return data > (1 - ROUNDING) * data.max() if data.max() > 0 else np.zeros(data.shape, bool)


def refuse_not_numbers(data: np.ndarray, source: str) -> None:
    """Refuse a mask with NaN or infinity.

    Raises:
        VolumeError: there are such voxels.
    """
    if not (math.isfinite(data.min()) and math.isfinite(data.max())):
        raise VolumeError(f"{source}: the mask has voxels that are not numbers (NaN or infinite); export it again")


def is_two_valued(data: np.ndarray) -> bool:
    """Return whether an image holds at most 0 and one larger value, but for rounding."""
    top = float(data.max())
    return (
        bool(np.all((np.abs(data) <= ROUNDING * top) | (data >= (1 - ROUNDING) * top))) if top > 0 else not data.any()
    )


def distinct_values(data: np.ndarray) -> np.ndarray:
    """Return the values of an image in ascending order; those that are whole but for rounding are made whole."""
    found = np.unique(data).astype(np.float64)
    whole = np.rint(found)
    return np.unique(np.where(np.abs(found - whole) <= ROUNDING * np.abs(found).max(), whole, found))


def is_label_map(values: np.ndarray) -> bool:
    """Return whether distinct values are those of a label map: few, whole, none below 0."""
    return len(values) <= MOST_LABELS and bool(np.all(values >= 0)) and bool(np.all(values == np.rint(values)))


def _above(data: np.ndarray, threshold: float, source: str) -> np.ndarray:
    marked: np.ndarray = data >= threshold
    if not data.any() or (is_two_valued(data) and marked.any()):
        return marked
    values = distinct_values(data)
    if is_label_map(values) and len(values) > 2 and values[-1] < SOFT_FROM:
        raise VolumeError(
            f"{source}: holds {_listed(values)}, like a label map, but --mask-threshold is for soft masks; say which "
            "value is the lesion with --mask-label"
        )
    if (values[-1] <= LARGEST_PROBABILITY) != (threshold <= 1):
        raise VolumeError(
            f"{source}: holds {_listed(values)}, a scale on which {threshold:g} is no threshold; choose another one "
            "with --mask-threshold"
        )
    return marked


def _labeled(data: np.ndarray, label: int, source: str) -> np.ndarray:
    chosen: np.ndarray = np.abs(data - label) <= ROUNDING * label
    if not data.any() or (is_two_valued(data) and chosen.any()):
        return chosen
    values = distinct_values(data)
    if not is_label_map(values) and not is_two_valued(data):
        raise VolumeError(f"{source}: {_problem(values, asks=True)}; --mask-label is for label maps")
    if not chosen.any():
        raise VolumeError(f"{source}: holds {_listed(values)}, but not {label}; name one of them with --mask-label")
    return chosen


def _problem(values: np.ndarray, *, asks: bool) -> str:
    """Say what the values of a mask look like, and what to do.

    Args:
        values: distinct values, ascending.
        asks: whether label and threshold can be chosen.
    """
    found = _listed(values)
    if not asks:
        return f"holds {found}, but this mask may hold 0 and one other value alone; export it so"
    soft = "choose --mask-threshold, for example 0.5"
    if values[0] != 0:
        return f"holds {found}, but the background of a mask is 0; export it again, or {soft}"
    if is_label_map(values):
        return f"holds {found}; say which one is the lesion with --mask-label"
    if values[-1] <= 1 + ROUNDING:
        return f"holds {found}, like a probability map: {soft}"
    return f"holds {found}, like a scan: name the lesion mask, or choose --mask-threshold if it is a soft mask"


def _listed(values: np.ndarray) -> str:
    """Name few values, or count many."""
    shown = [f"{value:.6g}" for value in values]
    if len(values) > MOST_LISTED:
        return f"{len(values)} values from {values[0]:.3g} to {values[-1]:.3g}"
    *most, last = shown
    return f"the values {', '.join(most)} and {last}" if most else f"the value {last} alone"
