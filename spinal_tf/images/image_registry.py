"""Registry of the readable image formats. A new format needs a module with a `FORMAT`, and a line here."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path

from spinal_tf.images.image_format import ImageFormat

FORMATS = [
    "spinal_tf.images.nifti",
    "spinal_tf.images.nrrd_image",
]
"""Modules whose `FORMAT` is an `ImageFormat`. The first one gets unrecognized files, and explains what they are."""

RESULT_SUFFIX = ".nii.gz"
"""Suffix of written images, whatever format was read."""


def image_formats() -> Iterator[ImageFormat]:
    """Yield all formats, in the order in which they are tried."""
    for module in FORMATS:
        found: ImageFormat = import_module(module).FORMAT
        yield found


def image_suffix(path: Path) -> str:
    """Return the image ending of a file name, in the case in which it is written; empty if it has none."""
    name = path.name.lower()
    endings = [suffix for known in image_formats() for suffix in known.suffixes if name.endswith(suffix)]
    longest = max(endings, key=len, default="")
    return path.name[len(path.name) - len(longest) :]


def image_stem(path: Path) -> str:
    """Return a file name without its image ending."""
    return path.name.removesuffix(image_suffix(path))


def is_image(path: Path) -> bool:
    """Return whether a path is an image: a file by its name, a folder by its content."""
    return bool(image_suffix(path)) or (path.is_dir() and any(known.takes_folder(path) for known in image_formats()))


def is_scan(path: Path) -> bool:
    """Return whether a path is an image that may be a scan, because its format is not only for masks."""
    masks = {suffix for known in image_formats() for suffix in known.mask_suffixes}
    return is_image(path) and image_suffix(path).lower() not in masks


def find_images(folder: Path, pattern: str) -> list[Path]:
    """Return the images in a folder whose name without the ending matches a pattern such as ``t2_cord*``."""
    return [
        path
        for path in (sorted(folder.iterdir()) if folder.is_dir() else ())
        if is_image(path) and fnmatchcase(image_stem(path), pattern)
    ]


def suffixes_in_words() -> str:
    """Return the endings of all files that may be scans, for messages: ``.nii or .nii.gz``."""
    *most, last = sorted({end for known in image_formats() for end in known.suffixes if end not in known.mask_suffixes})
    return f"{', '.join(most)} or {last}" if most else last
