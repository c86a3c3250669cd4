"""How much one image tells about another on the same grid."""

from __future__ import annotations

import numpy as np

from spinal_tf.images.robust_range import sampled

MOST_COMPARED = 2_000_000
"""Largest number of voxels compared; from larger images every second, third, ... voxel is taken."""


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Pearson's correlation between two images of equal shape; neither may be constant."""
    return float(np.corrcoef(some_voxels(one), some_voxels(other))[0, 1])


def explained_variance(labels: np.ndarray, image: np.ndarray) -> float:
    """Return the share of an image's variance that labels explain (the correlation ratio, Fisher's eta squared).

    Args:
        labels: label of each voxel, any numbers.
        image: intensity of each voxel, the same shape, not constant.

    Returns:
        0 if all labels have the same mean intensity, 1 if each label has a single intensity.
    """
    intensity = some_voxels(image).astype(np.float64)
    _, group = np.unique(some_voxels(labels), return_inverse=True)
    sizes = np.bincount(group)
    means = np.bincount(group, weights=intensity) / sizes
    return float(np.sum(sizes * (means - intensity.mean()) ** 2) / np.sum((intensity - intensity.mean()) ** 2))


FEWEST_INTENSITIES = 64
"""Smallest number of different values in a scan; 8-bit scans have up to 256, label maps of the spine fewer than 64."""


def count_intensities(image: np.ndarray) -> int:
    """Return how many different values an image holds; if a sample has enough, only those of the sample."""
    found = np.unique(sampled(image)).size
    return found if found >= FEWEST_INTENSITIES else np.unique(image).size


def some_voxels(image: np.ndarray) -> np.ndarray:
    """Return at most `MOST_COMPARED` voxels, evenly spread, as one row."""
    return image.ravel()[:: image.size // MOST_COMPARED + 1]
