"""File locks, so that only one process at a time reads, changes and writes a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

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
    lock_path = path.with_name(f".spinal-tf-{path.name}.lock")
    lock = FileLock(lock_path, timeout=PATIENCE_SECONDS if wait else 0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        remedy = "wait until that has ended, or choose another folder"
        raise BusyError(f"{path}: another process is writing there; {remedy}") from error
    except OSError as error:
        remedy = "choose another folder or ask for access"
        raise OutputError(f"{path}: cannot be locked for writing ({error.strerror}); {remedy}") from error
    try:
        yield
    finally:
        # Remove it while it is held; waiting processes notice and create a new one.
        with suppress(OSError):
            lock_path.unlink()
        lock.release()
