"""Simulated cohort on disk: images, masks, drawn parameters, and the table of cases."""

from __future__ import annotations

import json
import warnings
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from spinal_tf.cohort.case import SIMULATED, Split, diagnosis_word
from spinal_tf.errors import OutputError
from spinal_tf.files import make_folder, output_files
from spinal_tf.images.volume import new_volume, write_on_grid
from spinal_tf.locks import locked
from spinal_tf.phantom.mask_facts import extent_vertebrae, level_of_mask
from spinal_tf.phantom.painting import CONTRASTS, Contrasts
from spinal_tf.phantom.patients import Patient, draw_patient
from spinal_tf.phantom.plan import PlannedCase
from spinal_tf.phantom.processes import Warn, map_processes
from spinal_tf.phantom.simulated_case import SimulatedCase, simulate_case
from spinal_tf.phantom.sources import (
    BackgroundSource,
    drawn_spine,
    from_scans,
    from_template,
    mixed,
    read_scans,
    read_template,
)
from spinal_tf.tables.csv_file import write_csv

COLUMNS = (
    *("case", "patient", "t2", "t1c", "mask", "diagnosis", "split", "sex", "age_years", "scan_date", "difficult"),
    *("scanner", "field_strength", "level", "extent_vertebrae", "enhancement", "cord", "levels", "anatomy"),
    *("vertebrae", "background"),
)
NAMES = ("t2", "t1c", "mask", "cord", "levels", "anatomy", "vertebrae")
IMAGES = tuple(f"{name}.nii.gz" for name in NAMES)
RECORD = "parameters.json"
TABLE = "cohort.csv"
NOTICE = "Simulated; says nothing about patients."


@dataclass(frozen=True, kw_only=True)
class Backgrounds:
    """Sources of spines; several kinds are mixed in equal parts.

    Attributes:
        procedural: use drawn spines.
        template: folder of an average spine, see `sources.read_template`.
        scans: folder of healthy people's scans, see `sources.read_scans`.
        contrasts: how the levels of tissues in drawn spines are drawn.
    """

    procedural: bool = True
    template: Path | None = None
    scans: Path | None = None
    contrasts: Contrasts = "t2w"

    @property
    def kinds(self) -> list[str]:
        """Names of the kinds in use."""
        used = {"procedural": self.procedural, "template": self.template, "scans": self.scans}
        return [name for name, given in used.items() if given]


@cache
def read_backgrounds(backgrounds: Backgrounds) -> BackgroundSource:
    """Return the source of spines, which is read once per process.

    Raises:
        VolumeError: a folder or an image cannot be used.
    """
    drawn = partial(drawn_spine, tissues=CONTRASTS[backgrounds.contrasts])
    sources: list[BackgroundSource] = [drawn] if backgrounds.procedural else []
    if backgrounds.template:
        sources.append(from_template(read_template(backgrounds.template)))
    if backgrounds.scans:
        sources.append(from_scans(read_scans(backgrounds.scans)))
    return sources[0] if len(sources) == 1 else mixed(sources)


@dataclass(frozen=True, kw_only=True)
class Writing:
    """Options for writing a cohort.

    Attributes:
        out: folder of the cohort.
        seed: seed of the cohort.
        backgrounds: sources of spines for all cases.
        overwrite: replace existing files.
        resume: keep complete cases of the same seed and simulate incomplete ones again.
    """

    out: Path
    seed: int
    backgrounds: Backgrounds = Backgrounds()
    overwrite: bool = False
    resume: bool = False


def write_cohort(
    planned: Sequence[PlannedCase], writing: Writing, *, workers: int = 1, warn: Warn = warnings.warn
) -> Generator[Path, None, None]:
    """Simulate cases, each into a folder of its name, and list them in ``cohort.csv``.

    The same plan and seed give the same bytes, whatever the number of workers.

    Args:
        planned: the cases, see `plan.plan_cohort`.
        writing: folder and options.
        workers: number of processes.
        warn: called with a sentence if this machine cannot run several.

    Yields:
        The folder of each case: first the kept ones, then the others in order of completion.

    Raises:
        OutputError: an output exists, was made with other options, or cannot be written, or another process writes
            there.
        VolumeError: a background cannot be used.
    """
    read_backgrounds(writing.backgrounds)
    make_folder(writing.out)
    table = writing.out / TABLE
    with (
        locked(table, wait=False),
        output_files(table, overwrite=writing.overwrite or writing.resume) as (temporary,),
    ):
        rows = {case.name: row for case in planned if writing.resume and (row := _kept(case, writing))}
        yield from (writing.out / name for name in rows)
        missing = [case for case in planned if case.name not in rows]
        for row in map_processes(partial(write_case, writing=writing), missing, workers=workers, warn=warn):
            rows[row["case"]] = row
            yield writing.out / row["case"]
        write_csv(temporary, (rows[case.name] for case in planned), COLUMNS)


