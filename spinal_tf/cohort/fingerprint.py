"""What tells one image, and one cohort, from another: hashes of content, not of files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from enum import Enum

import numpy as np

from spinal_tf.cohort.case import Case
from spinal_tf.taxonomy import Diagnosis

_LEFT_OUT = frozenset(("row", "extra", "t2", "t1c", "mask"))


def voxel_sha256(data: np.ndarray) -> str:
    """SHA-256 over shape and voxels of an image in the package's array order.

    Compression, axis order, file name and header do not matter, so a copy that was saved again is found.

    Args:
        data: float32 scan or bool mask, (slice, row, column).
    """
    digest = hashlib.sha256(f"{data.dtype} {data.shape}".encode())
    digest.update(np.ascontiguousarray(data).view(np.uint8).data)
    return digest.hexdigest()


def cohort_sha256(cases: Sequence[Case], images: Mapping[str, Mapping[str, str]]) -> str:
    """SHA-256 of what a cohort says and shows.

    The order of rows and columns, where the files lie and how they are compressed do not matter, nor do columns that
    this package does not read.

    Args:
        cases: of the cohort.
        images: for each case by name, the hash of each of its images by column.
    """
    rows = [_canonical(case) | {"images": dict(images[case.name])} for case in cases]
    rows.sort(key=lambda row: str(row["name"]))
    return hashlib.sha256(json.dumps(rows, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _canonical(case: Case) -> dict[str, object]:
    values = {field.name: getattr(case, field.name) for field in fields(case) if field.name not in _LEFT_OUT}
    raters = {column: _plain(value) for column, value in case.raters.items()}
    return {name: _plain(value) for name, value in values.items() if name != "raters"} | {"raters": raters}


def _plain(value: object) -> object:
    if isinstance(value, (Enum, Diagnosis)):
        return value.value
    return value.isoformat() if isinstance(value, date) else value
