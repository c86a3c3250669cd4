"""Reads an image of any format."""

from __future__ import annotations

import zlib
from pathlib import Path

from spinal_tf.file_names import legible
from spinal_tf.images.file_types import refuse_not_a_file
from spinal_tf.images.gzip_stream import unpacked
from spinal_tf.images.image_format import FIRST_BYTES, ImageFormat, StoredImage, reading
from spinal_tf.images.image_registry import image_formats, image_suffix


def read_image(path: Path) -> StoredImage:
    """Read an image of any registered format.

    Args:
        path: file, or folder of a format that stores folders.

    Raises:
        VolumeError: the path is not such an image, or the image is damaged or unsuitable; see `ImageFormat`.
    """
    return format_of(path).read(path)


def format_of(path: Path) -> ImageFormat:
    """Return the format of an image by its content, else by its name.

    Raises:
        VolumeError: there is no such file, or it cannot be read.
    """
    with reading(legible(path.name)):
        chosen = _format_of_folder(path)
        if chosen is None:
            refuse_not_a_file(path)
            chosen = _format_of_file(path, _first_bytes(path))
    return chosen


def _format_of_folder(path: Path) -> ImageFormat | None:
    return next((known for known in image_formats() if known.takes_folder(path)), None) if path.is_dir() else None


def _format_of_file(path: Path, start: bytes) -> ImageFormat:
    """Return the format by first bytes, else by name, else the first one, whose reader explains what the file is."""
    formats = list(image_formats())
    by_name = (known for known in formats if image_suffix(path).lower() in known.suffixes)
    return next((known for known in formats if known.takes_bytes(start)), None) or next(by_name, formats[0])


def _first_bytes(path: Path) -> bytes:
    """Return a file's first bytes, gunzipped; empty if the compressed stream is damaged, which the reader reports."""
    with path.open("rb") as raw:
        try:
            return unpacked(raw).read(FIRST_BYTES)
        except (EOFError, zlib.error):
            return b""
