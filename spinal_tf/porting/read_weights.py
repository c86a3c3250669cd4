"""Read any weights file; the format is detected from its first bytes, not from its name."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from spinal_tf.errors import PortError
from spinal_tf.own_process import EndedError, run_apart
from spinal_tf.porting.archive import read_archive
from spinal_tf.porting.hdf5 import read_hdf5
from spinal_tf.porting.savedmodel import GRAPH_FILE, read_savedmodel
from spinal_tf.porting.weights_source import Source

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read_source(path: Path) -> Source:
    """Read a weights file; no Python code in it is executed.

    Args:
        path: .h5 file, .keras file, or folder of a SavedModel.

    Raises:
        PortError: the file is none of these, damaged, or of another network.
    """
    if path.is_dir():
        if not (path / GRAPH_FILE).is_file():
            raise PortError(f"{path}: a folder without {GRAPH_FILE}, so not a SavedModel; choose the folder it lies in")
        return read_savedmodel(path)
    try:
        with path.open("rb") as file:
            start = file.read(len(HDF5_SIGNATURE))
    except OSError as error:
        raise PortError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if start == HDF5_SIGNATURE:
        return _apart(read_hdf5, path)
    if zipfile.is_zipfile(path):
        return _apart(read_archive, path)
    raise PortError(
        f"{path}: neither HDF5, a .keras archive nor a SavedModel, or cut short; copy it again or save the model again"
    )


def _apart(read: Callable[[Path], Source], path: Path) -> Source:
    try:
        return run_apart(partial(read, path))
    except EndedError as error:
        raise PortError(
            f"{path}: cannot be read (the reader ended: {error}), it may be cut short or damaged; copy it again"
        ) from error


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file; of a folder, over its files in order of their names."""
    files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                total.update(block)
    return total.hexdigest()
