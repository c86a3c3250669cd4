"""File names as text, whatever bytes a file system holds."""

from __future__ import annotations

import codecs
import os
from typing import TextIO

BYTES_AS_STORED = "spinal_tf.bytes_as_stored"
"""Name of the error handler for streams; see `print_any_name`."""


def legible(name: str) -> str:
    r"""Return a file name for records, pages and pictures.

    A name in another encoding than UTF-8 reaches Python with surrogates, which no UTF-8 file can hold. Its bytes are
    read as UTF-8, and invalid ones appear as ``\xfc``.
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def as_named(text: str) -> str:
    """Return the name under which the file system holds a file that a UTF-8 table names.

    Both are the same, unless Python was told to take the file system for ASCII (``PYTHONUTF8=0`` and ``LC_ALL=C``).
    """
    return os.fsdecode(text.encode("utf-8"))


def print_any_name(*streams: TextIO) -> None:
    r"""Let streams print any text: file names with their own bytes, other signs that an encoding lacks as ``\u2013``.

    Args:
        *streams: text streams; those of other kinds stay as they are.
    """
    codecs.register_error(BYTES_AS_STORED, _bytes_as_stored)
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            encoding = codecs.lookup(stream.encoding).name
            # click would write UTF-8 to an ASCII terminal, too, but with question marks in names.
            stream.reconfigure(encoding="utf-8" if encoding == "ascii" else encoding, errors=BYTES_AS_STORED)


def _bytes_as_stored(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    error.end = error.start + 1  # one sign at a time, since each is either a byte of a name or another sign
    is_byte = 0xDC80 <= ord(error.object[error.start]) <= 0xDCFF
    return codecs.lookup_error("surrogateescape" if is_byte else "backslashreplace")(error)
