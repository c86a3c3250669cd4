"""Check of the images of one row: they must be readable, share one grid, and fit the row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from spinal_tf.cohort.cells import MASK_VALUE_COLUMNS, diagnosis_words, read_cell
from spinal_tf.cohort.fingerprint import voxel_sha256
from spinal_tf.cohort.table import Fault, Row
from spinal_tf.errors import VolumeError
from spinal_tf.file_names import legible
from spinal_tf.images.contrast_scan import read_t1c
from spinal_tf.images.lesion_mask import LesionMask, read_lesion_mask
from spinal_tf.images.read_image import read_image
from spinal_tf.images.volume import Volume
from spinal_tf.prediction_options import MaskValues

GRID_DECIMALS = 3
"""Decimals, in mm, of an affine that count for a cohort's hash; grids that agree to this precision are the same."""

ReadVolume = Callable[[Path], Volume]
"""``read_volume``, with its tolerances set."""

Image = TypeVar("Image")


@dataclass(kw_only=True)
class Inspection:
    """Findings in the images of one row.

    Attributes:
        row: row of the table.
        faults: faults in the order they were found.
        warnings: unusual but valid properties of the scans and the mask.
        hashes: hash of each readable image, by column.
        grid: affine of the T2w scan as text; empty if the scan is unreadable.
        empty_mask: whether the mask is empty.
    """

    row: Row
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    grid: str = ""
    empty_mask: bool = False


def inspect_images(row: Row, *, folder: Path, read: ReadVolume) -> Inspection:
    """Read all images of a row and record their faults.

    Args:
        row: row of the table; an empty cell is no fault here.
        folder: folder of the table.
        read: function that reads a T2w scan.
    """
    found = Inspection(row=row)
    volume = _tried(found, "t2", folder, read)
    if volume is None:  # without the T2w grid, only check that the others are readable
        _tried(found, "t1c", folder, read_image)
        _tried(found, "mask", folder, read_image)
        return found
    found.grid = str(np.round(volume.affine, GRID_DECIMALS).tolist())
    _inspect_scan(found, "t2", volume)
    t1c = _tried(found, "t1c", folder, partial(read_t1c, like=volume))
    if t1c is not None:
        _inspect_scan(found, "t1c", t1c)
    values = _mask_values(row)
    mask = _tried(found, "mask", folder, partial(read_lesion_mask, like=volume, values=values)) if values else None
    if mask is not None:
        _inspect_mask(found, mask, volume)
    return found


def plain_problem(error: VolumeError, path: Path, cell: str) -> str:
    """Return the text of an error about an image, with the image named as in the table, and columns for options."""
    problem = str(error).removeprefix(f"{legible(path.name)}: ")
    for column in MASK_VALUE_COLUMNS:
        problem = problem.replace(f"--{column.replace('_', '-')}", f"the column {column}")
    return f"{cell}: {problem}"


def _tried(found: Inspection, column: str, folder: Path, read: Callable[[Path], Image]) -> Image | None:
    """Read the image of a cell; None if the cell names no image or, with a fault, if reading fails."""
    cell = found.row.cells.get(column, "")
    if read_cell(column, cell) is None:
        return None
    path = folder / cell
    try:
        return read(path)
    except VolumeError as error:
        found.faults.append(Fault(row=found.row.number, column=column, problem=plain_problem(error, path, cell)))
        return None


def _inspect_scan(found: Inspection, column: str, volume: Volume) -> None:
    found.hashes[column] = voxel_sha256(volume.data)
    _warn(found, column, volume.warnings)


def _warn(found: Inspection, column: str, warnings: tuple[str, ...]) -> None:
    cell = found.row.cells[column]
    for warning in warnings:
        problem = f"{cell}: {warning.removeprefix(f'{Path(cell).name}: ')}"
        found.warnings.append(Fault(row=found.row.number, column=column, problem=problem))


def _mask_values(row: Row) -> MaskValues | None:
    """Return which values of the row's mask are lesion; None if both cells are filled, which is a fault of the row."""
    values: dict[str, Any] = {column: read_cell(column, row.cells.get(column, "")) for column in MASK_VALUE_COLUMNS}
    return None if all(values.values()) else MaskValues(**values)


def _inspect_mask(found: Inspection, lesions: LesionMask, volume: Volume) -> None:
    mask = lesions.mask
    found.hashes["mask"] = voxel_sha256(mask)
    found.empty_mask = not mask.any()
    _warn(found, "mask", lesions.warnings + lesions.doubts)
    problem = _problem_of_mask(mask, volume, found.row.cells.get("diagnosis", "").lower())
    if problem:
        problem = f"{found.row.cells['mask']}: {problem}"
        found.faults.append(Fault(row=found.row.number, column="mask", problem=problem))


def _problem_of_mask(mask: np.ndarray, volume: Volume, diagnosis: str) -> str | None:
    if diagnosis not in diagnosis_words():
        return None  # another check reports this
    healthy = diagnosis_words()[diagnosis] is None
    if healthy and mask.any():
        volume_ml = float(mask.sum()) * volume.voxel_volume_ml
        return f"marks {volume_ml:.2g} mL of a healthy case; correct the diagnosis, or leave the cell empty"
    if not healthy and not mask.any():
        return f"is empty, but the diagnosis is {diagnosis}; draw the lesion, or leave the case out"
    return None
