"""NIfTI-1 and NIfTI-2 files: sizes checked before memory allocation, voxels as real numbers, geometry kept exactly."""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header, data_type_codes
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError

from spinal_tf.errors import VolumeError
from spinal_tf.file_names import legible
from spinal_tf.images.file_types import explain_not_image
from spinal_tf.images.gzip_stream import GzipStream, read_to_end, read_voxels, skip, unpacked
from spinal_tf.images.image_format import ImageFormat, StoredImage, reading, refuse_too_large
from spinal_tf.images.nifti_forms import read_forms
from spinal_tf.images.voxels import real_voxels

MAXIMUM_GZIP_RATIO = 1032
"""Largest compression ratio of deflate (zlib's technical details); a header that claims more is wrong."""

GZIP_LEVEL = 1
"""Fast level: masks are nearly empty and compress well at any level."""

GEOMETRY_FIELDS = frozenset(
    ("sizeof_hdr", "magic", "eol_check", "dim", "pixdim", "xyzt_units")
    + ("qform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z")
    + ("sform_code", "srow_x", "srow_y", "srow_z")
)
"""Header fields copied from an input to an output; names, dates and extensions are dropped."""

_HEADERS = ((Nifti1Header, 344, b"n+1\0"), (Nifti2Header, 4, b"n+2\0\r\n\x1a\n"))
_LONGEST_HEADER = 540


@dataclass(frozen=True)
class NiftiGeometry:
    """A header that holds only the geometry, as `geometry_header` returns it."""

    header: bytes

    def write(self, path: Path, data: np.ndarray) -> None:
        """Write voxels with this header; see `Geometry`."""
        write_nifti(path, data, self.header)


def new_geometry(
    shape: tuple[int, ...], affine: np.ndarray, *, qform_code: int = 1, sform_code: int = 1
) -> NiftiGeometry:
    """Return the geometry of a NIfTI-1 file in millimeters, for an image that was not read from one.

    Args:
        shape: number of voxels along i, j, k.
        affine: (4, 4), voxel index to patient RAS mm; rounded to single precision.
        qform_code: code of the qform; 0 marks it as invalid, as needed for a sheared affine.
        sform_code: code of the sform: the coordinate system that the affine leads to.

    Raises:
        nibabel.spatialimages.HeaderDataError: an axis has more voxels than NIfTI-1 can store.
    """
    header = Nifti1Header()
    header.set_data_shape(shape)
    header.set_qform(affine, code=qform_code)  # sets the spacing, too
    header.set_sform(affine, code=sform_code)
    header.set_xyzt_units("mm")
    return NiftiGeometry(geometry_header(header.binaryblock))


def read_nifti(path: Path) -> StoredImage:
    """Read a .nii or .nii.gz file of three axes, of any byte order, integer or float voxels.

    `read_forms` says where the voxels lie. Bytes behind the end of a gzip file are ignored with a warning.

    Raises:
        VolumeError: not a readable, complete NIfTI file; a size the file cannot hold or above ``MAXIMUM_VOXELS``;
            not three axes (further axes of length 1 are dropped); complex or color voxels; an unusable affine.
    """
    with reading(legible(path.name), zlib.error):
        return _read(path, legible(path.name))


def write_nifti(path: Path, data: np.ndarray, header: bytes) -> None:
    """Write voxels with a header made by ``geometry_header``. The suffix .gz selects gzip, without a time stamp.

    Args:
        path: file to write.
        data: (i, j, k) uint8, int16 or float32, in the file's own axis order.
        header: geometry header, whose NIfTI version and byte order are kept.
    """
    parsed = _parse(header)
    dtype = data.dtype.newbyteorder(parsed.endianness)
    parsed["datatype"] = data_type_codes[dtype]
    parsed["bitpix"] = 8 * dtype.itemsize
    parsed["vox_offset"] = parsed.single_vox_offset
    parsed["scl_slope"] = 1
    padding = bytes(parsed.single_vox_offset - parsed.sizeof_hdr)
    voxels = np.ascontiguousarray(data.T.astype(dtype, copy=False))
    with path.open("wb") as raw:
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile(filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=raw, mtime=0) as stream:
                stream.write(parsed.binaryblock + padding)
                stream.write(voxels.data)
        else:
            raw.write(parsed.binaryblock + padding)
            raw.write(voxels.data)


def geometry_header(header: bytes) -> bytes:
    """Return a header with the fields of ``GEOMETRY_FIELDS`` byte for byte and all other fields zero."""
    parsed = _parse(header)
    fields = parsed.structarr
    for name in set(fields.dtype.names) - GEOMETRY_FIELDS:
        fields[name] = np.zeros_like(fields[name])
    return bytes(parsed.binaryblock)


