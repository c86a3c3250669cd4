"""Scans and masks of a case, given as a file, an array with its affine, or a volume that was read before."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np

from spinal_tf.api.case_results import SegmentationResult
from spinal_tf.case_files import CaseFiles, read_reviewed_mask
from spinal_tf.errors import VolumeError
from spinal_tf.images.array_image import array_image
from spinal_tf.images.contrast_scan import read_t1c, t1c_of
from spinal_tf.images.lesion_mask import ANY_MASK, lesion_mask_of
from spinal_tf.images.volume import Volume, read_volume, volume_of
from spinal_tf.loaded_weights import LoadedWeights, load_weights
from spinal_tf.pipeline import ReviewedMask
from spinal_tf.prediction_options import MaskValues

Image: TypeAlias = "str | Path | np.ndarray | Volume"
"""A scan: a file, an array in any axis order with a separate affine, or the result of `read`."""

Mask: TypeAlias = "str | Path | np.ndarray | SegmentationResult"
"""A mask on the scan's grid: a file, an array in the scan's own axis order, or the result of `segment`."""

Weights: TypeAlias = "str | Path | LoadedWeights | None"
"""A weights folder, or the result of `load_weights`; None takes ``$SPINAL_TF_WEIGHTS``, or else the bundled weights."""

ARRAY = "array"
"""Source in records for a mask that was given as an array."""


def read(
    image: str | Path | np.ndarray,
    *,
    affine: np.ndarray | None = None,
    name: str = "image",
    assume_orientation: bool = False,
    allow_plane: bool = False,
) -> Volume:
    """Read a sagittal T2w scan and check that it is usable.

    Args:
        image: a file, or an array (i, j, k) of integers or floats in any axis order.
        affine: affine of an array: (4, 4), array index to patient RAS mm, as in nibabel.
        name: name of an array, for messages and file names.
        assume_orientation: accept a file without orientation; its axes are then assumed to run right to left,
            posterior to anterior and inferior to superior.
        allow_plane: accept an acquisition that is not sagittal.

    Returns:
        The scan in the package's axis order, with ``warnings``; functions of the API accept it in place of the file.
        Outliers of its ``data`` are clipped, which the warnings say.

    Raises:
        VolumeError: the scan cannot be used.
    """
    if not isinstance(image, np.ndarray):
        if affine is not None:
            raise VolumeError(f"{image}: a file has its own affine; give one with an array alone")
        return read_volume(image, assume_orientation=assume_orientation, allow_plane=allow_plane)
    if affine is None:
        raise VolumeError(f"{name}: an array does not say where its voxels lie; give its affine, as nibabel does")
    return volume_of(array_image(image, affine, source=name), allow_plane=allow_plane)


def as_volume(image: Image, affine: np.ndarray | None) -> Volume:
    """Return the given volume, or read it; see `read`.

    Raises:
        VolumeError: the image cannot be used.
    """
    if not isinstance(image, Volume):
        return read(image, affine=affine)
    if affine is not None:
        raise VolumeError(f"{image.source}: was read with its own affine; give one with an array alone")
    return image


def as_mask(mask: Mask, *, like: Volume, values: MaskValues = ANY_MASK) -> ReviewedMask:
    """Return the given mask, with its known origin.

    Args:
        mask: mask; an array counts as reviewed by a person, the result of a segmentation as automatic. A file counts
            as reviewed unless a record beside it says that a network drew these voxels.
        like: scan whose grid the mask must have.
        values: which values of a file or an array are lesion.

    Raises:
        VolumeError: the mask cannot be used; see `read_lesion_mask`.
    """
    if isinstance(mask, SegmentationResult):
        image = array_image(mask.mask, mask.affine, source=mask.case.volume.source)
        found = lesion_mask_of(image, like=like)
    elif isinstance(mask, np.ndarray):
        found = lesion_mask_of(array_image(mask, like.grid.affine, source="mask"), like=like, values=values)
    else:
        path = Path(mask)
        files = CaseFiles(case=path.with_name(like.source), folder=path.parent)
        return read_reviewed_mask(files, path, like=like, values=values)
    automatic = isinstance(mask, SegmentationResult)
    return ReviewedMask(
        mask=found.mask, source=ARRAY, automatic=automatic, doubts=found.doubts, warnings=found.warnings
    )


def as_t1c(t1c: str | Path | np.ndarray | None, *, like: Volume) -> Volume | None:
    """Return the given contrast-enhanced scan, a file or an array in the scan's own axis order, as a volume.

    Raises:
        VolumeError: the image cannot be used, has another grid than the scan's, or is no such scan; see `read_t1c`.
    """
    if isinstance(t1c, np.ndarray):
        return t1c_of(array_image(t1c, like.grid.affine, source="t1c"), like=like)
    return None if t1c is None else read_t1c(t1c, like=like)


def as_weights(weights: Weights) -> LoadedWeights:
    """Return the given networks, or open them.

    Raises:
        WeightsError: there are no weights.
    """
    return weights if isinstance(weights, LoadedWeights) else load_weights(weights)
