"""Cache of the arrays of many cases on disk, memory-mapped; made once per cohort and preprocessing."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from spinal_tf.errors import OutputError
from spinal_tf.files import FAILED_WRITES, FULL_DISK, NOT_ALLOWED, new_folder
from spinal_tf.locks import locked

FORMAT = 6
"""Version of the layout and content; part of every key."""

INDEX = "index.json"

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Stored record of one case.

    Attributes:
        facts: JSON-serializable values stored beside the arrays.
        arrays: arrays by name; the arrays of one name have the same dtype and number of axes in all cases.
    """

    facts: dict[str, Any]
    arrays: Arrays


def cache_key(**parts: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    """Return the SHA-256 of everything that determines the cache's content, including its format."""
    text = json.dumps({"format": FORMAT, **parts}, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def open_cache(folder: Path, key: str, entries: Callable[[], Iterable[Entry]]) -> list[Entry]:
    """Open the cache of a key; make it if it is missing or damaged.

    Each key has its own folder, which appears complete and never changes, so that several processes can share it.

    Args:
        folder: location of the cache; the first digits of the key are appended to its name.
        key: key from `cache_key`.
        entries: function that yields the cases in order; called only if the cache must be made.

    Returns:
        The cases in that order; the arrays are read-only and loaded from disk on access.

    Raises:
        OutputError: the cache cannot be written; no partial cache remains.
    """
    own = folder.with_name(f"{folder.name}-{key[:16]}")
    if not _is_sound(own, key):
        if own.exists():
            _remove_damaged(own, key)
        _make(own, key, entries)
    return _read(own)


def _is_sound(folder: Path, key: str) -> bool:
    """Return whether a complete cache of this key exists."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        sizes = {path.name: path.stat().st_size for path in folder.glob("*.bin")}
    except (OSError, ValueError):
        return False
    return isinstance(index, dict) and index.get("key") == key and index.get("sizes") == sizes


def _remove_damaged(folder: Path, key: str) -> None:
    """Delete a damaged cache; processes that have it open keep access to its files."""
    with locked(folder), _plain_errors(folder):
        if folder.exists() and not _is_sound(folder, key):
            shutil.rmtree(folder)


def _make(folder: Path, key: str, entries: Callable[[], Iterable[Entry]]) -> None:
    try:
        with _plain_errors(folder), new_folder(folder) as new:
            cases = list(_written(new, entries()))
            sizes = {path.name: path.stat().st_size for path in sorted(new.glob("*.bin"))}
            index = {"key": key, "sizes": sizes, "cases": cases}
            (new / INDEX).write_text(json.dumps(index) + "\n", encoding="utf-8")
    except FileExistsError:
        pass  # another process has made it meanwhile


def _written(new: Path, entries: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        files: dict[str, IO[bytes]] = {}
        for entry in entries:
            for name in entry.arrays.keys() - files.keys():
                files[name] = stack.enter_context((new / f"{name}.bin").open("wb"))
            places = {name: _append(files[name], array) for name, array in entry.arrays.items()}
            yield {"facts": entry.facts, "arrays": places}
        for file in files.values():
            file.flush()


def _append(file: IO[bytes], array: np.ndarray) -> dict[str, Any]:
    start = file.tell()
    file.write(np.ascontiguousarray(array).data)
    return {"start": start, "shape": array.shape, "dtype": array.dtype.str}


def _read(folder: Path) -> list[Entry]:
    cases = json.loads((folder / INDEX).read_text(encoding="utf-8"))["cases"]
    names = sorted({name for case in cases for name in case["arrays"]})
    maps = {name: _mapped(folder / f"{name}.bin") for name in names}
    return [
        Entry(
            facts=case["facts"],
            arrays={name: _view(maps[name], place) for name, place in case["arrays"].items()},
        )
        for case in cases
    ]


def _mapped(path: Path) -> np.ndarray:
    # An empty file cannot be memory-mapped.
    return np.memmap(path, np.uint8, mode="r") if path.stat().st_size else np.zeros(0, np.uint8)


def _view(data: np.ndarray, place: Mapping[str, Any]) -> np.ndarray:
    dtype, shape = np.dtype(place["dtype"]), tuple(place["shape"])
    size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    part = data[place["start"] : place["start"] + size].view(np.ndarray)
    return np.asarray(part.view(dtype)).reshape(shape)


@contextmanager
def _plain_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL_DISK:
            fault = "the disk is full, nothing was kept; free some space or choose another folder with --cache"
        elif error.errno in NOT_ALLOWED | FAILED_WRITES | {errno.ENOTDIR}:
            fault = f"cannot be written ({error.strerror}); choose another folder with --cache"
        else:
            raise
        raise OutputError(f"{folder}: {fault}") from error
