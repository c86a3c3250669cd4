"""Write outputs completely or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spinal_tf.errors import OutputError

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Errors if no space or no quota is left."""

FAILED_WRITES = FULL_DISK | {errno.EIO, errno.EFBIG}
"""Errors that only occur on writing, whichever file the system names."""

NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
"""Errors if a folder refuses new files."""

NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""Errors on file systems without hard links, such as FAT and some network folders."""

TAKEN = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})
"""Errors if a folder is renamed to a name that is taken."""


def make_folder(folder: Path, *, option: str | None = None) -> None:
    """Create an output folder if it is missing.

    Args:
        folder: folder to create, with its parents.
        option: command-line option that names the folder, if any, for the message.

    Raises:
        OutputError: the folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        how = f" with {option}" if option else ""
        raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose another folder{how}") from error


@contextmanager
def output_files(*paths: Path, overwrite: bool = False) -> Iterator[tuple[Path, ...]]:
    """Write files under temporary names and publish them together when the block ends without error.

    The temporary files already exist and are empty. They are in the same folders, with hidden names and the same
    suffix (including ``.nii.gz``). If the block ends early, even by Ctrl-C, they are removed and no output appears. A
    file replaced by ``overwrite`` stays unchanged until publishing. Without ``overwrite``, a file that another process
    publishes meanwhile is also kept: the block fails, and its own outputs are withdrawn. Deleting a temporary file
    means that its output is not written; with ``overwrite``, an existing output is removed.

    Args:
        *paths: outputs; their folders must exist.
        overwrite: replace existing outputs.

    Yields:
        One temporary path per output, in the same order.

    Raises:
        OutputError: an output exists and ``overwrite`` is not set, a folder is missing or cannot be written to, or
            the disk is full.
    """
    targets = tuple(Path(path) for path in paths)
    temporaries = tuple(_temporary_beside(target) for target in targets)
    try:
        with _plain_errors(targets, temporaries):
            refuse_unusable(targets, overwrite=overwrite)
            for temporary in temporaries:
                temporary.touch(exist_ok=False)
            yield temporaries
            _publish(temporaries, targets, overwrite=overwrite)
    finally:
        for temporary in temporaries:
            # Keep the first error: a read-only folder fails even when a missing file is removed.
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def refuse_unusable(targets: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse outputs that could not be written, before work starts.

    Raises:
        OutputError: an output exists and ``overwrite`` is not set, it is a folder, or its folder is missing.
    """
    for target in targets:
        if not target.parent.is_dir():
            raise OutputError(f"{target}: there is no folder {target.parent}; create it or choose another folder")
        if target.is_dir():
            raise OutputError(
                f"{target}: is a folder, so no file can be written under that name; choose another folder"
            )
        if os.path.lexists(target) and not overwrite:
            raise _kept(target)


def _temporary_beside(target: Path) -> Path:
    suffix = ".nii.gz" if target.name.lower().endswith(".nii.gz") else target.suffix
    return target.with_name(f".spinal-tf-{secrets.token_hex(6)}{suffix}")


@contextmanager
def _plain_errors(targets: tuple[Path, ...], temporaries: tuple[Path, ...]) -> Iterator[None]:
    target_of = dict(zip(targets + temporaries, targets * 2, strict=True))
    try:
        yield
    except OSError as error:
        named = target_of.get(Path(os.fsdecode(error.filename))) if isinstance(error.filename, (str, bytes)) else None
        if named is None and error.errno not in FAILED_WRITES:
            raise
        target = named or targets[0]
        raise OutputError(_sentence(error, target)) from error


def _sentence(error: OSError, target: Path) -> str:
    if error.errno in FULL_DISK:
        return f"{target}: the disk is full, nothing was written; free some space or choose another folder"
    if error.errno in NOT_ALLOWED:
        return f"{target}: the folder {target.parent} cannot be written to; choose another folder or ask for access"
    return f"{target}: cannot be written ({error.strerror}); choose another folder"


def _kept(target: Path) -> OutputError:
    remedy = "add --overwrite to replace it, or choose another folder"
    return OutputError(f"{target}: already exists and was kept; {remedy}")


def _publish(temporaries: tuple[Path, ...], targets: tuple[Path, ...], *, overwrite: bool) -> None:
    written = {temporary: target for temporary, target in zip(temporaries, targets, strict=True) if temporary.exists()}
    for temporary in written:
        _flush_to_disk(temporary)
    # Check again: another process may have published there meanwhile.
    refuse_unusable(targets, overwrite=overwrite)
    new = {target: temporary.lstat() for temporary, target in written.items() if not os.path.lexists(target)}
    publish = Path.replace if overwrite else _publish_new
    try:
        for temporary, target in written.items():
            publish(temporary, target)
        for target in set(targets).difference(written.values()):
            target.unlink(missing_ok=True)
    except BaseException:
        for target, ours in new.items():
            _withdraw(target, ours)
        raise


def _publish_new(temporary: Path, target: Path) -> None:
    """Link a file to its final name, failing if it exists; checking first would leave a gap for another process."""
    try:
        os.link(temporary, target)
    except FileExistsError as error:
        raise _kept(target) from error
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        _replace_reserved(temporary, target)


def _replace_reserved(temporary: Path, target: Path) -> None:
    """Publish without hard links; readers can see an empty file for a moment."""
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError as error:
        raise _kept(target) from error
    try:
        temporary.replace(target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _withdraw(target: Path, ours: os.stat_result) -> None:
    """Remove an output of this block, but not a file that another process put there."""
    with suppress(OSError):
        if os.path.samestat(target.lstat(), ours):
            target.unlink()


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Fill a folder under a temporary name and publish it as a whole when the block ends without error.

    Args:
        target: folder that does not exist or is empty; its parents are created.

    Yields:
        An empty folder beside the target, with a hidden name. It is removed if the block ends early.

    Raises:
        FileExistsError: the target exists, perhaps because another process published it meanwhile.
        OSError: a file or folder cannot be written.
    """
    temporary = _temporary_beside(target)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for path in temporary.rglob("*"):
            if path.is_file():
                _flush_to_disk(path)
        _rename_folder(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def temporary_folder(*, needed_bytes: int = 0) -> Iterator[Path]:
    """Yield a folder for files that are no outputs; it is removed when the block ends.

    Args:
        needed_bytes: size of files that libraries write, whose errors on a full disk take more than a sentence.

    Raises:
        OutputError: it cannot be made, or a file in it cannot be written; the message names the folder it lies in.
    """
    try:
        made = tempfile.TemporaryDirectory()
    except OSError as error:
        raise OutputError("no folder takes temporary files; name one that does in TMPDIR") from error
    with made as name:
        if shutil.disk_usage(name).free < needed_bytes:
            raise _no_room(Path(name).parent)
        try:
            yield Path(name)
        except (OSError, OutputError) as error:
            # A failed write to an open file names no file; outputs elsewhere have errors of `output_files`.
            if name not in str(error) and not (isinstance(error, OSError) and error.errno in FAILED_WRITES):
                raise
            raise _no_room(Path(name).parent) from error


def _no_room(folder: Path) -> OutputError:
    return OutputError(
        f"{folder}: cannot take temporary files, its disk may be full; free some space there, or name another folder "
        "in TMPDIR"
    )


def _rename_folder(temporary: Path, target: Path) -> None:
    try:
        temporary.rename(target)
    except OSError as error:
        if error.errno not in TAKEN:
            raise
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error


def _flush_to_disk(path: Path) -> None:
    # On network folders and with quotas, a full disk is only reported here.
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
