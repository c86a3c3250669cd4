"""Whether a given mask is an unedited mask of a network, by the records that identify such masks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from spinal_tf.images.image_registry import image_stem
from spinal_tf.report.record import mask_digest

MASK_STEM = "_lesion"
RECORD_ENDINGS = (f"{MASK_STEM}.json", "_prediction.json")
"""Endings of records that identify a network's mask, from ``segment`` and ``evaluate --cohort``."""


def is_automatic(mask: np.ndarray, path: Path, *, scan: Path, folders: Iterable[Path]) -> bool:
    """Return whether a record says that a network drew these voxels, whatever the mask's file is called.

    Args:
        mask: bool, (slice, row, column).
        path: file of the mask; it can be named after another file of the same scan.
        scan: file of the scan.
        folders: folders that may hold the record.
    """
    stems = dict.fromkeys((image_stem(scan), image_stem(path).removesuffix(MASK_STEM)))
    records = {folder / f"{stem}{ending}" for folder in folders for stem in stems for ending in RECORD_ENDINGS}
    return mask_digest(mask) in map(_recorded_digest, records)


def _recorded_digest(record: Path) -> str | None:
    try:
        return str(json.loads(record.read_text(encoding="utf-8"))["mask"]["voxels_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # without a record, the mask cannot be shown to be unedited
