"""Running one case or many: progress, failures, what to skip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

import click

from spinal_tf.case_files import CaseFiles
from spinal_tf.cli.failures import complain, sentence
from spinal_tf.cli.progress import duration
from spinal_tf.errors import DeviceError, WeightsError

SOME_FAILED = 5

SAME_FOR_ALL = (WeightsError, DeviceError, BrokenPipeError, click.ClickException)
"""Failures that are no case's own: the next one would only repeat them."""

Work = Callable[[CaseFiles], str]


def run_cases(cases: Sequence[CaseFiles], work: Work, *, done: Callable[[CaseFiles], bool] | None = None) -> None:
    """Do the work on every case; with several, one failure does not stop the rest.

    Args:
        cases: to work on.
        work: returns a line for the terminal.
        done: tells cases to skip.
    """
    todo = [case for case in cases if done is None or not done(case)]
    if len(todo) < len(cases):
        click.echo(f"{len(cases) - len(todo)} of {len(cases)} cases have their outputs and are skipped", err=True)
    if len(cases) == 1:
        for case in todo:
            click.echo(work(case))
        return
    failed = _run_several(todo, work)
    if failed:
        click.echo(f"spinal-tf: {len(failed)} of {len(todo)} cases failed: {', '.join(failed)}", err=True)
        click.get_current_context().exit(SOME_FAILED)


def _run_several(todo: Sequence[CaseFiles], work: Work) -> list[str]:
    failed, start = [], perf_counter()
    for number, case in enumerate(todo, start=1):
        try:
            click.echo(work(case))
        except SAME_FOR_ALL:
            raise
        except Exception as error:  # noqa: BLE001 - told at once, counted in the end, and the next case is tried
            failed.append(str(case.case))
            complain(f"{case.case}: {sentence(error).removeprefix(f'{case.case.name}: ')}")
        left = (perf_counter() - start) / number * (len(todo) - number)
        click.echo(f"[{number}/{len(todo)}] {case.case}, about {duration(left)} left", err=True)
    return failed
