"""The formats of images that are read. A new one takes a module with a `FORMAT`, and a line here."""

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
"""Modules whose `FORMAT` is an `ImageFormat`. What none of them takes, the first one reads, and says what it is."""

RESULT_SUFFIX = ".nii.gz"
"""Of the images that are written, whatever was read."""


def image_formats() -> Iterator[ImageFormat]:
    """All formats, in the order in which they are asked."""
    for module in FORMATS:
        found: ImageFormat = import_module(module).FORMAT
        yield found


def image_suffix(path: Path) -> str:
    """The ending that makes a file an image, as it is written there; empty if there is none."""
    name = path.name.lower()
    endings = [suffix for known in image_formats() for suffix in known.suffixes if name.endswith(suffix)]
    longest = max(endings, key=len, default="")
    return path.name[len(path.name) - len(longest) :]


def is_image(path: Path) -> bool:
    """Whether a file is an image by its name, or a folder by what is in it."""
    return bool(image_suffix(path)) or (path.is_dir() and any(known.takes_folder(path) for known in image_formats()))


def is_scan(path: Path) -> bool:
    """Whether it is an image that may be a scan: not one of those that hold masks alone."""
    masks = {suffix for known in image_formats() for suffix in known.mask_suffixes}
    return is_image(path) and image_suffix(path).lower() not in masks


def find_images(folder: Path, pattern: str) -> list[Path]:
    """The images in a folder whose name without the ending matches a pattern such as ``t2_cord*``."""
    return [
        path
        for path in (sorted(folder.iterdir()) if folder.is_dir() else ())
        if is_image(path) and fnmatchcase(path.name.removesuffix(image_suffix(path)), pattern)
    ]


def suffixes_in_words() -> str:
    """The endings of all files that may be scans, for messages: ``.nii or .nii.gz``."""
    *most, last = sorted({end for known in image_formats() for end in known.suffixes if end not in known.mask_suffixes})
    return f"{', '.join(most)} or {last}" if most else last
