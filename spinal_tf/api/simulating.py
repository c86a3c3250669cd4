"""``spinal_tf.simulate``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spinal_tf.cohort.case import HEALTHY
from spinal_tf.phantom.plan import PlannedCase, SimulationOptions, plan_cohort
from spinal_tf.phantom.simulated_cohort import TABLE, Writing, write_cohort
from spinal_tf.taxonomy import tree
from spinal_tf.threads import Progress


@dataclass(frozen=True, kw_only=True)
class SimulatedCohort:
    """Files of a simulated cohort.

    Attributes:
        table: ``cohort.csv``, which lists the cases.
        cases: folder of each case, in the order of the table.
    """

    table: Path
    cases: tuple[Path, ...]


def simulate(
    folder: str | Path,
    *,
    cases: int = 1,
    diagnosis: str | None = None,
    seed: int = 0,
    workers: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SimulatedCohort:
    """Make simulated cases with known lesions in drawn spines. The same seed gives the same bytes.

    Args:
        folder: folder of the cohort, created if missing; each case gets a folder in it.
        cases: number of cases.
        diagnosis: diagnosis of all cases, or ``healthy``; None takes the diseases in turn.
        seed: random seed of the cohort.
        workers: number of processes; with more than one, call this below ``if __name__ == "__main__":``.
        overwrite: replace existing cases.
        progress: function called with the number of finished cases and the total.

    Raises:
        OutputError: existing files would be replaced and ``overwrite`` is not set, or the folder cannot be written to.
        ValueError: the diagnosis is unknown, or a number is out of range.
    """
    SimulationOptions(cases=cases, seed=seed, workers=workers)  # refuses numbers before anything is written
    planned, out = _planned(cases, diagnosis), Path(folder)
    writing = Writing(out=out, seed=seed, overwrite=overwrite)
    for done, _ in enumerate(write_cohort(planned, writing, workers=workers), start=1):
        if progress:
            progress(done, len(planned))
    return SimulatedCohort(table=out / TABLE, cases=tuple(out / case.name for case in planned))


def _planned(cases: int, diagnosis: str | None) -> list[PlannedCase]:
    if diagnosis == HEALTHY:
        return plan_cohort(cases=0, healthy=cases)
    return plan_cohort(cases=cases, diagnosis=None if diagnosis is None else tree().diagnosis(diagnosis))
