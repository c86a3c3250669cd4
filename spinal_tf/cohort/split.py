"""The paper's split: a random, stratified split of earlier patients into training and validation.

Later patients are the test set.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from spinal_tf.cohort.case import HEALTHY, Case, Cohort, Split
from spinal_tf.cohort.cells import FILE_COLUMNS
from spinal_tf.cohort.read_cohort import parse_table, require_no_faults
from spinal_tf.cohort.table import Row, Table
from spinal_tf.errors import CohortError

FEWEST_PATIENTS = 2
"""Fewest patients of each diagnosis, so that training and validation can both have one."""


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """Options for the split of a cohort.

    Attributes:
        validation: share of the earlier patients that goes to validation; 0.2 in Zhuo et al. 2022.
        test_from: patients first scanned on or after this day are the test set (2019-01-01 there); None for no test.
        seed: random seed, 0 to 2^32 - 1.
    """

    validation: float = 0.2
    test_from: date | None = None
    seed: int = 0


def read_unsplit(path: Path) -> tuple[Cohort, Table]:
    """Read a table that is to be split.

    Raises:
        CohortError: the table has a fault or is already split.
    """
    parsed = parse_table(path, need_split=False)
    require_no_faults(path, parsed.faults)
    if any(case.split for case in parsed.cases):
        raise CohortError(f"{path.name}: is already split; empty or remove its column split to split it again")
    return Cohort(source=path, cases=parsed.cases), parsed.table


def draw_split(cohort: Cohort, options: SplitOptions) -> dict[str, Split]:
    """Draw the split of each patient.

    The first scan decides the period of a patient and all their scans, as in the paper. Healthy people are a stratum of
    their own. The same patients and seed give the same split, regardless of the order of rows.

    Raises:
        CohortError: a scan date is needed but missing, no patient is early enough, fewer than `FEWEST_PATIENTS` early
            patients have a diagnosis, or the patients are too few for the validation share.
    """
    from sklearn.model_selection import train_test_split

    later = _later_patients(cohort, options.test_from)
    strata = {patient: name for patient, name in patient_strata(cohort.cases).items() if patient not in later}
    _refuse_small_strata(cohort.source, strata, options)
    patients = sorted(strata)
    try:
        train, validation = train_test_split(
            patients,
            test_size=options.validation,
            random_state=options.seed,
            stratify=[strata[patient] for patient in patients],
        )
    except ValueError as error:
        problem = f"{len(patients)} patients are too few for a validation share of {options.validation:g}"
        raise CohortError(f"{cohort.source.name}: {problem}; add patients or change the share") from error
    return (
        dict.fromkeys(train, Split.TRAIN)
        | dict.fromkeys(validation, Split.VALIDATION)
        | dict.fromkeys(sorted(later), Split.TEST)
    )


def rows_with_split(table: Table, splits: Mapping[str, Split], folder: Path) -> list[list[str]]:
    """Return header and rows of a table with its splits; other cells stay unchanged.

    Args:
        table: table to be split.
        splits: split of each patient.
        folder: folder of the new table; relative paths to files are rewritten to start there.
    """
    columns = [column for column in table.columns if column != "split"]
    header = [name for name in table.header if name.lower() != "split"]
    moved = folder.resolve() != table.source.parent.resolve()
    rows = [
        [_cell(row, column, table.source.parent, folder if moved else None) for column in columns] for row in table.rows
    ]
    ends = [splits[row.cells["patient"]].value for row in table.rows]
    return [[*header, "split"], *([*row, end] for row, end in zip(rows, ends, strict=True))]


def patient_strata(cases: Sequence[Case]) -> dict[str, str]:
    """Return each patient's diagnosis, or healthy for patients without lesion in all scans."""
    strata: dict[str, str] = {}
    for case in cases:
        if case.diagnosis:
            strata[case.patient] = case.diagnosis.value
        else:
            strata.setdefault(case.patient, HEALTHY)
    return strata


def _later_patients(cohort: Cohort, test_from: date | None) -> set[str]:
    if test_from is None:
        return set()
    first: dict[str, date] = {}
    for case in cohort.cases:
        if case.scan_date is None:
            problem = "is empty; it is needed to separate earlier from later patients"
            raise CohortError(f"{cohort.source.name}: row {case.row}, scan_date: {problem}")
        first[case.patient] = min(case.scan_date, first.get(case.patient, case.scan_date))
    return {patient for patient, day in first.items() if day >= test_from}


def _refuse_small_strata(source: Path, strata: Mapping[str, str], options: SplitOptions) -> None:
    before = f" scanned before {options.test_from}" if options.test_from else ""
    if not strata:
        raise CohortError(f"{source.name}: there is no patient{before}, so nothing to train on; choose a later date")
    for name, count in Counter(strata.values()).items():
        if count < FEWEST_PATIENTS:
            problem = f"only {count} patient of {name}{before}, at least {FEWEST_PATIENTS} are needed"
            raise CohortError(f"{source.name}: {problem}; add patients or leave this one out")


def _cell(row: Row, column: str, folder: Path, new_folder: Path | None) -> str:
    text = row.cells[column]
    if new_folder is None or column not in FILE_COLUMNS or not text or Path(text).is_absolute():
        return text
    return Path(os.path.relpath((folder / text).resolve(), new_folder.resolve())).as_posix()
