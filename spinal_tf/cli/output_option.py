"""The option that chooses the folder of outputs, named in errors about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from spinal_tf.errors import OutputError

ADVICE = re.compile(r"choose another folder(?! with | for )")
"""Advice of errors that does not say yet how."""


@contextmanager
def output_option(option: str) -> Iterator[None]:
    """Let errors that advise to choose another folder name the option for that.

    Outputs often have names and folders that the user did not type, and the modules that write them know no options.

    Raises:
        OutputError: the same error with the option in its sentence.
    """
    try:
        yield
    except OutputError as error:
        error.args = (ADVICE.sub(f"choose another folder with {option}", str(error)),)
        raise
