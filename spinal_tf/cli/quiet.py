"""Suppresses TensorFlow's messages on start-up."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from spinal_tf.errors import SpinalTfError


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back output of native code on standard error, and show it if an unforeseen error occurs inside.

    TensorFlow's libraries write there before any of their own settings take effect.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except SpinalTfError:
            raise  # its own message is sufficient
        except Exception:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
