"""Number of cases of each diagnosis in each split of a cohort."""

from __future__ import annotations

from collections import Counter

from spinal_tf.cohort.case import HEALTHY, Cohort, Split
from spinal_tf.tables.terminal import aligned
from spinal_tf.taxonomy import tree


def counted(cohort: Cohort) -> str:
    """Return a small table for the terminal: cases by diagnosis and split, then patients."""
    cells = Counter((case.diagnosis, case.split) for case in cohort.cases)
    lines: list[list[object]] = [["", *(split.value for split in Split), "all"]]
    for diagnosis in (*tree().diagnoses, None):
        numbers = [cells[diagnosis, split] for split in Split]
        if diagnosis or any(numbers):
            lines.append([diagnosis.printed if diagnosis else HEALTHY.capitalize(), *numbers, sum(numbers)])
    parts = [*(cohort.of_split(split) for split in Split), cohort.cases]
    lines.append(["cases", *map(len, parts)])
    lines.append(["patients", *(len({case.patient for case in cases}) for cases in parts)])
    return aligned(lines, numeric=range(1, len(Split) + 2))
