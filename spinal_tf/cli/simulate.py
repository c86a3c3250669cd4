"""``spinal-tf simulate``."""

from __future__ import annotations

from pathlib import Path

import click

DIAGNOSES = ("astrocytoma", "ependymoma", "ms", "nmosd")


@click.command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--cases", type=click.IntRange(1), default=4, show_default=True, help="Number of cases.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed gives the same cases."
)
@click.option("--diagnosis", type=click.Choice(DIAGNOSES), help="One disease only; otherwise the four in turn.")
@click.option("--overwrite", is_flag=True, help="Replace cases that exist.")
def simulate(out: Path, cases: int, seed: int, diagnosis: str | None, overwrite: bool) -> None:
    """Make simulated cases with known lesions in the folder OUT.

    Each case is a folder with t2.nii.gz, t1c.nii.gz, mask.nii.gz and parameters.json; OUT/cohort.csv lists them.
    Simulated cases test software; they say nothing about patients.
    """
    from spinal_tf.phantom.cohort import write_cohort
    from spinal_tf.taxonomy import Diagnosis

    wanted = [Diagnosis(diagnosis)] if diagnosis else list(Diagnosis)
    for number, folder in enumerate(write_cohort(out, wanted, cases=cases, seed=seed, overwrite=overwrite), start=1):
        click.echo(f"[{number}/{cases}] {folder}")
    click.echo(f"{out / 'cohort.csv'}: {cases} simulated cases")
