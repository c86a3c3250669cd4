"""NRRD files, as 3D Slicer saves volumes (.nrrd) and segmentations (.seg.nrrd)."""

from __future__ import annotations

import math
import re
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from spinal_tf.errors import RequirementError, VolumeError
from spinal_tf.images.image_format import (
    ImageFormat,
    StoredImage,
    reading,
    refuse_too_large,
    refuse_unusable_affine,
)

SEGMENTATION = ".seg.nrrd"
"""Ending of 3D Slicer's segmentations, which store only the part of the grid that contains the drawing."""

MAGIC = re.compile(rb"NRRD000\d")

TO_RAS = {
    "right-anterior-superior": (1.0, 1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0),
    "left-posterior-superior": (-1.0, -1.0, 1.0),
}
"""Signs that convert a NRRD space to patient RAS."""

MAXIMUM_RATIO = 1032
"""Largest compression ratio of deflate (zlib's technical details); a header that claims more is wrong."""

COMPRESSED = ("gzip", "gz")
READABLE = ("raw", *COMPRESSED)
"""Readable encodings: the size of their data can be checked before memory allocation."""


def read_nrrd(path: Path) -> StoredImage:
    """Read a .nrrd or .seg.nrrd file of three axes, or a .seg.nrrd of one layer.

    Raises:
        RequirementError: pynrrd is not installed.
        VolumeError: a damaged or detached file, not three axes, non-numeric voxels, a size that the file cannot
            hold, coordinates in another unit than mm, or an unusable affine.
    """
    nrrd, source = _library(), path.name
    with reading(source, nrrd.NRRDError, zlib.error, KeyError, ValueError):
        with path.open("rb") as stream:
            header = nrrd.read_header(stream)
            shape = _checked(header, source, path.stat().st_size)
            affine, missing = _affine(header, source)
            data = nrrd.read_data(header, stream, index_order="F")
        return StoredImage(
            source=source,
            data=np.asarray(data, dtype=np.float32).reshape(shape),
            affine=affine,
            no_orientation=missing,
            may_be_cropped=source.lower().endswith(SEGMENTATION) or "Segment0_ID" in header,
        )


def _library() -> ModuleType:
    try:
        import nrrd
    except ImportError as error:
        raise RequirementError(
            "reading NRRD files needs pynrrd 1.0 or later; install it with: pip install 'spinal-tf[nrrd]'"
        ) from error
    library: ModuleType = nrrd
    return library


def _checked(header: dict[str, Any], source: str, file_bytes: int) -> tuple[int, int, int]:
    """Check that the file can hold the voxels, and return the three sizes."""
    if "data file" in header or "datafile" in header:
        raise VolumeError(f"{source}: keeps its voxels in another file; save it as one .nrrd file")
    sizes = [int(size) for size in header["sizes"]]
    if len(sizes) == 4 and sizes[0] == 1:
        sizes = sizes[1:]
    if len(sizes) == 4:
        raise VolumeError(f"{source}: has {sizes[0]} layers of segments that overlap; export the lesion alone")
    if len(sizes) != 3:
        raise VolumeError(f"{source}: has {len(sizes)} axes, not three; give one 3D volume")
    shape = (sizes[0], sizes[1], sizes[2])
    refuse_too_large(shape, source)
    encoding = str(header["encoding"]).lower()
    if header["type"] == "block" or encoding not in READABLE:
        raise VolumeError(f"{source}: has voxels of type {header['type']} in encoding {encoding}; save it with gzip")
    ratio = MAXIMUM_RATIO if encoding in COMPRESSED else 1
    if math.prod(shape) > file_bytes * ratio:
        shown = " x ".join(map(str, shape))
        raise VolumeError(
            f"{source}: is truncated, it is too small for the {shown} voxels in its header; copy it again"
        )
    return shape


def _affine(header: dict[str, Any], source: str) -> tuple[np.ndarray, str]:
    """Return the affine to RAS mm, and the reason why the file does not tell left from right; empty if it does."""
    units = set(header.get("space units", ())) - {"", "mm"}
    if units:
        raise VolumeError(f"{source}: gives places in {', '.join(sorted(units))}, not in mm; export it in mm")
    directions = np.asarray(header.get("space directions", np.eye(3)), dtype=np.float64)[-3:]
    signs = TO_RAS.get(str(header.get("space", "")).lower())
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = directions.T, np.asarray(header.get("space origin", np.zeros(3)), dtype=np.float64)
    refuse_unusable_affine(affine, source)
    if signs is None:
        return affine, "its header names no space of a patient"
    return np.diag([*signs, 1.0]) @ affine, ""


def _takes_bytes(start: bytes) -> bool:
    return MAGIC.match(start) is not None


FORMAT = ImageFormat(
    suffixes=(SEGMENTATION, ".nrrd"), mask_suffixes=(SEGMENTATION,), takes_bytes=_takes_bytes, read=read_nrrd
)
