"""Numbered versions of a model: ``MODELS/NAME/VERSION``, each of which appears whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spinal_tf.errors import OutputError
from spinal_tf.files import FULL_DISK

TEMPORARY = ".spinal-tf-"
"""Begins the name of an unfinished version; a server looks at names that are numbers only."""


def next_version(folder: Path) -> int:
    """One more than the highest version in a model's folder, 1 where there is none."""
    if not folder.is_dir():
        return 1
    return 1 + max((int(path.name) for path in folder.iterdir() if _is_version(path.name)), default=0)


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit()


def require_free(models: Path, name: str, version: int | None) -> None:
    """Check that a version does not exist, before any work is done for it.

    Args:
        models: folder of all models.
        name: of the model.
        version: its number; None, the next free one, is always free.

    Raises:
        OutputError: it exists.
    """
    if version is not None:
        _refuse_existing(models / name / str(version))


@contextmanager
def new_version(models: Path, name: str, version: int | None) -> Iterator[tuple[Path, Path]]:
    """Fill a folder under a temporary name and move it into place when the block ends well.

    Args:
        models: folder of all models, made if needed.
        name: of the model.
        version: its number; None takes the next free one.

    Yields:
        An empty temporary folder, and the place where it will stand.

    Raises:
        OutputError: that version exists, the folder cannot be written to, or the disk is full.
    """
    require_free(models, name, version)
    folder = models / name
    target = folder / str(next_version(folder) if version is None else version)
    temporary = folder / f"{TEMPORARY}{secrets.token_hex(6)}"
    try:
        with _plain_errors(target):
            temporary.mkdir(parents=True)
            yield temporary, target
            _refuse_existing(target)  # once more: another export may have been faster
            _flush(temporary)
            temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise OutputError(
            f"{target}: this version exists and was kept; leave out --version to take the next free number"
        )


@contextmanager
def _plain_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL_DISK:
            what = "the disk is full, nothing was written; free some space or choose another folder"
        elif error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            what = "this version was written by another process meanwhile, and was kept; export again"
        else:
            what = f"cannot be written ({error.strerror}); choose another folder"
        raise OutputError(f"{target}: {what}") from error


def _flush(folder: Path) -> None:
    # A server may take the version in the moment it has its name; its bytes must be on the disk by then.
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
