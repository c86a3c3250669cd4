"""Kind of training cases, from the training record in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

DataKind = Literal["simulated", "mixed", "patients"]
"""Kind of training cases; ``mixed`` means simulated cases and patients together."""


def data_kind(training: Mapping[str, Any]) -> DataKind | None:
    """Return the kind of a network's training cases; None if unknown.

    Args:
        training: training record of a manifest. Its entry ``kind`` decides. Records of earlier versions lack it; their
            cases are simulated if ``data`` begins with "simulated".
    """
    if "kind" in training:
        return next((kind for kind in get_args(DataKind) if kind == training["kind"]), None)
    return "simulated" if str(training.get("data", "")).lower().startswith("simulated ") else None


def kind_of_cohort(cohort: Mapping[str, Any]) -> DataKind | None:
    """Return the kind of a run's cases from the record of its cohort; None if no case is marked as simulated.

    Args:
        cohort: record from `TrainingCohort.record`; ``simulated`` is missing in records of earlier versions.
    """
    simulated = cohort.get("simulated", 0)
    every = sum(count for cases in cohort["cases"].values() for count in cases.values())
    return ("simulated" if simulated == every else "mixed") if simulated else None
