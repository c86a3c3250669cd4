"""Runs one or many cases: progress, failures, and skipped cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import click

from spinal_tf.case_files import CaseFiles
from spinal_tf.cli.failures import complain, sentence
from spinal_tf.cli.progress import duration
from spinal_tf.one_by_one import Finished, run_one_by_one

SOME_FAILED = 5

Work = Callable[[CaseFiles], str]


def run_cases(cases: Sequence[CaseFiles], work: Work, *, done: Callable[[CaseFiles], bool] | None = None) -> None:
    """Do the work on every case; with several, one failure does not stop the rest.

    Args:
        cases: cases to work on.
        work: function that processes a case and returns a line for the terminal.
        done: function that tells whether to skip a case.
    """
    todo = [case for case in cases if done is None or not done(case)]
    if len(todo) < len(cases):
        click.echo(f"{len(cases) - len(todo)} of {len(cases)} cases have their outputs and are skipped", err=True)
    if len(cases) == 1:
        for case in todo:
            click.echo(work(case))
        return
    failed = run_one_by_one({str(case.case): partial(work, case) for case in todo}, tell_case)
    exit_if_failed(failed, len(todo))


def tell_case(case: Finished) -> None:
    """Print the result of a case, and the estimated time for the rest."""
    if case.error is None:
        click.echo(case.words)
    else:
        complain(f"{case.name}: {sentence(case.error).removeprefix(f'{Path(case.name).name}: ')}")
    left = duration(case.seconds_left)
    click.echo(f"[{case.number}/{case.total}] {case.name}, about {left} left", err=True)


def exit_if_failed(failed: Iterable[str], total: int) -> None:
    """If cases failed, print their names and exit with `SOME_FAILED`."""
    names = list(failed)
    if names:
        click.echo(f"spinal-tf: {len(names)} of {total} cases failed: {', '.join(names)}", err=True)
        click.get_current_context().exit(SOME_FAILED)
