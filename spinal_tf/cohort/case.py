"""Cases and cohorts: the contents of a row and of the whole table ``cohort.csv``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path

from spinal_tf.prediction_options import MaskValues
from spinal_tf.taxonomy import Diagnosis

HEALTHY = "healthy"
"""Word in the column ``diagnosis`` for a case without lesion; `Case.diagnosis` is then None."""


SIMULATED = "simulated"
"""Word in the column ``scanner`` for simulated cases."""


def diagnosis_word(diagnosis: Diagnosis | None) -> str:
    """Return the word for the column ``diagnosis``."""
    return HEALTHY if diagnosis is None else str(diagnosis.value)


class Split(str, Enum):
    """Part of the cohort that a patient belongs to; the value is the word in the table."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Sex(str, Enum):
    """Sex, as written in the table; ``f`` and ``m`` are accepted, too."""

    FEMALE = "female"
    MALE = "male"


class Level(str, Enum):
    """Lesion location in the words of Table 1 of Zhuo et al. 2022, from top to bottom."""

    OBLONGATA_CERVICAL = "oblongata-cervical"
    CERVICAL = "cervical"
    CERVICAL_THORACIC = "cervical-thoracic"
    THORACIC = "thoracic"
    THORACIC_LUMBAR = "thoracic-lumbar"
    LUMBAR = "lumbar"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One examination; None stands for an empty cell unless stated otherwise.

    Attributes:
        row: row number as in a spreadsheet, where the header is row 1.
        name: name from the column ``case``, unique in the cohort.
        patient: patient identifier; all cases of a patient are in the same split.
        t2: path of the sagittal T2w scan; absolute, or relative to the working directory like the table's own path.
        t1c: path of the contrast-enhanced T1w scan on the grid of the T2w scan.
        mask: path of the lesion mask on that grid; None only for a healthy case.
        mask_label: value of the lesion in the mask, if the mask is a label map.
        mask_threshold: value from which a voxel of the mask is lesion, if the mask is a soft one.
        diagnosis: None for a healthy case. Healthy cases are used by the segmenter only, never by a classifier.
        split: None only if the table was read with ``need_split=False``.
        difficult: whether the readers disagreed on the diagnosis.
        raters: each rater's diagnosis by column name, ``rater_1`` and so on.
        field_strength_t: field strength in tesla.
        level: location of the lesions.
        extent_vertebrae: number of vertebrae that the lesions span in total.
        enhancement: whether a lesion takes up contrast agent; None also if there is no contrast-enhanced scan.
        extra: text of all other columns.
    """

    row: int
    name: str
    patient: str
    t2: Path
    t1c: Path | None = None
    mask: Path | None = None
    mask_label: int | None = None
    mask_threshold: float | None = None
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

    @property
    def is_simulated(self) -> bool:
        """Whether the table marks the case as simulated."""
        return (self.scanner or "").lower() == SIMULATED

    @property
    def mask_values(self) -> MaskValues:
        """Which values of the mask are lesion."""
        return MaskValues(mask_label=self.mask_label, mask_threshold=self.mask_threshold)


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Cases of a table, in its order.

    Attributes:
        source: path of the table.
        cases: at least one.
    """

    source: Path
    cases: tuple[Case, ...]

    def of_split(self, split: Split) -> tuple[Case, ...]:
        """Return the cases of one split, including healthy ones."""
        return tuple(case for case in self.cases if case.split is split)
