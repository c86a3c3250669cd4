"""What kind of cases weights were trained on, by the training record of their manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

DataKind = Literal["simulated", "mixed", "patients"]
"""Mixed are simulated cases and patients together."""


def data_kind(training: Mapping[str, Any]) -> DataKind | None:
    """The kind of a network's training cases; None where nothing tells.

    Args:
        training: record of a manifest. Its entry ``kind`` decides; records without it, of earlier versions, are known
            to be simulated by the first word of their ``data``.
    """
    if "kind" in training:
        return next((kind for kind in get_args(DataKind) if kind == training["kind"]), None)
    return "simulated" if str(training.get("data", "")).lower().startswith("simulated ") else None


def kind_of_cohort(cohort: Mapping[str, Any]) -> DataKind | None:
    """The kind of a run's cases, by the record of its cohort; None where no case is said to be simulated.

    Args:
        cohort: as `TrainingCohort.record` makes it; ``simulated`` is missing in those of earlier versions.
    """
    simulated = cohort.get("simulated", 0)
    every = sum(count for cases in cohort["cases"].values() for count in cases.values())
    return ("simulated" if simulated == every else "mixed") if simulated else None
