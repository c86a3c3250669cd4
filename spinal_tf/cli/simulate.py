"""``spinal-tf simulate``."""

from __future__ import annotations

from collections import Counter, deque
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import click

from spinal_tf.cli.field_options import field_options, filled, with_options
from spinal_tf.cli.options import FOLDER
from spinal_tf.cli.progress import duration
from spinal_tf.cli.tree_choice import ONE_DIAGNOSIS
from spinal_tf.cohort.case import Split
from spinal_tf.cores import usable_cores
from spinal_tf.option_fields import option
from spinal_tf.phantom.painting import Contrasts
from spinal_tf.phantom.plan import SimulationOptions, plan_cohort
from spinal_tf.taxonomy import tree


@dataclass(frozen=True, kw_only=True)
class Choices(SimulationOptions):
    """Values of the options of this command."""

    out: Path
    diagnosis: str | None = option(
        None, "Simulate one disease only. Default: all that have simulation parameters, in turn.", type=ONE_DIAGNOSIS
    )
    template: Path | None = option(None, "Use the average spine with labels in this folder as background.", type=FOLDER)
    background: Path | None = option(None, "Use the healthy scans in this folder as backgrounds.", type=FOLDER)
    procedural: bool = option(False, "Use drawn spines, the default; give it to mix them with other backgrounds.")
    contrasts: Contrasts = option(
        "t2w",
        "Contrasts of drawn spines. random: also random levels of all tissues but cord and fluid, and T1w; for "
        "`train anatomy`, since lesions keep their T2w levels.",
    )
    sheet: bool = option(False, "Also write contact-sheet.png with some cases of each disease.")
    resume: bool = option(False, "Keep complete cases and make the others.")
    overwrite: bool = option(False, "Overwrite existing cases.")


@click.command()
@click.argument("out", type=FOLDER)
@with_options(
    *field_options(Choices, "cases", "seed", "diagnosis", "healthy", "template", "background", "procedural"),
    *field_options(Choices, "contrasts"),
    *field_options(Choices, "workers", "sheet", "resume", "overwrite"),
)
def simulate(**given: Any) -> None:  # noqa: ANN401 - the options above
    """Make simulated cases with known lesions in the folder OUT.

    Each case is a folder with t2.nii.gz, mask.nii.gz (the lesions), cord.nii.gz, levels.nii.gz (vertebrae, 1 is C1) and
    parameters.json, and t1c.nii.gz if a contrast-enhanced scan was made. Drawn spines also have anatomy.nii.gz (cord,
    canal, bodies, discs, sacrum) and vertebrae.nii.gz. OUT/cohort.csv lists the cases. Without --cases, each split has
    as many cases of each diagnosis as in the paper. Simulated cases test software; they say nothing about patients.
    """
    from spinal_tf.phantom.simulated_cohort import Backgrounds, Writing, write_cohort

    chosen = filled(Choices, given)
    disease = tree().diagnosis(chosen.diagnosis) if chosen.diagnosis else None
    planned = plan_cohort(cases=chosen.cases, diagnosis=disease, healthy=chosen.healthy)
    procedural = chosen.procedural or not (chosen.template or chosen.background)
    kinds = Backgrounds(
        procedural=procedural, template=chosen.template, scans=chosen.background, contrasts=chosen.contrasts
    )
    writing = filled(Writing, given, backgrounds=kinds)
    recent = deque([perf_counter()], maxlen=20)
    written = write_cohort(
        planned, writing, workers=chosen.workers or usable_cores(), warn=partial(click.echo, err=True)
    )
    with closing(written):  # if nobody reads the lines any more, running cases are finished
        for number, folder in enumerate(written, start=1):
            recent.append(perf_counter())
            left = (recent[-1] - recent[0]) / (len(recent) - 1) * (len(planned) - number)
            click.echo(f"[{number}/{len(planned)}] {folder}, about {duration(left)} left")
    splits = Counter(case.split for case in planned)
    shares = ", ".join(f"{splits[split]} {split.value}" for split in Split)
    click.echo(f"{chosen.out / 'cohort.csv'}: {len(planned)} simulated cases ({shares})")
    if chosen.sheet:
        from spinal_tf.phantom.sheet import write_sheet

        click.echo(str(write_sheet(chosen.out, planned, overwrite=chosen.overwrite or chosen.resume)))
