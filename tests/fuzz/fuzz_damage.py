"""Seeded damage to files: of bytes, of text and of JSON."""

from __future__ import annotations

import json
import struct
from copy import deepcopy
from random import Random
from typing import Any

NUMBERS = (0, 1, -1, 2, 3, 7, 127, 128, 255, 256, 32767, -32768, 65535, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1)
FLOATS = (0.0, -0.0, 1e-30, 1e30, -1e30, 0.5, float("nan"), float("inf"), float("-inf"))
WORDS = (
    "",
    "-1",
    "0",
    "nan",
    "inf",
    "1e999",
    "9" * 40,
    "none",
    "null",
    '"',
    "'",
    "\0",
    "é",
    "\r",
    "\n\n",
    ";",
    ",",
    "(",
)
VALUES = (None, True, 0, -1, 3, 1e308, 10**30, "", "x", "\0", [], {}, [[]], [None], {"x": None}, "../../x", [1] * 50)
LARGEST = 300_000
HEADER = 600
"""Bytes at the start that are damaged as often as all others together."""


def damaged(rng: Random, content: bytes) -> bytes:
    """Damage a file of bytes in one to six places."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        at = rng.randrange(min(HEADER, len(data)) if data and rng.random() < 0.5 else max(len(data), 1))
        rng.choice((_byte, _number, _number, _float, _cut, _remove, _repeat, _insert))(rng, data, at)
    return bytes(data)


def _byte(rng: Random, data: bytearray, at: int) -> None:
    data[at : at + 1] = bytes([rng.randrange(256)])


def _number(rng: Random, data: bytearray, at: int) -> None:
    size = rng.choice((1, 2, 4, 8))
    value = rng.choice(NUMBERS) & (256**size - 1)
    data[at : at + size] = value.to_bytes(size, rng.choice(("little", "big")))


def _float(rng: Random, data: bytearray, at: int) -> None:
    data[at : at + 4] = struct.pack(rng.choice("<>") + "f", rng.choice(FLOATS))


def _cut(rng: Random, data: bytearray, at: int) -> None:
    del data[at:]


def _remove(rng: Random, data: bytearray, at: int) -> None:
    del data[at : at + rng.choice((1, 4, 100))]


def _repeat(rng: Random, data: bytearray, at: int) -> None:
    data[at:at] = data[at : at + rng.choice((1, 4, 100))] * rng.choice((1, 3))


def _insert(rng: Random, data: bytearray, at: int) -> None:
    data[at:at] = rng.randbytes(rng.choice((1, 4, 100)))


def damaged_text(rng: Random, text: str) -> bytes:
    """Damage a text in one to four tokens or lines, and rarely in its bytes."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        lines = text.splitlines(keepends=True) or [""]
        at = rng.randrange(len(lines))
        lines[at] = rng.choice((_token, _token, _token, _no_line, _twice, _long))(rng, lines[at])
        text = "".join(lines)[:LARGEST]
    content = text.encode("utf-8", errors="surrogateescape")
    return damaged(rng, content) if rng.random() < 0.1 else content


def _token(rng: Random, line: str) -> str:
    separators = [index for index, sign in enumerate(line) if sign in " ,:;()\n"] or [0]
    start = rng.choice(separators)
    end = next((index for index in separators if index > start), len(line))
    return line[: start + 1] + rng.choice(WORDS) + line[end:]


def _no_line(rng: Random, line: str) -> str:
    return ""


def _twice(rng: Random, line: str) -> str:
    return line * 2


def _long(rng: Random, line: str) -> str:
    return line.rstrip("\n") * rng.choice((20, 100)) + "\n"


def damaged_json(rng: Random, record: Any) -> bytes:
    """Replace or remove one to three parts of a JSON record, and rarely damage its text."""
    record = json.loads(json.dumps(record))
    for _ in range(rng.choice((1, 1, 2, 3))):
        holder, key = _place(rng, record)
        if holder is None:
            record = deepcopy(rng.choice(VALUES))
        elif rng.random() < 0.25:
            del holder[key]
        else:
            holder[key] = deepcopy(rng.choice(VALUES))
    text = json.dumps(record)
    return damaged_text(rng, text) if rng.random() < 0.1 else text.encode()


def _place(rng: Random, record: Any) -> tuple[Any, Any]:
    """Return a container within a record and a key of it, deeper ones as likely as others."""
    places: list[tuple[Any, Any]] = [(None, None)]
    waiting = [record]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        places += [(holder, key) for key in keys]
        waiting += [holder[key] for key in keys]
    return rng.choice(places)
