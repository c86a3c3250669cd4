"""Images made from an array and its affine, with the same checks as for files."""

from __future__ import annotations

import numpy as np
from nibabel.spatialimages import HeaderDataError

from spinal_tf.errors import VolumeError
from spinal_tf.images.image_format import StoredImage, refuse_unusable_affine
from spinal_tf.images.nifti import new_geometry
from spinal_tf.images.voxels import real_voxels


def array_image(data: np.ndarray, affine: np.ndarray, *, source: str) -> StoredImage:
    """Return an array as if it had been read from a file; results are written with this affine as NIfTI-1 sform.

    Args:
        data: (i, j, k) bool, integer or float, in any axis order.
        affine: (4, 4), index of the array to patient RAS mm, as in nibabel.
        source: name shown in messages.

    Raises:
        VolumeError: not three axes, voxels that are not real numbers, or an unusable affine.
    """
    if data.ndim != 3 or 0 in data.shape:
        shown = " x ".join(map(str, data.shape))
        raise VolumeError(f"{source}: the array has shape {shown or 'of a single number'}; give one 3D volume")
    if data.dtype.kind not in "biuf":
        raise VolumeError(f"{source}: the array holds {data.dtype}; give integers or floats")
    affine = _affine(affine, source)
    try:
        geometry = new_geometry(data.shape, affine, qform_code=0, sform_code=2)  # as in nibabel, only the sform counts
    except HeaderDataError as error:
        raise VolumeError(f"{source}: the array is larger than a NIfTI-1 file can hold; crop it") from error
    return StoredImage(source=source, data=real_voxels(data), affine=affine, geometry=geometry)


def _affine(affine: np.ndarray, source: str) -> np.ndarray:
    try:
        checked = np.asarray(affine, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise VolumeError(f"{source}: the affine holds no numbers; give 4 x 4 of them") from error
    if checked.shape != (4, 4):
        raise VolumeError(f"{source}: the affine has shape {checked.shape}; give 4 x 4 numbers, as nibabel does")
    refuse_unusable_affine(checked, source)
    return checked
