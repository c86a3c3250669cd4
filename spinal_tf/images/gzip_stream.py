"""Reading of gzip files with other bytes behind their end."""

from __future__ import annotations

import io
import math
import zlib
from typing import Any

import numpy as np

GZIP_MAGIC = b"\x1f\x8b"

_CHUNK = 2**17
_BUFFER = 2**20
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class GzipStream(io.RawIOBase):
    """The content of a gzip file of one or more members (RFC 1952), with lengths and checksums verified.

    ``gzip.GzipFile`` refuses a file with other bytes behind the last member; here they end the content. Zeros there are
    padding, as for ``gzip``.

    Attributes:
        has_rest: whether other bytes were found behind the end. It is known once the content was read to its end.
    """

    def __init__(self, raw: io.BufferedReader) -> None:
        """Read from a file that stands at the start of the first member."""
        self._raw = raw
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self._waiting = b""
        self._ended = False
        self.has_rest = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as possible; 0 at the end.

        Raises:
            EOFError: the file ends within a member.
            zlib.error: a member is damaged, or fails its checksum.
        """
        data = b""
        while not data and not self._ended:
            data = self._next_data(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _next_data(self, size: int) -> bytes:
        if self._member.eof:
            self._begin_member()
            return b""
        packed = self._waiting or self._raw.read(_CHUNK)
        data = self._member.decompress(packed, size)
        if not packed and not data and not self._member.eof:
            raise EOFError
        self._waiting = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        return data

    def _begin_member(self) -> None:
        waiting = self._waiting.lstrip(b"\0")
        while len(waiting) < len(GZIP_MAGIC) and (more := self._raw.read(_CHUNK)):
            waiting = (waiting + more).lstrip(b"\0")
        self._waiting, self._member = waiting, zlib.decompressobj(_GZIP_WINDOW)
        self._ended = not waiting.startswith(GZIP_MAGIC)
        self.has_rest = self._ended and bool(waiting)


def unpacked(raw: io.BufferedReader) -> io.BufferedReader:
    """Return a stream of the content of a file that stands at its start: gunzipped, or the file itself."""
    packed = raw.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
    return gunzipped(raw) if packed else raw


def gunzipped(raw: io.BufferedReader) -> io.BufferedReader:
    """Return a stream of the content of a gzip file; its ``raw`` is a `GzipStream`."""
    return io.BufferedReader(GzipStream(raw), _BUFFER)


def read_voxels(stream: io.BufferedReader, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Read an array whose first index changes fastest.

    Raises:
        EOFError: the stream ends before.
    """
    content = bytearray(math.prod(shape) * dtype.itemsize)
    if stream.readinto(content) < len(content):
        raise EOFError
    return np.ndarray(shape, dtype, buffer=content, order="F")


def skip(stream: io.BufferedReader, size: int) -> None:
    """Read over a number of bytes, or to the end if there are fewer."""
    while size > 0 and (read := len(stream.read(min(size, _BUFFER)))):
        size -= read


def read_to_end(stream: io.BufferedReader, source: str) -> tuple[str, ...]:
    """Read a gzip file to its end, which verifies its checksum; other files are left where they are.

    Returns:
        A warning if other bytes follow, or an empty tuple.
    """
    if not isinstance(stream.raw, GzipStream):
        return ()
    while stream.read(_BUFFER):
        pass
    return (f"{source}: has other bytes behind its gzip data; they were ignored",) if stream.raw.has_rest else ()
