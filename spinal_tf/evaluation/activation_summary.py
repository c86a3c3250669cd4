"""Zones in which Grad-CAM maps are mainly active, by disease and by correctness of the call (the paper's Table E4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.predictions import CaseSet, Prediction
from spinal_tf.evaluation.scored import ScoredTask
from spinal_tf.results import Zone
from spinal_tf.taxonomy import Diagnosis, Task, tree


@dataclass(frozen=True, kw_only=True)
class Activation:
    """Zones of a group of cases of a task and set that have a probability.

    Attributes:
        task: classification task.
        case_set: set of the cases.
        diagnosis: diagnosis of the cases; None for all diagnoses of the task.
        right: whether the calls of the cases are right; None for all cases.
        zones: share of each zone among the cases with a known zone (at least one); the shares sum to 1.
        left_out: number of cases with an unknown zone.
    """

    task: Task
    case_set: CaseSet
    diagnosis: Diagnosis | None
    right: bool | None
    zones: Mapping[Zone, Proportion]
    left_out: int

    @property
    def cases(self) -> int:
        """Number of cases with a known zone."""
        return self.zones[Zone.NONE].total


def activations(task: ScoredTask) -> Iterator[Activation]:
    """Count the zones of every set, disease and correctness of calls; groups without a known zone are left out."""
    diagnoses = [diagnosis for diagnosis in tree().diagnoses if task.task.applies_to(diagnosis)]
    for case_set, scored in task.sets.items():
        answers = list(zip(scored.cases, (scored.calls == scored.labels).tolist(), strict=True))
        for diagnosis in (None, *diagnoses):
            for right in (None, True, False):
                cases = [
                    case for case, answer in answers if diagnosis in (None, case.diagnosis) and right in (None, answer)
                ]
                zones = _zones(cases, task.task)
                if zones:
                    yield Activation(
                        task=task.task,
                        case_set=case_set,
                        diagnosis=diagnosis,
                        right=right,
                        zones=zones,
                        left_out=len(cases) - zones[Zone.NONE].total,
                    )


def _zones(cases: list[Prediction], task: Task) -> dict[Zone, Proportion]:
    counts = Counter(case.zones[task.name] for case in cases if task.name in case.zones)
    total = counts.total()
    return {zone: Proportion(count=counts[zone], total=total) for zone in Zone} if total else {}
