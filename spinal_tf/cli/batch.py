"""Runs one or many cases: progress, failures, cases that are left to other runs, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType

import click

from spinal_tf.case_files import CaseFiles
from spinal_tf.claims import Claims, FinishedElsewhereError
from spinal_tf.cli.failures import complain, sentence
from spinal_tf.cli.progress import duration
from spinal_tf.cli.summary import Outcome
from spinal_tf.errors import BusyError, VolumeError
from spinal_tf.file_names import legible
from spinal_tf.one_by_one import Finished, run_one_by_one

SOME_FAILED = 5

Hold = Callable[[CaseFiles], AbstractContextManager[None]]
"""Function that holds the claim on a case while its block runs."""

Work = Callable[[CaseFiles, Hold], Outcome]
"""Function that processes a case; it writes outputs only while it holds the claim."""


@dataclass(kw_only=True)
class Tally:
    """Cases of a batch by what became of them."""

    outcomes: list[Outcome] = field(default_factory=list)
    failed: dict[str, Exception] = field(default_factory=dict)
    skipped: int = 0
    busy: list[CaseFiles] = field(default_factory=list)

    def __str__(self) -> str:
        """Return one line with all numbers."""
        lesion = sum(outcome.lesion for outcome in self.outcomes)
        review = sum(outcome.review for outcome in self.outcomes)
        total = len(self.outcomes) + len(self.failed) + self.skipped + len(self.busy)
        busy = f", {len(self.busy)} left to another run" if self.busy else ""
        return (
            f"{total} cases: {lesion} with lesion, {len(self.outcomes) - lesion} without, "
            f"{review} flagged for review, {len(self.failed)} failed, {self.skipped} skipped{busy}"
        )


def run_cases(
    cases: Sequence[CaseFiles],
    work: Work,
    claims: Claims,
    *,
    resume: bool,
    refused: Mapping[Path, str] = MappingProxyType({}),
) -> None:
    """Do the work on every case; with several, one failure does not stop the rest.

    With several cases or ``resume``, cases that another run is working on are put aside, tried again at the end, and
    then left to it.

    Args:
        cases: cases to work on.
        work: function that processes a case.
        claims: claims on the cases.
        resume: skip cases whose outputs existed when the run started.
        refused: why cases cannot be worked on, by path; this is said before work starts, and they count as failed.

    Raises:
        VolumeError: the only case is refused.
    """
    todo = [case for case in cases if not (resume and claims.finished_before(case))]
    if len(todo) < len(cases):
        click.echo(f"{len(cases) - len(todo)} of {len(cases)} cases have their outputs and are skipped", err=True)
    tally = Tally(skipped=len(cases) - len(todo))
    failures = {case: VolumeError(f"{case.case}: {refused[case.case]}") for case in todo if case.case in refused}
    if len(cases) == 1 and failures:
        raise failures[todo[0]]
    if len(cases) == 1:
        for case in todo:
            click.echo(_one(case, work, claims, tally) if resume else work(case, claims.hold).words)
        return
    for case, failure in failures.items():
        complain(str(failure))
        tally.failed[str(case.case)] = failure
    _run_all([case for case in todo if case not in failures], work, claims, tally)
    if tally.busy:
        again, tally.busy = tally.busy, []
        _run_all(again, work, claims, tally)
    click.echo(str(tally), err=True)
    exit_if_failed(tally.failed, len(todo))


def _run_all(cases: Sequence[CaseFiles], work: Work, claims: Claims, tally: Tally) -> None:
    jobs = {str(case.case): partial(_one, case, work, claims, tally) for case in cases}
    tally.failed |= run_one_by_one(jobs, tell_case)


def _one(case: CaseFiles, work: Work, claims: Claims, tally: Tally) -> str:
    try:
        claims.refuse_finished(case)
        outcome = work(case, claims.hold)
    except BusyError:
        tally.busy.append(case)
        return f"{case.case}: another run is working on it; left to it for now"
    except FinishedElsewhereError:
        tally.skipped += 1
        return f"{case.case}: another run has finished it; skipped"
    tally.outcomes.append(outcome)
    return outcome.words


def tell_case(case: Finished) -> None:
    """Print the result of a case, and the estimated time for the rest."""
    if case.error is None:
        click.echo(case.words)
    else:
        complain(f"{case.name}: {sentence(case.error).removeprefix(f'{legible(Path(case.name).name)}: ')}")
    left = duration(case.seconds_left)
    click.echo(f"[{case.number}/{case.total}] {case.name}, about {left} left", err=True)


def exit_if_failed(failed: Iterable[str], total: int) -> None:
    """If cases failed, print their names and exit with `SOME_FAILED`."""
    names = list(failed)
    if names:
        click.echo(f"spinal-tf: {len(names)} of {total} cases failed: {', '.join(names)}", err=True)
        click.get_current_context().exit(SOME_FAILED)
