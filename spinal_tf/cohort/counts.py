"""Number of cases of each diagnosis in each split of a cohort."""

from __future__ import annotations

from collections import Counter

from spinal_tf.cohort.case import HEALTHY, Cohort, Split
from spinal_tf.taxonomy import tree

_NAME_WIDTH, _NUMBER_WIDTH = 14, 12


def counted(cohort: Cohort) -> str:
    """Return a small table for the terminal: cases by diagnosis and split, then patients."""
    cells = Counter((case.diagnosis, case.split) for case in cohort.cases)
    lines = [_line("", [*(split.value for split in Split), "all"])]
    for diagnosis in (*tree().diagnoses, None):
        numbers = [cells[diagnosis, split] for split in Split]
        if diagnosis or any(numbers):
            lines.append(_line(diagnosis.printed if diagnosis else HEALTHY.capitalize(), [*numbers, sum(numbers)]))
    parts = [*(cohort.of_split(split) for split in Split), cohort.cases]
    lines.append(_line("cases", [len(cases) for cases in parts]))
    lines.append(_line("patients", [len({case.patient for case in cases}) for cases in parts]))
    return "\n".join(lines)


def _line(name: str, values: list[str] | list[int]) -> str:
    return f"{name:{_NAME_WIDTH}}" + "".join(f"{value:>{_NUMBER_WIDTH}}" for value in values)
