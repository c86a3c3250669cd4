"""What a prediction depends on, as one hash: when it is the same, the prediction need not be made again."""

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
from spinal_tf.prediction.predict_case import PredictionOptions

UNUSED = frozenset(("training", "card", "file"))
"""Entries of a network's record that no result depends on."""


def prediction_key(
    case: Case,
    checkpoints: Sequence[Checkpoint],
    options: PredictionOptions,
    *,
    served: Mapping[str, Served] = MappingProxyType({}),
) -> str:
    """SHA-256 of the bytes of a case's images, of the networks with all that belongs to them, options and version.

    Of networks on a server, what they say of themselves counts as well, and not where they are.

    Args:
        case: to be predicted.
        checkpoints: of the networks.
        options: how.
        served: those of the networks that a server runs, by name.

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
        "networks": networks,
        "options": asdict(options),
        "images": {name: _file_sha256(path) for name, path in images.items() if path},
    }
    return sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
