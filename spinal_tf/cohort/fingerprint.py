"""Fingerprints of images and cohorts: hashes of their content, not of their files."""

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

_LEFT_OUT = frozenset(("row", "extra", "t2", "t1c", "mask", "mask_label", "mask_threshold"))
"""Attributes of a case that are not hashed: images are, as voxels that the last two have turned into a mask."""


def voxel_sha256(data: np.ndarray) -> str:
    """Return the SHA-256 of data type, shape and voxels of an image in the package's array order.

    Compression, axis order, file name and header do not matter, so a copy that was saved again has the same hash.

    Args:
        data: float32 scan or bool mask, (slice, row, column).
    """
    digest = hashlib.sha256(f"{data.dtype} {data.shape}".encode())
    digest.update(np.ascontiguousarray(data).view(np.uint8).data)
    return digest.hexdigest()


def cohort_sha256(cases: Sequence[Case], images: Mapping[str, Mapping[str, str]]) -> str:
    """Return the SHA-256 of the table and images of a cohort.

    The hash does not depend on the order of rows and columns, the place and compression of files, or columns that this
    package does not read.

    Args:
        cases: cases of the cohort.
        images: hashes of the images of each case, by case name and column.
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
