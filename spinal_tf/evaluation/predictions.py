"""What is known and what was predicted of each case: a row, and the whole, of ``predictions.csv``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from spinal_tf.cohort.case import Sex, Split
from spinal_tf.results import MaskProvenance, Zone
from spinal_tf.taxonomy import Diagnosis, Task, tree

SIMULATED = "simulated"
"""Written in the column ``scanner`` for simulated cases."""

SIMULATED_NOTE = "Simulated cases: these numbers say nothing about patients."


class CaseSet(str, Enum):
    """The cases that a part of Table 2 is about; the value is how it is written in files."""

    VALIDATION = "validation"
    TEST = "test"
    DIFFICULT = "difficult"

    @property
    def drawn_from(self) -> Split:
        """The split that the cases are of; difficult ones are those of the test."""
        return Split.VALIDATION if self is CaseSet.VALIDATION else Split.TEST

    @property
    def printed(self) -> str:
        """As the paper's table heads it."""
        return {"validation": "Validation", "test": "Testing", "difficult": "Difficult cases"}[self.value]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One case; None stands for an empty cell.

    Attributes:
        row: of the table as a spreadsheet counts, the header being row 1.
        name: unique in the table.
        patient: who was examined; the case's own name where the table has no such column.
        split: that the patient belongs to.
        diagnosis: None for a healthy case, which no task applies to.
        stated_difficult: as the table says.
        sex: of the patient.
        age_years: at the scan.
        raters: each rater's diagnosis by column name.
        probabilities: of the positive class by name of the task; a task for which there is none is left out.
        with_t1c: the same of models that also saw the contrast-enhanced scan.
        zones: where the Grad-CAM map is mainly active, by name of the task; left out where nothing is said.
        overlap: measures of the mask by their name, see `overlap_summary.MEASURES`; NaN and infinity are values.
        flagged: whether the review asked for a look at that mask.
        mask_provenance: how the mask that was classified came about.
        cells: every column as it was written, those that are not known, too.
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
        """Whether two raters gave different diagnoses; None where fewer than two gave any."""
        given = [diagnosis for diagnosis in self.raters.values() if diagnosis]
        return len(set(given)) > 1 if len(given) > 1 else None

    @property
    def difficult(self) -> bool:
        """As the table says; where it says nothing, whether raters disagree, as in Zhuo et al. 2022."""
        return bool(self.raters_disagree if self.stated_difficult is None else self.stated_difficult)


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """All cases of a table, in its order.

    Attributes:
        source: the table.
        sha256: of its file.
        columns: its names in lower case.
        cases: at least one.
    """

    source: Path
    sha256: str
    columns: tuple[str, ...]
    cases: tuple[Prediction, ...]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Those that the table has a column of probabilities for."""
        return tuple(task for task in tree().tasks if probability_column(task) in self.columns)

    @property
    def raters(self) -> tuple[str, ...]:
        """The raters' columns in the order of the table."""
        return tuple(column for column in self.columns if column in self.cases[0].raters)

    @property
    def note(self) -> str:
        """What a reader must know of the cases: whether any are simulated; empty where nothing is known."""
        return SIMULATED_NOTE if any(case.cells.get("scanner", "").lower() == SIMULATED for case in self.cases) else ""

    def of_set(self, case_set: CaseSet) -> tuple[Prediction, ...]:
        """The cases of one set."""
        cases = self.of_split(case_set.drawn_from)
        return tuple(case for case in cases if case.difficult) if case_set is CaseSet.DIFFICULT else cases

    def of_split(self, split: Split) -> tuple[Prediction, ...]:
        """The cases of one split."""
        return tuple(case for case in self.cases if case.split is split)


def probability_column(task: Task, *, with_t1c: bool = False) -> str:
    """Name of the column that holds a task's probability."""
    return f"p_{task.name}_t1c" if with_t1c else f"p_{task.name}"


def zone_column(task: Task) -> str:
    """Name of the column that tells where a task's Grad-CAM map is mainly active."""
    return f"gradcam_{task.name}"


def applicable(cases: Sequence[Prediction], task: Task) -> list[Prediction]:
    """The cases that a task is about."""
    return [case for case in cases if case.diagnosis and task.applies_to(case.diagnosis)]
