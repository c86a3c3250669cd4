"""Cases and cohorts: what a row and a whole table of ``cohort.csv`` are read into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path

from spinal_tf.taxonomy import Diagnosis

HEALTHY = "healthy"
"""Written in the column ``diagnosis`` for a case without lesion; `Case.diagnosis` is then None."""


def diagnosis_word(diagnosis: Diagnosis | None) -> str:
    """As it is written in the column ``diagnosis``."""
    return HEALTHY if diagnosis is None else str(diagnosis.value)


class Split(str, Enum):
    """The part of the cohort that a patient belongs to; the value is how it is written."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Sex(str, Enum):
    """As written in the table; ``f`` and ``m`` are read, too."""

    FEMALE = "female"
    MALE = "male"


class Level(str, Enum):
    """Lesion location in the words of Table 1 of Zhuo et al. 2022, from above to below."""

    OBLONGATA_CERVICAL = "oblongata-cervical"
    CERVICAL = "cervical"
    CERVICAL_THORACIC = "cervical-thoracic"
    THORACIC = "thoracic"
    THORACIC_LUMBAR = "thoracic-lumbar"
    LUMBAR = "lumbar"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One examination; None stands for an empty cell unless said otherwise.

    Attributes:
        row: of the table as a spreadsheet counts them, the header being row 1.
        name: unique in the cohort; from the column ``case``.
        patient: who was examined; all cases of a patient are in the same split.
        t2: sagittal T2w scan; absolute, or relative to the working directory as the table's own path was.
        t1c: contrast-enhanced T1w scan on the grid of the T2w scan.
        mask: lesion mask on that grid; None only for a healthy case.
        diagnosis: None for a healthy case. Healthy cases serve the segmenter and never a classifier.
        split: None only where the table was read with ``need_split=False``.
        difficult: whether the readers disagreed on the diagnosis.
        raters: each rater's diagnosis by column name, ``rater_1`` and so on.
        field_strength_t: in tesla.
        level: location of the lesions.
        extent_vertebrae: number of vertebrae that the lesions extend over, in sum.
        enhancement: whether a lesion takes up contrast agent; None also where no such scan was made.
        extra: all other columns as they were written.
    """

    row: int
    name: str
    patient: str
    t2: Path
    t1c: Path | None = None
    mask: Path | None = None
    diagnosis: Diagnosis | None
    split: Split | None = None
    sex: Sex | None = None
    age_years: float | None = None
    scan_date: date | None = None
    difficult: bool | None = None
    raters: Mapping[str, Diagnosis | None] = field(default_factory=dict)
    scanner: str | None = None
    field_strength_t: float | None = None
    level: Level | None = None
    extent_vertebrae: float | None = None
    enhancement: bool | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """The cases of a table, in its order.

    Attributes:
        source: the table.
        cases: at least one.
    """

    source: Path
    cases: tuple[Case, ...]

    def of_split(self, split: Split) -> tuple[Case, ...]:
        """The cases of one split, healthy ones included."""
        return tuple(case for case in self.cases if case.split is split)
