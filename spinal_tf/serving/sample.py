"""A small synthetic volume with a bright lesion, to warm up a server and to compare two ways of computing."""

from __future__ import annotations

import numpy as np

from spinal_tf.images.array_image import array_image
from spinal_tf.images.volume import Volume, volume_of

SHAPE = (5, 45, 37)
"""Axes of different lengths, none a multiple of 16; small because every export stores it."""

EXTENT_MM = 160.0
"""Extent along the rows, about that of a cervical scan, so that the network gets inputs of usual size."""

SLICE_SPACING_MM = 3.3


def sample_volume() -> Volume:
    """Return a volume of noise on ramps along all axes, with a bright lesion."""
    row_mm = EXTENT_MM / SHAPE[1]
    affine = np.diag([-SLICE_SPACING_MM, -row_mm, -0.9 * row_mm, 1.0])[[0, 2, 1, 3]]
    slices, rows, columns = np.indices(SHAPE)
    noise = np.random.default_rng(5).normal(0, 20, SHAPE)
    data = 200 + 15 * slices + 3 * rows + 2 * columns + noise + 600 * sample_mask()
    return volume_of(array_image(data, affine, source="the sample"))


def sample_mask() -> np.ndarray:
    """Return the lesion of `sample_volume`: bool, the same shape."""
    slices, rows, columns = np.indices(SHAPE)
    mask: np.ndarray = (slices - 2) ** 2 / 2.0 + ((rows - 21) / 7) ** 2 + ((columns - 17) / 3) ** 2 <= 1
    return mask


def sample_request(volume: Volume) -> dict[str, np.ndarray]:
    """Return every input that a signature for whole volumes may have."""
    return {
        "slices": volume.data,
        "spacing_mm": np.array(volume.spacing_mm[1:]),
        "slice_mm": np.array(volume.spacing_mm[0]),
        "mask": sample_mask().astype(np.uint8),
        "t1c": volume.data[:, ::-1].copy(),
    }
