"""Arrays of many cases on disk, read where they lie: made once for a cohort, noticed when they belong to another."""

from __future__ import annotations

import errno
import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from spinal_tf.errors import OutputError
from spinal_tf.files import FAILED_WRITES, FULL_DISK, NOT_ALLOWED

FORMAT = 5
"""Version of the layout and of what is stored; a cache of another one is made anew."""

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
    """Open a cache; where there is none, or one with another key, make it.

    Args:
        folder: of this cache alone; it is replaced whole.
        key: from `cache_key`.
        entries: gives the cases in order, asked only where the cache is made.

    Returns:
        The cases in that order; the arrays are read-only and come from the disk when they are looked at.

    Raises:
        OutputError: the cache cannot be written; nothing of it is left then.
    """
    if not _is_sound(folder, key):
        _make(folder, key, entries)
    return _read(folder)


def _is_sound(folder: Path, key: str) -> bool:
    """Whether a cache of that key is there, with all its bytes."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        sizes = {path.name: path.stat().st_size for path in folder.glob("*.bin")}
    except (OSError, ValueError):
        return False
    return isinstance(index, dict) and index.get("key") == key and index.get("sizes") == sizes


def _make(folder: Path, key: str, entries: Callable[[], Iterable[Entry]]) -> None:
    new = folder.with_name(f".spinal-tf-{secrets.token_hex(6)}")
    with _plain_errors(folder):
        new.mkdir(parents=True)
    try:
        cases = list(_written(new, folder, entries()))
        sizes = {path.name: path.stat().st_size for path in sorted(new.glob("*.bin"))}
        index = {"key": key, "sizes": sizes, "cases": cases}
        with _plain_errors(folder):
            (new / INDEX).write_text(json.dumps(index) + "\n", encoding="utf-8")
            _replace(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _replace(new: Path, folder: Path) -> None:
    """Another training may still read the old cache: its files stay open under no name until it ends."""
    if folder.exists():
        old = folder.with_name(f"{new.name}-old")
        folder.replace(old)
        new.replace(folder)
        shutil.rmtree(old)
    else:
        new.replace(folder)


def _written(new: Path, folder: Path, entries: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        files: dict[str, IO[bytes]] = {}
        for entry in entries:
            with _plain_errors(folder):
                for name in entry.arrays.keys() - files.keys():
                    files[name] = stack.enter_context((new / f"{name}.bin").open("wb"))
                places = {name: _append(files[name], array) for name, array in entry.arrays.items()}
            yield {"facts": entry.facts, "arrays": places}
        with _plain_errors(folder):
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
        elif error.errno in NOT_ALLOWED | FAILED_WRITES | {errno.ENOTDIR, errno.EEXIST}:
            fault = f"cannot be written ({error.strerror}); choose another folder with --cache"
        else:
            raise
        raise OutputError(f"{folder}: {fault}") from error
