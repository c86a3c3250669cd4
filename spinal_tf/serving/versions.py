"""Numbered versions of a model: ``MODELS/NAME/VERSION``, each written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from spinal_tf.errors import BusyError, OutputError
from spinal_tf.files import FULL_DISK, new_folder
from spinal_tf.locks import locked


def next_version(folder: Path) -> int:
    """Return the highest version in a model's folder plus 1, or 1 if the folder has no version."""
    if not folder.is_dir():
        return 1
    return 1 + max((int(path.name) for path in folder.iterdir() if _is_version(path.name)), default=0)


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit()


def require_free(models: Path, name: str, version: int | None) -> None:
    """Check that a version does not exist yet, before any work for it starts.

    Args:
        models: folder of all models.
        name: name of the model.
        version: version number; None stands for the next free one and always passes.

    Raises:
        OutputError: the version exists.
    """
    if version is not None:
        _refuse_existing(models / name / str(version))


@contextmanager
def new_version(models: Path, name: str, version: int | None) -> Iterator[tuple[Path, Path]]:
    """Fill a folder under a temporary name, which a server ignores, and publish it if the block succeeds.

    Args:
        models: folder of all models, created if needed.
        name: name of the model.
        version: version number; None takes the next free one and reserves it against other processes.

    Yields:
        An empty temporary folder and its final path.

    Raises:
        OutputError: the version exists or is being written, the folder cannot be written to, or the disk is full.
    """
    require_free(models, name, version)
    with _reserved(models / name, version) as target:
        try:
            with new_folder(target) as temporary:
                yield temporary, target
        except FileExistsError as error:
            raise _kept(target) from error
        except OSError as error:
            raise OutputError(f"{target}: {_fault(error)} choose another folder") from error


@contextmanager
def _reserved(folder: Path, version: int | None) -> Iterator[Path]:
    """Yield the locked path of a version; for None, the first one that no other process is writing."""
    if version is not None:
        with locked(folder / str(version), wait=False):
            yield folder / str(version)
        return
    with ExitStack() as stack:
        numbered = (folder / str(number) for number in count(next_version(folder)))
        yield next(target for target in numbered if _is_ours(target, stack))


def _is_ours(target: Path, stack: ExitStack) -> bool:
    """Lock a version, and return whether it is new and no other process is writing it."""
    try:
        stack.enter_context(locked(target, wait=False))
    except BusyError:
        return False
    return not os.path.lexists(target)


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise _kept(target)


def _kept(target: Path) -> OutputError:
    return OutputError(f"{target}: this version exists and was kept; leave out --version to take the next free number")


def _fault(error: OSError) -> str:
    if error.errno in FULL_DISK:
        return "the disk is full, nothing was written; free some space or"
    return f"cannot be written ({error.strerror});"