def _read(path: Path, source: str) -> StoredImage:
    with path.open("rb") as raw:
        start = unpacked(raw).read(_LONGEST_HEADER)
        raw.seek(0)
        stream = unpacked(raw)
        header = _parse(start, source)
        kept = geometry_header(header.binaryblock)
        shape = _three_axes(header, source)
        dtype = _voxel_type(header, source)
        compressed = isinstance(stream.raw, GzipStream)
        offset = _refuse_false_size(header, shape, dtype, source, path.stat().st_size, compressed=compressed)
        forms = read_forms(header, shape, source)
        skip(stream, offset)
        stored = read_voxels(stream, shape, dtype)
        notes = read_to_end(stream, source)
    return StoredImage(
        source=source,
        data=_scaled(stored, header, source),
        affine=forms.affine,
        other_affine=forms.other_affine,
        geometry=NiftiGeometry(kept),
        no_orientation=forms.no_orientation,
        warnings=forms.warnings + notes,
    )


def _parse(start: bytes, source: str = "header") -> Nifti1Header:
    for kind, position, magic in _HEADERS:
        if start[position : position + len(magic)] != magic or len(start) < kind.sizeof_hdr:
            continue
        for endianness in "<>":
            if np.frombuffer(start, f"{endianness}i4", count=1)[0] == kind.sizeof_hdr:
                return kind(start[: kind.sizeof_hdr], endianness, check=False)
    raise VolumeError(f"{source}: {explain_not_image(start, source)}")


def _three_axes(header: Nifti1Header, source: str) -> tuple[int, int, int]:
    sizes = _sizes(header, source)
    if len(sizes) != 3:
        shown = " x ".join(map(str, sizes))
        raise VolumeError(f"{source}: has {len(sizes)} axes ({shown}), not three; give one 3D volume")
    return sizes[0], sizes[1], sizes[2]


def _sizes(header: Nifti1Header, source: str) -> tuple[int, ...]:
    """Return the size of each axis, without axes of length 1 behind the third."""
    axes = int(header["dim"][0])
    sizes = [int(size) for size in header["dim"][1 : axes + 1]]
    if not 1 <= axes <= 7 or min(sizes) < 1:
        raise VolumeError(f"{source}: its header is damaged, the image size makes no sense; export it again")
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes.pop()
    return tuple(sizes)


def _voxel_type(header: Nifti1Header, source: str) -> np.dtype[Any]:
    code = int(header["datatype"])
    known = data_type_codes.dtype
    dtype = known[code] if code in known.keys() else np.dtype(np.void)  # noqa: SIM118, a nibabel DtypeMapper
    if dtype.kind == "c":
        raise VolumeError(f"{source}: has complex voxels; give the magnitude image")
    if dtype.names:
        raise VolumeError(f"{source}: has color (RGB) voxels; give the original grayscale image")
    if dtype.kind not in "iuf":
        raise VolumeError(f"{source}: has voxels of an unknown type (code {code}); export it as integers or floats")
    typed: np.dtype[Any] = dtype.newbyteorder(header.endianness)
    return typed


def _refuse_false_size(
    header: Nifti1Header,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
    source: str,
    file_bytes: int,
    *,
    compressed: bool,
) -> int:
    """Check that the file can hold the voxels, and return their offset in bytes."""
    shown = " x ".join(map(str, shape))
    refuse_too_large(shape, source)
    stated = float(header["vox_offset"])
    offset = max(int(stated), header.single_vox_offset) if math.isfinite(stated) else math.inf
    needed = offset + math.prod(shape) * dtype.itemsize
    if needed > file_bytes * (MAXIMUM_GZIP_RATIO if compressed else 1):
        raise VolumeError(
            f"{source}: is truncated, it is too small for the {shown} voxels in its header; copy it again"
        )
    return int(offset)


def _scaled(stored: np.ndarray, header: Nifti1Header, source: str) -> np.ndarray:
    try:
        slope, intercept = header.get_slope_inter()
    except HeaderDataError as error:
        raise VolumeError(f"{source}: its intensity scaling is not a number; export it again") from error
    return real_voxels(stored, slope=1.0 if slope is None else slope, intercept=intercept or 0.0)


def _read_header(path: Path) -> tuple[tuple[int, ...], np.ndarray, bool]:
    source = legible(path.name)
    with reading(source, zlib.error), path.open("rb") as raw:
        header = _parse(unpacked(raw).read(_LONGEST_HEADER), source)
        shape = _sizes(header, source)
        first, second, third, *_ = (*shape, 1, 1)
        forms = read_forms(header, (first, second, third), source)
    return shape, forms.affine, not forms.no_orientation


def _takes_bytes(start: bytes) -> bool:
    return any(start[position : position + len(magic)] == magic for _, position, magic in _HEADERS)


FORMAT = ImageFormat(suffixes=(".nii.gz", ".nii"), takes_bytes=_takes_bytes, read=read_nifti, read_header=_read_header)