def _made_with(planned: PlannedCase, writing: Writing) -> dict[str, Any]:
    """Return everything that determines a case's bytes, as recorded with it."""
    contrasts = writing.backgrounds.contrasts
    return {
        "seed": [writing.seed, *planned.seed],
        "diagnosis": diagnosis_word(planned.diagnosis),
        "split": planned.split.value,
        "backgrounds": writing.backgrounds.kinds,
        **({} if contrasts == "t2w" else {"contrasts": contrasts}),  # earlier versions had no others
    }


def _kept(planned: PlannedCase, writing: Writing) -> dict[str, str] | None:
    """Return the row of a case that exists and is complete; None if it has to be simulated.

    Raises:
        OutputError: the case was made with another seed or other options.
    """
    folder = writing.out / planned.name
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        made_with, row = record["made_with"], {**record["row"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if made_with != _made_with(planned, writing):
        raise OutputError(
            f"{folder}: was made with another seed or other options; choose another folder or --overwrite"
        )
    if row.keys() != set(COLUMNS):  # of an earlier version
        return None
    images = [writing.out / row[name] for name in NAMES if row[name]]
    return row if all(image.is_file() for image in images) else None


def write_case(planned: PlannedCase, writing: Writing) -> dict[str, str]:
    """Simulate one case and write its folder.

    Returns:
        Its row of the table.

    Raises:
        OutputError: a file exists and may not be replaced, or cannot be written.
    """
    seed = (writing.seed, *planned.seed)
    source = read_backgrounds(writing.backgrounds)
    case = simulate_case(np.random.default_rng(seed), planned.diagnosis, source)
    patient = draw_patient(
        np.random.default_rng((*seed, 1)), planned.diagnosis, prospective=planned.split is Split.TEST
    )
    arrays = _arrays(case)
    row = _row(planned, case, patient, tuple(arrays))
    record = _record(case) | {"made_with": _made_with(planned, writing), "row": row}
    folder = writing.out / planned.name
    new = not folder.exists()
    try:
        make_folder(folder)
        _write(folder, arrays, record, case, overwrite=writing.overwrite or writing.resume)
    except BaseException:
        if new:
            with suppress(OSError):  # a folder with files stays
                folder.rmdir()
        raise
    return row


def _arrays(case: SimulatedCase) -> dict[str, np.ndarray]:
    """Return the images by file name; a healthy person has no mask, and few backgrounds have a known anatomy."""
    t1c = None if case.t1c is None else _stored(case.t1c)
    mask = case.mask if case.diagnosis else None
    images = (_stored(case.t2), t1c, mask, case.cord, case.levels, case.anatomy, case.vertebrae)
    return {name: image for name, image in zip(IMAGES, images, strict=True) if image is not None}


def _stored(image: np.ndarray) -> np.ndarray:
    """Round an image to integers, which scanners store."""
    return np.clip(np.round(image), 0, np.iinfo(np.int16).max).astype(np.int16)


def _write(
    folder: Path, arrays: dict[str, np.ndarray], record: dict[str, Any], case: SimulatedCase, *, overwrite: bool
) -> None:
    volume = new_volume(arrays[IMAGES[0]], case.affine, source=IMAGES[0])
    # The record is written last: its presence means that the case is complete.
    outputs = (folder / name for name in (*arrays, RECORD))
    with output_files(*outputs, overwrite=overwrite) as (*images, parameters):
        for path, array in zip(images, arrays.values(), strict=True):
            write_on_grid(array, path, like=volume)
        parameters.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _row(planned: PlannedCase, case: SimulatedCase, patient: Patient, images: tuple[str, ...]) -> dict[str, str]:
    ill = case.diagnosis is not None
    enhances = any(lesion.enhancement > 0 for lesion in case.lesions)
    paths = {name.split(".")[0]: f"{planned.name}/{name}" if name in images else "" for name in IMAGES}
    return {
        "case": planned.name,
        "patient": planned.name,
        **paths,
        "diagnosis": diagnosis_word(planned.diagnosis),
        "split": planned.split.value,
        "sex": patient.sex,
        "age_years": str(patient.age_years),
        "scan_date": patient.scan_date.isoformat(),
        "difficult": _yes_no(patient.difficult) if ill else "",
        "scanner": SIMULATED,
        "field_strength": f"{patient.field_strength_t:g}",
        "level": level_of_mask(case.mask, case.frame) if ill else "",
        "extent_vertebrae": str(extent_vertebrae(case.mask, case.frame)) if ill else "",
        "enhancement": _yes_no(enhances) if ill and case.t1c is not None else "",
        "background": case.background,
    }


def _yes_no(answer: bool) -> str:
    return "yes" if answer else "no"


def _record(case: SimulatedCase) -> dict[str, Any]:
    return {
        "notice": NOTICE,
        "background": case.background,
        "view_level": case.view_level,
        "spacing_mm": [float(step) for step in case.spacing_mm],
        "lesions": [asdict(lesion) for lesion in case.lesions],
        "degradations": asdict(case.degradations),
    }
