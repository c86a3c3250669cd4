"""TensorFlow without its messages on start-up."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from spinal_tf.errors import SpinalTfError


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what native code prints to standard error; shown after all when something unforeseen fails inside.

    TensorFlow's libraries write there before any of their own settings can be heeded.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except SpinalTfError:
            raise  # its one sentence says it all
        except Exception:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
