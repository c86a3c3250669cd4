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
IMAGES = ("t2.nii.gz", "t1c.nii.gz", "mask.nii.gz")


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
    with (
        output_files(_made(out) / "cohort.csv", overwrite=overwrite) as (temporary,),
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for number in range(1, cases + 1):
            diagnosis = diagnoses[(number - 1) % len(diagnoses)]
            case = simulate_case(np.random.default_rng([seed, number]), diagnosis)
            name = f"sim-{number:04d}"
            images = _write_case(case, diagnosis, _made(out / name), overwrite=overwrite)
            paths = [f"{name}/{image}" if image in images else "" for image in IMAGES]
            table.writerow([name, name, *paths, diagnosis.value, "test"])
            yield out / name


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose another folder") from error
    return folder


def _write_case(case: SimulatedCase, diagnosis: Diagnosis, folder: Path, *, overwrite: bool) -> tuple[str, ...]:
    """Write the images a case has and its drawn parameters; returns the names of the images."""
    volume = new_volume(np.round(case.t2), case.affine, source=IMAGES[0])
    t1c = None if case.t1c is None else np.round(case.t1c)
    arrays = {
        name: array for name, array in zip(IMAGES, (volume.data, t1c, case.mask), strict=True) if array is not None
    }
    record = {
        "notice": "Simulated; says nothing about patients.",
        "diagnosis": diagnosis.value,
        "lesions": [asdict(lesion) for lesion in case.lesions],
    }
    outputs = (folder / name for name in (*arrays, "parameters.json"))
    with output_files(*outputs, overwrite=overwrite) as (*images, parameters):
        for path, array in zip(images, arrays.values(), strict=True):
            write_on_grid(array, path, like=volume)
        parameters.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return tuple(arrays)
