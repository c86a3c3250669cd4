"""A version's folder as TensorFlow Serving reads it: the SavedModel and its files in ``assets.extra``."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

from spinal_tf.serving.messages import predict_request, prediction_log
from spinal_tf.serving.signature import Signature

EXTRA = "assets.extra"
WARM_UP = "tf_serving_warmup_requests"
"""File name that TensorFlow Serving looks for (servables/tensorflow/saved_model_warmup_util.h)."""

DESCRIPTION, SUMS = "signature.json", "SHA256SUMS"


def write_saved_model(folder: Path, signatures: Sequence[Signature], variables: Sequence[tf.Variable]) -> None:
    """Write signatures and weights.

    Args:
        folder: folder to create.
        signatures: signatures to trace.
        variables: all variables that the signatures read.
    """
    module = tf.Module()
    module.weights = list(variables)
    graphs = {signature.name: signature.trace() for signature in signatures}
    # The graphs already contain the gradients that a server needs.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    with _plain_errors(folder):
        tf.saved_model.save(module, str(folder), signatures=graphs, options=options)


@contextmanager
def _plain_errors(folder: Path) -> Iterator[None]:
    """Raise the error of a full disk as Python does; TensorFlow has one kind for that and for used-up memory."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        full = os.strerror(errno.ENOSPC)
        if full not in str(error):
            raise
        raise OSError(errno.ENOSPC, full, str(folder)) from error


def write_extra(folder: Path, description: Mapping[str, Any], cards: Mapping[str, str]) -> None:
    """Write the description and the model cards beside the graphs.

    Args:
        folder: folder of the version.
        description: JSON-serializable record.
        cards: text by file name.
    """
    extra = folder / EXTRA
    extra.mkdir(exist_ok=True)
    for name, text in cards.items():
        (extra / name).write_text(text, encoding="utf-8")
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    (extra / DESCRIPTION).write_text(text, encoding="utf-8")


def write_warm_up(folder: Path, model: str, signatures: Sequence[Signature]) -> None:
    """Write one request for each signature. A server replays them before a version becomes available."""
    (folder / EXTRA).mkdir(exist_ok=True)
    with _plain_errors(folder), tf.io.TFRecordWriter(str(folder / EXTRA / WARM_UP)) as writer:
        for signature in signatures:
            request = predict_request(signature.sample, model=model, signature=signature.name)
            writer.write(prediction_log(request).SerializeToString(deterministic=True))


def write_sums(folder: Path) -> None:
    """Write the SHA-256 of every file, as ``sha256sum --check assets.extra/SHA256SUMS`` reads it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / EXTRA / SUMS).write_text("".join(lines), encoding="utf-8")


def folder_bytes(folder: Path) -> int:
    """Return the total size of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
