"""Qform and sform of a NIfTI header: which of them places the voxels, in mm."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.spatialimages import HeaderDataError

from spinal_tf.errors import VolumeError
from spinal_tf.images.grid import corner_distance_mm
from spinal_tf.images.image_format import affine_problem, refuse_unusable_affine

MM_IN_UNIT = {1: 1000.0, 3: 0.001}
"""Millimeters in the unit that the space bits of ``xyzt_units`` name: meter and micron, as in nifti1.h. All other codes
count as mm, as in ITK."""

FORMS_TOLERANCE_MM = 0.1
"""Qform and sform disagree if a corner differs by more than this; rounding of a qform's quaternion stays below it."""

SAME_VOXEL = 0.5
"""Share of the smallest voxel side by which qform and sform may differ for images on either one to fit each other."""

QUATERNION_ROUNDING = 1e-5
"""How much longer than 1 a quaternion's square may be: turns by 180 degrees, rounded to single precision."""

NO_ORIENTATION = "qform and sform codes are 0"

_SPACE_BITS = 7
_NEVER = logging.CRITICAL + 1
_SILENT = logging.Logger("nifti header checks", level=_NEVER)


@dataclass(frozen=True, kw_only=True, eq=False)
class Forms:
    """Where a header puts the voxels; the attributes are those of `StoredImage`."""

    affine: np.ndarray
    other_affine: np.ndarray | None = None
    no_orientation: str = ""
    warnings: tuple[str, ...] = ()


def read_forms(header: Nifti1Header, shape: tuple[int, int, int], source: str) -> Forms:
    """Return the affine in mm: the sform if its code is set and it can be used, else the qform, as ITK does.

    If neither code is set, the axes are assumed to run right to left, posterior to anterior, inferior to superior.

    Args:
        header: header as stored; small faults in it are repaired.
        shape: number of voxels along i, j, k.
        source: file name for messages.

    Raises:
        VolumeError: no form whose code is set can be used.
    """
    _repair(header)
    if max(int(header["qform_code"]), int(header["sform_code"])) <= 0:
        affine = _in_mm(header, header.get_base_affine())
        refuse_unusable_affine(affine, source)
        return Forms(affine=affine, no_orientation=NO_ORIENTATION)
    qform, sform = _qform(header), _in_mm(header, header.get_sform())
    if int(header["sform_code"]) <= 0:
        return _only_qform(qform, source)
    if affine_problem(sform):
        return _instead_of_sform(header, qform, sform, source)
    if int(header["qform_code"]) <= 0:
        return Forms(affine=sform)
    return _both(qform, sform, shape, source)


def _repair(header: Nifti1Header) -> None:
    stored = np.abs(header["pixdim"][1:4])
    header.check_fix(logger=_SILENT, error_level=_NEVER)
    header["pixdim"][1:4] = stored  # nibabel replaces a size of 0 by 1 mm, which nobody measured
    header.quaternion_threshold = QUATERNION_ROUNDING


def _in_mm(header: Nifti1Header, affine: np.ndarray) -> np.ndarray:
    scaled = np.array(affine, dtype=np.float64)
    scaled[:3] *= MM_IN_UNIT.get(int(header["xyzt_units"]) & _SPACE_BITS, 1.0)
    return scaled


def _qform(header: Nifti1Header) -> np.ndarray | None:
    """Return the qform in mm; None if it cannot be used."""
    try:
        affine = _in_mm(header, header.get_qform())
    except (ValueError, HeaderDataError):  # a quaternion longer than one, a spacing that is no number
        return None
    return None if affine_problem(affine) else affine


def _only_qform(qform: np.ndarray | None, source: str) -> Forms:
    if qform is None:
        raise VolumeError(f"{source}: its qform cannot be read; convert it again from the original images")
    return Forms(affine=qform)


def _instead_of_sform(header: Nifti1Header, qform: np.ndarray | None, sform: np.ndarray, source: str) -> Forms:
    if int(header["qform_code"]) <= 0:
        refuse_unusable_affine(sform, source)
    if qform is None:
        raise VolumeError(f"{source}: neither its sform nor its qform can be used; convert it again from the originals")
    return Forms(affine=qform, warnings=(f"{source}: its sform is {affine_problem(sform)}; the qform was used",))


def _both(qform: np.ndarray | None, sform: np.ndarray, shape: tuple[int, int, int], source: str) -> Forms:
    if qform is None:
        return Forms(affine=sform, warnings=(f"{source}: its qform cannot be read; the sform was used",))
    apart_mm = corner_distance_mm(shape, qform, sform)
    smallest_mm = float(np.linalg.norm(sform[:3, :3], axis=0).min())
    return Forms(
        affine=sform,
        other_affine=qform if apart_mm <= SAME_VOXEL * smallest_mm else None,
        warnings=_disagreement(apart_mm, source) if apart_mm > FORMS_TOLERANCE_MM else (),
    )


def _disagreement(apart_mm: float, source: str) -> tuple[str, ...]:
    return (
        f"{source}: qform and sform disagree by up to {apart_mm:.3g} mm; the sform was used, "
        "other programs may show the image elsewhere",
    )
