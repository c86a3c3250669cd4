"""Arrays of many cases on disk, read where they lie: made once for each cohort and preprocessing."""

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

FORMAT = 5
"""Version of the layout and of what is stored; part of every key."""

INDEX = "index.json"

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One case to be stored.

    Attributes:
        facts: what is kept beside its arrays, as JSON can hold it.
        arrays: by name; of each name the type and the number of axes are the same in all cases.
    """

    facts: dict[str, Any]
    arrays: Arrays


def cache_key(**parts: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    """SHA-256 of all that decides what a cache holds, its own format included."""
    text = json.dumps({"format": FORMAT, **parts}, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def open_cache(folder: Path, key: str, entries: Callable[[], Iterable[Entry]]) -> list[Entry]:
    """Open a cache; where there is none of that key, or a damaged one, make it.

    Each key has a folder of its own, which appears whole and never changes, so that several processes can share them.

    Args:
        folder: where it lies; the beginning of the key is added to its name.
        key: from `cache_key`.
        entries: gives the cases in order, asked only where the cache is made.

    Returns:
        The cases in that order; the arrays are read-only and come from the disk when they are looked at.

    Raises:
        OutputError: the cache cannot be written; nothing of it is left then.
    """
    own = folder.with_name(f"{folder.name}-{key[:16]}")
    if not _is_sound(own, key):
        if own.exists():
            _remove_damaged(own, key)
        _make(own, key, entries)
    return _read(own)


def _is_sound(folder: Path, key: str) -> bool:
    """Whether a cache of that key is there, with all its bytes."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        sizes = {path.name: path.stat().st_size for path in folder.glob("*.bin")}
    except (OSError, ValueError):
        return False
    return isinstance(index, dict) and index.get("key") == key and index.get("sizes") == sizes


def _remove_damaged(folder: Path, key: str) -> None:
    """Whoever has it open keeps its files, under no name."""
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
        pass  # another process made it meanwhile


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
    # A file without a byte cannot be mapped.
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
