"""``spinal-tf simulate``."""

from __future__ import annotations

import os
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import click

from spinal_tf.cli.progress import duration
from spinal_tf.cli.tree_choice import ONE_DIAGNOSIS
from spinal_tf.taxonomy import tree

FOLDER = click.Path(path_type=Path, file_okay=False)


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Values of the options below; see their help."""

    out: Path
    cases: int | None
    seed: int
    diagnosis: str | None
    healthy: int
    procedural: bool
    template: Path | None
    background: Path | None
    workers: int | None
    sheet: bool
    resume: bool
    overwrite: bool


@click.command()
@click.argument("out", type=FOLDER)
@click.option(
    "--cases",
    type=click.IntRange(1),
    help="Number of cases with a lesion. Default: as in the paper, 490 + 157.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Random seed; the same seed gives the same cases.",
)
@click.option(
    "--diagnosis",
    type=ONE_DIAGNOSIS,
    help="Simulate one disease only. Default: all that have simulation parameters, in turn.",
)
@click.option("--healthy", type=click.IntRange(0), default=0, metavar="N", help="Add N cases without lesion.")
@click.option("--template", type=FOLDER, help="Use the average spine with labels in this folder as background.")
@click.option("--background", type=FOLDER, help="Use the healthy scans in this folder as backgrounds.")
@click.option(
    "--procedural", is_flag=True, help="Use drawn spines, the default; give it to mix them with other backgrounds."
)
@click.option("--workers", type=click.IntRange(1), help="Number of processes. Default: one for each core.")
@click.option("--sheet", is_flag=True, help="Also write contact-sheet.png with some cases of each disease.")
@click.option("--resume", is_flag=True, help="Keep complete cases and make the others.")
@click.option("--overwrite", is_flag=True, help="Overwrite existing cases.")
def simulate(**given: Any) -> None:  # noqa: ANN401 - the options above
    """Make simulated cases with known lesions in the folder OUT.

    Each case is a folder with t2.nii.gz, mask.nii.gz (the lesions), cord.nii.gz, levels.nii.gz (vertebrae, 1 is C1) and
    parameters.json, and t1c.nii.gz if a contrast-enhanced scan was made. OUT/cohort.csv lists the cases. Without
    --cases, each split has as many cases of each diagnosis as in the paper. Simulated cases test software; they say
    nothing about patients.
    """
    from spinal_tf.phantom.plan import plan_cohort
    from spinal_tf.phantom.simulated_cohort import Backgrounds, Writing, write_cohort

    chosen = Choices(**given)
    disease = tree().diagnosis(chosen.diagnosis) if chosen.diagnosis else None
    planned = plan_cohort(cases=chosen.cases, diagnosis=disease, healthy=chosen.healthy)
    procedural = chosen.procedural or not (chosen.template or chosen.background)
    kinds = Backgrounds(procedural=procedural, template=chosen.template, scans=chosen.background)
    writing = Writing(
        out=chosen.out, seed=chosen.seed, backgrounds=kinds, overwrite=chosen.overwrite, resume=chosen.resume
    )
    recent = deque([perf_counter()], maxlen=20)
    written = write_cohort(planned, writing, workers=chosen.workers or os.cpu_count() or 1)
    with closing(written):  # if nobody reads the lines any more, running cases are finished
        for number, folder in enumerate(written, start=1):
            recent.append(perf_counter())
            left = (recent[-1] - recent[0]) / (len(recent) - 1) * (len(planned) - number)
            click.echo(f"[{number}/{len(planned)}] {folder}, about {duration(left)} left")
    click.echo(f"{chosen.out / 'cohort.csv'}: {len(planned)} simulated cases")
    if chosen.sheet:
        from spinal_tf.phantom.sheet import write_sheet

        click.echo(str(write_sheet(chosen.out, planned, overwrite=chosen.overwrite or chosen.resume)))
