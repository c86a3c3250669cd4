"""Simulated cases on disk: images, masks, drawn parameters, and the table that lists them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from spinal_tf.errors import OutputError
from spinal_tf.files import output_files
from spinal_tf.phantom.case import SimulatedCase, simulate_case
from spinal_tf.taxonomy import Diagnosis
from spinal_tf.volume import new_volume, write_on_grid

COLUMNS = ("case", "patient", "t2", "t1c", "mask", "diagnosis", "split")


def write_cohort(
    out: Path, diagnoses: Sequence[Diagnosis], *, cases: int, seed: int, overwrite: bool
) -> Iterator[Path]:
    """Simulate cases into folders ``sim-0001``, ``sim-0002``, ... and list them in ``cohort.csv``.

    Args:
        out: made if needed.
        diagnoses: taken in turn.
        cases: how many.
        seed: with the case's number it seeds that case alone, so a longer run begins with the same cases.
        overwrite: replace what exists.

    Yields:
        The folder of each case once it is written.

    Raises:
        OutputError: something exists, or cannot be written.
    """
    rows = []
    for number in range(1, cases + 1):
        diagnosis = diagnoses[(number - 1) % len(diagnoses)]
        case = simulate_case(np.random.default_rng([seed, number]), diagnosis)
        name = f"sim-{number:04d}"
        _write_case(case, _made(out / name), overwrite)
        images = [f"{name}/{image}.nii.gz" for image in ("t2", "t1c", "mask")]
        rows.append([name, name, *images, diagnosis.value, "test"])
        yield out / name
    with (
        output_files(out / "cohort.csv", overwrite=overwrite) as (temporary,),
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows([COLUMNS, *rows])


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose another folder") from error
    return folder


def _write_case(case: SimulatedCase, folder: Path, overwrite: bool) -> None:
    names = ("t2.nii.gz", "t1c.nii.gz", "mask.nii.gz", "parameters.json")
    with output_files(*(folder / name for name in names), overwrite=overwrite) as (t2, t1c, mask, parameters):
        volume = new_volume(np.round(case.t2), case.affine, source="t2.nii.gz")
        write_on_grid(volume.data, t2, like=volume)
        write_on_grid(np.round(case.t1c).astype(np.float32), t1c, like=volume)
        write_on_grid(case.mask, mask, like=volume)
        record = {
            "notice": "Simulated; says nothing about patients.",
            "diagnosis": case.diagnosis.value,
            "lesions": [asdict(lesion) for lesion in case.lesions],
        }
        parameters.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
