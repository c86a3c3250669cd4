"""Running one case or many: progress, failures, what to skip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

import click

from spinal_tf.case_files import CaseFiles
from spinal_tf.cli.failures import complain, sentence
from spinal_tf.cli.progress import duration
from spinal_tf.errors import DeviceError, RequirementError, WeightsError

SOME_FAILED = 5

SAME_FOR_ALL = (WeightsError, DeviceError, RequirementError, BrokenPipeError, click.ClickException)
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
    exit_if_failed(run_several({str(case.case): partial(work, case) for case in todo}), len(todo))


def run_several(todo: Mapping[str, Callable[[], str]]) -> dict[str, str]:
    """Do several pieces of work, whatever becomes of each, and tell how long the rest will take.

    Args:
        todo: by name of the case; each returns a line for the terminal.

    Returns:
        What was wrong with those that failed, by name.
    """
    failed, start = {}, perf_counter()
    for number, (name, work) in enumerate(todo.items(), start=1):
        try:
            click.echo(work())
        except SAME_FOR_ALL:
            raise
        except Exception as error:  # noqa: BLE001 - told at once, counted in the end, and the next case is tried
            failed[name] = sentence(error).removeprefix(f"{Path(name).name}: ")
            complain(f"{name}: {failed[name]}")
        left = (perf_counter() - start) / number * (len(todo) - number)
        click.echo(f"[{number}/{len(todo)}] {name}, about {duration(left)} left", err=True)
    return failed


def exit_if_failed(failed: Iterable[str], total: int) -> None:
    """End with `SOME_FAILED` where cases failed, naming them."""
    names = list(failed)
    if names:
        click.echo(f"spinal-tf: {len(names)} of {total} cases failed: {', '.join(names)}", err=True)
        click.get_current_context().exit(SOME_FAILED)
