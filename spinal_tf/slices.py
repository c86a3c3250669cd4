"""Tiles: the lesion-bearing sagittal slices of a case, prepared for the classifiers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinal_tf.images.volume import Volume
from spinal_tf.preprocess import MaskMode, Placement, Preprocessing, place, to_input
from spinal_tf.scaling import intensity_scale

T1C, T2W, MASK = 0, 1, 2
"""Channels of a tile, in the order of the public code of Zhuo et al. 2022."""


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """The tiles of one case.

    Attributes:
        images: float32 (tile, row, column, channel); channels T1c (zero if absent), T2w and mask (0 or 1).
        slices: slice index of every tile in the volume's array order, ascending.
        placement: placement of a slice in its tile.
    """

    images: np.ndarray
    slices: tuple[int, ...]
    placement: Placement


def lesion_slices(mask: np.ndarray) -> tuple[int, ...]:
    """Return the indices of the lesion-bearing slices, ascending.

    Args:
        mask: bool, (slice, row, column).
    """
    return tuple(int(index) for index in np.flatnonzero(mask.any(axis=(1, 2))))


def make_tiles(
    t2: Volume,
    mask: np.ndarray,
    *,
    preprocessing: Preprocessing,
    mask_mode: MaskMode = "channel",
    t1c: Volume | None = None,
) -> Tiles:
    """Make the tiles of a case: one per slice whose resized mask is not empty.

    T2w and T1c are each normalized over their whole volume. A lesion thinner than a pixel of the tile can vanish in the
    nearest-pixel mask; its slice then gives no tile, as in the authors' code.

    Args:
        t2: T2w volume.
        mask: bool lesion mask of the same shape.
        preprocessing: preprocessing record of the classifier.
        mask_mode: ``channel`` keeps the images unchanged, so that the tissue around the lesion is visible;
            ``multiply`` sets them to zero outside the mask.
        t1c: contrast-enhanced T1w volume on the grid of ``t2``.

    Returns:
        Tiles of the case; zero tiles without a lesion.

    Raises:
        ValueError: mask or T1c differ in shape from the T2w volume, or the mask mode is unknown.
        VolumeError: an image is constant.
    """
    _require_aligned(t2, mask, t1c)
    if mask_mode not in ("channel", "multiply"):
        raise ValueError(f"mask mode {mask_mode!r} is neither 'channel' nor 'multiply'")
    rows_mm, columns_mm = t2.spacing_mm[1:]
    placement = place(t2.data.shape[1:], (rows_mm, columns_mm), preprocessing, source=t2.source)
    candidates = np.array(lesion_slices(mask), dtype=int)
    labels = to_input(mask[candidates], placement, label=True)
    visible = labels.any(axis=(1, 2))
    labels, slices = labels[visible], candidates[visible]
    images = np.zeros((*labels.shape, 3), np.float32)
    images[..., MASK] = labels
    for channel, volume in ((T1C, t1c), (T2W, t2)):
        if volume is not None and len(slices):
            scale = intensity_scale(volume.data, intensity=preprocessing.intensity, source=volume.source)
            images[..., channel] = to_input(scale(volume.data[slices]), placement)
    if mask_mode == "multiply":
        images[..., :MASK] *= labels[..., np.newaxis]
    return Tiles(images=images, slices=tuple(slices.tolist()), placement=placement)


def _require_aligned(t2: Volume, mask: np.ndarray, t1c: Volume | None) -> None:
    if mask.shape != t2.data.shape:
        raise ValueError(f"{t2.source}: mask of shape {mask.shape} for a volume of shape {t2.data.shape}")
    if t1c is not None and t1c.data.shape != t2.data.shape:
        raise ValueError(f"{t1c.source}: shape {t1c.data.shape}, but {t2.source} has {t2.data.shape}")
