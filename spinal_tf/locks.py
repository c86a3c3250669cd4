"""One process at a time for what is read, changed and written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from spinal_tf.errors import BusyError, OutputError

PATIENCE_SECONDS = 60.0
"""Longest wait for another process to write a file, which takes it seconds."""


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a file while the block runs.

    Readers need no lock, because files are published whole. The lock is a hidden file beside the locked one, and is
    removed with the block. The system frees the lock of a process that was killed; the file it left blocks nobody.

    Args:
        path: file, or folder, that is read, changed and written; its own folder is made where it is missing.
        wait: for `PATIENCE_SECONDS` at most; otherwise a held lock is refused at once, as suits work of hours.

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
        # Removed while it is held: whoever waits notices, and makes a new one.
        with suppress(OSError):
            lock_path.unlink()
        lock.release()
