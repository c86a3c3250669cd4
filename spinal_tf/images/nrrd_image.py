"""NRRD files, as 3D Slicer saves volumes (.nrrd) and segmentations (.seg.nrrd)."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from spinal_tf.errors import RequirementError, VolumeError
from spinal_tf.file_names import legible
from spinal_tf.images.file_types import explain_not_image
from spinal_tf.images.gzip_stream import gunzipped, read_to_end, read_voxels
from spinal_tf.images.image_format import (
    FIRST_BYTES,
    ImageFormat,
    StoredImage,
    reading,
    refuse_too_large,
    refuse_unusable_affine,
)
from spinal_tf.images.voxels import real_voxels

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

SKIPS = ("line skip", "lineskip", "byte skip", "byteskip")
"""Fields that say how much lies between header and voxels; only files without are read."""

BYTE_ORDERS: dict[str, Literal["<", ">"]] = {"little": "<", "big": ">"}

_LONGEST_SHOWN = 40
_INTEGERS = (
    (1, ("char", "int8", "int8_t")),
    (2, ("short", "short int", "int16", "int16_t")),
    (4, ("int", "int32", "int32_t")),
    (8, ("longlong", "long long", "long long int", "int64", "int64_t")),
)
_SIGNS = (("i", ("", "signed ")), ("u", ("u", "unsigned ")))
VOXEL_TYPES: dict[str, np.dtype[Any]] = {
    f"{before}{name}": np.dtype(f"{kind}{size}")
    for size, names in _INTEGERS
    for name in names
    for kind, words in _SIGNS
    for before in words
}
VOXEL_TYPES |= {"float": np.dtype("f4"), "double": np.dtype("f8")}
"""Types of voxels by their names in the definition of NRRD (teem.sourceforge.net/nrrd/format.html)."""


def read_nrrd(path: Path) -> StoredImage:
    """Read a .nrrd or .seg.nrrd file of three axes, or a .seg.nrrd of one layer.

    Raises:
        RequirementError: pynrrd is not installed.
        VolumeError: a damaged or detached file, not three axes, non-numeric voxels, a size that the file cannot
            hold, coordinates in another unit than mm, or an unusable affine.
    """
    source = legible(path.name)
    _refuse_other(path, source)
    nrrd = _library()
    with reading(source, zlib.error):
        with path.open("rb") as stream:
            with _reading_header(nrrd, source):
                header = nrrd.read_header(stream)
                shape, dtype = _checked(header, source, path.stat().st_size)
                affine, missing = _affine(header, source)
            packed = str(header["encoding"]).lower() in COMPRESSED
            content = gunzipped(stream) if packed else stream
            data = read_voxels(content, shape, dtype)
            notes = read_to_end(content, source)
        return StoredImage(
            source=source,
            data=real_voxels(data),
            affine=affine,
            no_orientation=missing,
            warnings=notes,
            may_be_cropped=source.lower().endswith(SEGMENTATION) or "Segment0_ID" in header,
        )


def _refuse_other(path: Path, source: str) -> None:
    with reading(source), path.open("rb") as stream:
        start = stream.read(FIRST_BYTES)
    if not _takes_bytes(start):
        raise VolumeError(f"{source}: {explain_not_image(start, source)}")


@contextmanager
def _reading_header(nrrd: ModuleType, source: str) -> Iterator[None]:
    """Turn all that the library and numpy raise for a damaged header into one sentence."""
    try:
        yield
    except (nrrd.NRRDError, KeyError, IndexError, TypeError, ValueError) as error:
        raise VolumeError(f"{source}: its header is damaged or incomplete; copy or export it again") from error


def _library() -> ModuleType:
    try:
        import nrrd
    except ImportError as error:
        raise RequirementError(
            "reading NRRD files needs pynrrd 1.0 or later; install it with: pip install 'spinal-tf[nrrd]'"
        ) from error
    library: ModuleType = nrrd
    return library


def _checked(header: dict[str, Any], source: str, file_bytes: int) -> tuple[tuple[int, int, int], np.dtype[Any]]:
    """Check that the file can hold the voxels, and return the three sizes and the type of a voxel."""
    if "data file" in header or "datafile" in header:
        raise VolumeError(f"{source}: keeps its voxels in another file; save it as one .nrrd file")
    if any(int(header.get(name, 0)) for name in SKIPS):
        raise VolumeError(f"{source}: has other data before its voxels; save it again without")
    shape = _three_sizes([int(size) for size in header["sizes"]], source)
    refuse_too_large(shape, source)
    encoding = str(header["encoding"]).lower()
    dtype = VOXEL_TYPES.get(str(header["type"]).lower())
    if dtype is None or encoding not in READABLE:
        shown = f"type {_shown(header['type'])} in encoding {_shown(encoding)}"
        raise VolumeError(f"{source}: has voxels of {shown}; save it with gzip")
    ratio = MAXIMUM_RATIO if encoding in COMPRESSED else 1
    if math.prod(shape) * dtype.itemsize > file_bytes * ratio:
        shown = " x ".join(map(str, shape))
        raise VolumeError(
            f"{source}: is truncated, it is too small for the {shown} voxels in its header; copy it again"
        )
    return shape, dtype.newbyteorder(BYTE_ORDERS[header["endian"]]) if dtype.itemsize > 1 else dtype


def _shown(text: str) -> str:
    """Return a value of the header as messages show it: short, without control characters."""
    return "".join(sign if sign.isprintable() else " " for sign in text[:_LONGEST_SHOWN])


def _three_sizes(sizes: list[int], source: str) -> tuple[int, int, int]:
    if len(sizes) == 4 and sizes[0] == 1:
        sizes = sizes[1:]
    if len(sizes) == 4:
        raise VolumeError(f"{source}: has {sizes[0]} layers of segments that overlap; export the lesion alone")
    if len(sizes) != 3:
        raise VolumeError(f"{source}: has {len(sizes)} axes, not three; give one 3D volume")
    if min(sizes) < 1:
        raise VolumeError(f"{source}: its header is damaged, the image size makes no sense; export it again")
    return sizes[0], sizes[1], sizes[2]


def _affine(header: dict[str, Any], source: str) -> tuple[np.ndarray, str]:
    """Return the affine to RAS mm, and the reason why the file does not tell left from right; empty if it does."""
    units = set(header.get("space units", ())) - {"", "mm"}
    if units:
        raise VolumeError(f"{source}: gives places in {_shown(', '.join(sorted(units)))}, not in mm; export it in mm")
    directions = np.asarray(header.get("space directions", np.eye(3)), dtype=np.float64)[-3:]
    signs = TO_RAS.get(str(header.get("space", "")).lower())
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = directions.T, np.asarray(header.get("space origin", np.zeros(3)), dtype=np.float64)
    refuse_unusable_affine(affine, source)
    if signs is None:
        return affine, "its header names no space of a patient"
    return np.diag([*signs, 1.0]) @ affine, ""


def _read_header(path: Path) -> tuple[tuple[int, ...], np.ndarray, bool]:
    source = legible(path.name)
    _refuse_other(path, source)
    nrrd = _library()
    with reading(source), path.open("rb") as stream, _reading_header(nrrd, source):
        header = nrrd.read_header(stream)
        sizes = tuple(int(size) for size in header["sizes"])
        affine, missing = _affine(header, source)
    return sizes[1:] if len(sizes) == 4 and sizes[0] == 1 else sizes, affine, not missing


def _takes_bytes(start: bytes) -> bool:
    return MAGIC.match(start) is not None


FORMAT = ImageFormat(
    suffixes=(SEGMENTATION, ".nrrd"),
    mask_suffixes=(SEGMENTATION,),
    takes_bytes=_takes_bytes,
    read=read_nrrd,
    read_header=_read_header,
)
