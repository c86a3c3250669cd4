"""Hash of everything that a prediction depends on; a stored prediction with the same hash is reused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import spinal_tf
from spinal_tf.checkpoints.manifest import Checkpoint
from spinal_tf.cohort.case import Case
from spinal_tf.models import Served
from spinal_tf.prediction.predict_case import mask_values
from spinal_tf.prediction_options import PredictionOptions

UNUSED = frozenset(("training", "card", "file"))
"""Entries of a network's record that do not affect results."""


READING = 2
"""Version of how images are read and prepared; incremented when the same image may give other intensities."""


def prediction_key(
    case: Case,
    checkpoints: Sequence[Checkpoint],
    options: PredictionOptions,
    *,
    served: Mapping[str, Served] = MappingProxyType({}),
) -> str:
    """Return the SHA-256 of a case's image bytes, the networks' records, the options and two versions.

    The versions are those of the package and of reading. For networks on a server, the key also includes precision and
    exporting version, but not the address.

    Args:
        case: case to predict.
        checkpoints: checkpoints of the networks.
        options: options of the prediction.
        served: descriptions of the networks that a server runs, by name.

    Raises:
        OSError: an image cannot be read.
    """
    images = {"t2": case.t2, "t1c": case.t1c, "mask": case.mask}
    networks = {
        checkpoint.name: {name: value for name, value in checkpoint.to_dict().items() if name not in UNUSED}
        for checkpoint in checkpoints
    }
    for name, one in served.items():
        networks[name] |= {"precision": one.precision, "written_by": one.written_by}
    record = {
        "version": spinal_tf.__version__,
        "reading": READING,
        "networks": networks,
        "options": asdict(options),
        "mask_values": asdict(mask_values(case, options)),
        "images": {name: _file_sha256(path) for name, path in images.items() if path},
    }
    return sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
