"""Facts and predictions of each case: the contents of a row and of the whole table ``predictions.csv``."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from spinal_tf.cohort.case import SIMULATED, Sex, Split
from spinal_tf.results import MaskProvenance, Zone
from spinal_tf.taxonomy import Diagnosis, Task, tree

SIMULATED_NOTE = "Simulated cases: these numbers say nothing about patients."


class CaseSet(str, Enum):
    """Set of cases of a part of Table 2; the value is the word in files."""

    VALIDATION = "validation"
    TEST = "test"
    DIFFICULT = "difficult"

    @property
    def drawn_from(self) -> Split:
        """Split of the cases; difficult cases are from the test split."""
        return Split.VALIDATION if self is CaseSet.VALIDATION else Split.TEST

    @property
    def term(self) -> str:
        """Name in a sentence, before the word "cases"."""
        return "difficult test" if self is CaseSet.DIFFICULT else self.value

    @property
    def printed(self) -> str:
        """Heading as in the paper's table."""
        return {"validation": "Validation", "test": "Testing", "difficult": "Difficult cases"}[self.value]


def main_set(sets: Container[object]) -> CaseSet:
    """Return the test, or validation if there is no test."""
    return CaseSet.TEST if CaseSet.TEST in sets else CaseSet.VALIDATION


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One case; None stands for an empty cell.

    Attributes:
        row: row number as in a spreadsheet, where the header is row 1.
        name: name of the case, unique in the table.
        patient: patient identifier; the name of the case if the table has no such column.
        split: split of the patient.
        diagnosis: None for a healthy case, to which no task applies.
        stated_difficult: whether the table marks the case as difficult.
        sex: sex of the patient.
        age_years: age at the scan.
        raters: each rater's diagnosis by column name.
        probabilities: probability of the positive class by name of the task; tasks without one are left out.
        with_t1c: such probabilities from models that also saw the contrast-enhanced scan.
        zones: zone in which the Grad-CAM map is mainly active, by name of the task; tasks without one are left out.
        overlap: measures of the mask by name, see `overlap_summary.MEASURES`; NaN and infinity are valid values.
        flagged: whether the mask was flagged for review.
        mask_provenance: origin of the mask that was classified.
        cells: text of every column, including unknown ones.
    """

    row: int
    name: str
    patient: str
    split: Split
    diagnosis: Diagnosis | None
    stated_difficult: bool | None
    sex: Sex | None
    age_years: float | None
    raters: Mapping[str, Diagnosis | None]
    probabilities: Mapping[str, float]
    with_t1c: Mapping[str, float]
    zones: Mapping[str, Zone]
    overlap: Mapping[str, float]
    flagged: bool | None
    mask_provenance: MaskProvenance | None
    cells: Mapping[str, str]

    @property
    def raters_disagree(self) -> bool | None:
        """Whether raters gave different diagnoses; None if fewer than two gave a diagnosis."""
        given = [diagnosis for diagnosis in self.raters.values() if diagnosis]
        return len(set(given)) > 1 if len(given) > 1 else None

    @property
    def difficult(self) -> bool:
        """Whether the table marks the case as difficult, or else whether raters disagree, as in Zhuo et al. 2022."""
        return bool(self.raters_disagree if self.stated_difficult is None else self.stated_difficult)


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Cases of a table, in its order.

    Attributes:
        source: path of the table.
        sha256: SHA-256 of the file.
        columns: names of the columns in lower case.
        cases: at least one.
    """

    source: Path
    sha256: str
    columns: tuple[str, ...]
    cases: tuple[Prediction, ...]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Tasks for which the table has a column of probabilities."""
        return tuple(task for task in tree().tasks if probability_column(task) in self.columns)

    @property
    def raters(self) -> tuple[str, ...]:
        """Names of the raters' columns, in the order of the table."""
        return tuple(column for column in self.columns if column in self.cases[0].raters)

    @property
    def note(self) -> str:
        """Remark for readers if any case is simulated; empty otherwise."""
        return SIMULATED_NOTE if any(case.cells.get("scanner", "").lower() == SIMULATED for case in self.cases) else ""

    def of_set(self, case_set: CaseSet) -> tuple[Prediction, ...]:
        """Return the cases of one set."""
        cases = self.of_split(case_set.drawn_from)
        return tuple(case for case in cases if case.difficult) if case_set is CaseSet.DIFFICULT else cases

    def of_split(self, split: Split) -> tuple[Prediction, ...]:
        """Return the cases of one split."""
        return tuple(case for case in self.cases if case.split is split)


def probability_column(task: Task, *, with_t1c: bool = False) -> str:
    """Return the name of the column that holds a task's probability."""
    return f"p_{task.name}_t1c" if with_t1c else f"p_{task.name}"


def zone_column(task: Task) -> str:
    """Return the name of the column that holds the zone in which a task's Grad-CAM map is mainly active."""
    return f"gradcam_{task.name}"


def applicable(cases: Sequence[Prediction], task: Task) -> list[Prediction]:
    """Return the cases to which a task applies."""
    return [case for case in cases if case.diagnosis and task.applies_to(case.diagnosis)]
