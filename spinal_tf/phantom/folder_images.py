"""Errors about images that are found in a folder by their names, which are the same in every folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spinal_tf.errors import VolumeError


@contextmanager
def images_of(folder: Path) -> Iterator[None]:
    """Let errors about images begin with their folder.

    Raises:
        VolumeError: in place of an error that begins with the name of an image.
    """
    try:
        yield
    except VolumeError as error:
        raise VolumeError(f"{folder}/{error}") from error
