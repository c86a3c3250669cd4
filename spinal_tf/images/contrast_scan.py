"""Contrast-enhanced scans, with refusal of what is no such scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spinal_tf.errors import VolumeError
from spinal_tf.images.image_format import StoredImage
from spinal_tf.images.likeness import FEWEST_INTENSITIES, correlation, some_voxels
from spinal_tf.images.read_image import read_image
from spinal_tf.images.volume import Volume, aligned_volume_of

LARGEST_BACKGROUND = 0.95
"""Share of voxels with one and the same value from which an image counts as a mask; a padded scan has less."""

SAME_SCAN = 0.999
"""Correlation from which a scan counts as a copy of another, at most rescaled. A T2w scan and its copy in 8 bits reach
0.9999; T1c and T2w of 60 simulated cases reach at most 0.975."""


def read_t1c(path: Path | str, *, like: Volume) -> Volume:
    """Read a contrast-enhanced T1w scan that was registered and resampled to a T2w scan.

    Args:
        path: file of any registered format.
        like: T2w scan.

    Returns:
        The volume in the package's order, on the affine of ``like``.

    Raises:
        VolumeError: an unreadable file, another grid than the scan's, intensity that is not finite or is constant, a
            mask, a label map, or the T2w scan itself.
    """
    return t1c_of(read_image(Path(path)), like=like)


def t1c_of(image: StoredImage, *, like: Volume) -> Volume:
    """Return the contrast-enhanced scan in an image that was already read; see `read_t1c`.

    Raises:
        VolumeError: see `read_t1c`.
    """
    volume = aligned_volume_of(image, like=like)
    kind = _kind(volume.data)
    if kind:
        raise VolumeError(f"{image.source}: is {kind}, not a scan; name the contrast-enhanced T1w scan")
    if abs(correlation(volume.data, like.data)) >= SAME_SCAN:
        raise VolumeError(f"{image.source}: is the T2w scan {like.source} itself, at most rescaled; name the T1w scan")
    return volume


def _kind(data: np.ndarray) -> str:
    """Say what an image is if it cannot be a scan; empty if it can."""
    some = some_voxels(data)
    values = len(np.unique(some))
    if values <= 2 or float(np.mean(some == np.median(some))) >= LARGEST_BACKGROUND:
        return "a mask"
    return f"a label map of {values} values" if values < FEWEST_INTENSITIES else ""
