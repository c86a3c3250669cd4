"""The four diagnoses, the three tasks between them, and the cascade that joins the tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Diagnosis(str, Enum):
    """One of the four diseases; the value is how it is written in every file."""

    ASTROCYTOMA = "astrocytoma"
    EPENDYMOMA = "ependymoma"
    MS = "ms"
    NMOSD = "nmosd"

    @property
    def printed(self) -> str:
        """The name as printed for a reader: ``MS``, ``Astrocytoma``."""
        name: str = self.value
        return name.upper() if self in (Diagnosis.MS, Diagnosis.NMOSD) else name.capitalize()


TUMORS = frozenset({Diagnosis.ASTROCYTOMA, Diagnosis.EPENDYMOMA})
DEMYELINATING = frozenset({Diagnosis.MS, Diagnosis.NMOSD})


@dataclass(frozen=True, kw_only=True)
class Task:
    """A two-class question; the positive class comes second, as in Table 2 of Zhuo et al. 2022."""

    name: str
    negative: frozenset[Diagnosis]
    positive: frozenset[Diagnosis]
    classes: tuple[str, str]

    def applies_to(self, diagnosis: Diagnosis) -> bool:
        """Whether a case with this diagnosis belongs to the task."""
        return diagnosis in self.negative | self.positive

    def label(self, diagnosis: Diagnosis) -> int:
        """0 for the negative class, 1 for the positive one.

        Raises:
            ValueError: the diagnosis is in neither class.
        """
        if not self.applies_to(diagnosis):
            raise ValueError(f"{diagnosis.value} is not part of {self.name}")
        return int(diagnosis in self.positive)


TUMOR_VS_DEMYELINATING = Task(
    name="tumor_vs_demyelinating",
    negative=TUMORS,
    positive=DEMYELINATING,
    classes=("tumor", "demyelinating"),
)
ASTROCYTOMA_VS_EPENDYMOMA = Task(
    name="astrocytoma_vs_ependymoma",
    negative=frozenset({Diagnosis.ASTROCYTOMA}),
    positive=frozenset({Diagnosis.EPENDYMOMA}),
    classes=("astrocytoma", "ependymoma"),
)
MS_VS_NMOSD = Task(
    name="ms_vs_nmosd",
    negative=frozenset({Diagnosis.MS}),
    positive=frozenset({Diagnosis.NMOSD}),
    classes=("ms", "nmosd"),
)
TASKS = (TUMOR_VS_DEMYELINATING, ASTROCYTOMA_VS_EPENDYMOMA, MS_VS_NMOSD)
TASK_NAMES = tuple(task.name for task in TASKS)


def task_named(name: str) -> Task:
    """The task of that name.

    Raises:
        ValueError: there is no such task.
    """
    for task in TASKS:
        if task.name == name:
            return task
    raise ValueError(f"no task is called {name}; the tasks are {', '.join(TASK_NAMES)}")


def posterior(positive: Mapping[str, float]) -> dict[Diagnosis, float]:
    """Join the three tasks into the probabilities of the four diagnoses.

    P(astrocytoma) = P(tumour) P(astrocytoma given tumour), and so on; the four sum to one.

    Args:
        positive: probability of the positive class, keyed by task name.

    Raises:
        ValueError: a probability is outside 0 to 1 or not a number.
    """
    for name, value in positive.items():
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise ValueError(f"{name}: {value} is not a probability")
    demyelinating = positive[TUMOR_VS_DEMYELINATING.name]
    ependymoma = positive[ASTROCYTOMA_VS_EPENDYMOMA.name]
    nmosd = positive[MS_VS_NMOSD.name]
    return {
        Diagnosis.ASTROCYTOMA: (1 - demyelinating) * (1 - ependymoma),
        Diagnosis.EPENDYMOMA: (1 - demyelinating) * ependymoma,
        Diagnosis.MS: demyelinating * (1 - nmosd),
        Diagnosis.NMOSD: demyelinating * nmosd,
    }
