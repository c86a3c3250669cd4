"""File locks, so that only one process at a time reads, changes and writes a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from spinal_tf.errors import BusyError, OutputError

PATIENCE_SECONDS = 60.0
"""Maximum wait for another process to write a file, which usually takes seconds."""


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a file while the block runs.

    Readers need no lock, because files are published as a whole. The lock is a hidden file beside the locked one; it is
    removed after the block. The system releases the lock of a killed process, so a leftover lock file blocks nobody.

    Args:
        path: file or folder to lock; its parent folder is created if missing.
        wait: wait up to `PATIENCE_SECONDS`; otherwise raise at once if the lock is held, which suits work of hours.

    Raises:
        BusyError: another process holds the lock.
        OutputError: the folder cannot be written to.
    """
    lock = FileLock(_lock_path(path), timeout=PATIENCE_SECONDS if wait else 0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        remedy = "wait until that has ended, or choose another folder"
        raise BusyError(f"{path}: another process is writing there; {remedy}") from error
    except OSError as error:
        remedy = "choose another folder or ask for access"
        raise OutputError(f"{path}: cannot be locked for writing ({error.strerror}); {remedy}") from error
    with _held(lock):
        yield


@contextmanager
def locked_if_possible(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a file while the block runs, or run it without where no lock can be made.

    Some network folders have no locks, and a folder that takes no lock takes no output either, which whoever writes
    it says better. Locks that would outlive a killed process are not used.

    Args:
        path: file to lock; its folder must exist.
        wait: wait up to `PATIENCE_SECONDS`; otherwise raise at once if the lock is held.

    Raises:
        BusyError: another process holds the lock.
    """
    lock = FileLock(_lock_path(path), timeout=PATIENCE_SECONDS if wait else 0, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise BusyError(f"{path}: another process is writing there; wait until that has ended") from error
    except OSError:
        with suppress(OSError):
            _lock_path(path).unlink()
    with _held(lock) if lock.is_locked else nullcontext():
        yield


def _lock_path(path: Path) -> Path:
    return path.with_name(f".spinal-tf-{path.name}.lock")


@contextmanager
def _held(lock: BaseFileLock) -> Iterator[None]:
    try:
        yield
    finally:
        # Remove it while it is held; waiting processes notice and create a new one.
        with suppress(OSError):
            Path(lock.lock_file).unlink()
        lock.release()
