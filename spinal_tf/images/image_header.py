"""Size and geometry of an image by its header, without its voxels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.orientations import io_orientation

from spinal_tf.images.plausibility import plane_of
from spinal_tf.images.read_image import format_of


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageHeader:
    """Size and geometry that a header states.

    Attributes:
        shape: number of voxels along each axis of the file.
        spacing_mm: voxel size along (right-left, cranio-caudal, antero-posterior).
        oriented: whether the file tells left from right.
    """

    shape: tuple[int, ...]
    spacing_mm: tuple[float, float, float]
    oriented: bool

    @property
    def plane(self) -> str:
        """Plane of acquisition: sagittal, axial, coronal or isotropic."""
        return plane_of(self.spacing_mm)


def read_header(path: Path) -> ImageHeader:
    """Read the header of an image of any format.

    Raises:
        VolumeError: no such image, or a damaged header.
        RequirementError: the format needs a package that is not installed.
    """
    shape, affine, oriented = format_of(path).read_header(path)
    axes = io_orientation(affine)[:, 0]  # of each file axis: 0 right-left, 1 antero-posterior, 2 cranio-caudal
    sizes = voxel_sizes(affine)
    across, back, down = (float(sizes[int(np.flatnonzero(axes == axis)[0])]) for axis in range(3))
    return ImageHeader(shape=shape, spacing_mm=(across, down, back), oriented=oriented)
