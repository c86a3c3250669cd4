"""``spinal-tf cohort``: checks and summarizes a cohort's table and images."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spinal_tf.cli.field_options import field_options, filled, with_options
from spinal_tf.cli.options import PredictionChoices, open_weights, refuse_options
from spinal_tf.cli.progress import progress_bar

if TYPE_CHECKING:
    from spinal_tf.anatomy.found_spine import FoundSpine
    from spinal_tf.images.volume import Volume

Function = TypeVar("Function", bound=Callable[..., Any])

network_options = with_options(*field_options(PredictionChoices, "weights_folder", "device"))

MOST_WARNINGS = 20
"""Maximum number of printed warnings; a peculiarity of a scanner would otherwise be repeated for every case."""


def _shared(function: Function) -> Function:
    for decorate in (
        click.option("--allow-plane", is_flag=True, help="Accept scans that were not acquired sagittally."),
        click.option("--assume-orientation", is_flag=True, help="Accept scans without orientation."),
        click.argument("table", metavar="COHORT.csv", type=click.Path(path_type=Path)),
    ):
        function = decorate(function)
    return function


@click.group()
def cohort() -> None:
    """Check a cohort's table and images, or compare them with the paper's Table 1."""


@cohort.command("check")
@_shared
def check_command(table: Path, assume_orientation: bool, allow_plane: bool) -> None:
    """List all faults of a cohort's table and images in one pass; exit with 3 if there are any.

    docs/cohort.md describes the table. Every image is read. Without faults, prints the numbers of cases and the
    cohort's hash. The hash depends on cases and voxels, not on paths or order.
    """
    from spinal_tf.cohort.cohort_check import check_cohort
    from spinal_tf.cohort.counts import counted
    from spinal_tf.errors import CohortError
    from spinal_tf.images.volume import read_volume

    read = partial(read_volume, assume_orientation=assume_orientation, allow_plane=allow_plane)
    with progress_bar("Reading the images") as progress:
        checked = check_cohort(table, read=read, progress=progress)
    for fault in checked.faults:
        click.echo(fault)
    for warning in checked.warnings[:MOST_WARNINGS]:
        click.echo(f"warning: {warning}")
    if len(checked.warnings) > MOST_WARNINGS:
        click.echo(f"warning: and {len(checked.warnings) - MOST_WARNINGS} more")
    if checked.faults:
        faults = "1 fault" if len(checked.faults) == 1 else f"{len(checked.faults)} faults"
        raise CohortError(f"{table.name}: {faults}, listed above; correct them and check again")
    click.echo(f"{table.name}: no faults\n\n{counted(checked.cohort)}\n\nsha256 {checked.sha256}")


@cohort.command("summary")
@_shared
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option(
    "--levels-from-images",
    is_flag=True,
    help="Where the table has no level or extent, find the vertebrae on the scan and count those at the mask.",
)
@network_options
def summary_command(
    table: Path,
    assume_orientation: bool,
    allow_plane: bool,
    as_json: bool,
    levels_from_images: bool,
    **given: Any,  # noqa: ANN401 - the options of the network
) -> None:
    """Print Table 1 of the paper for a cohort, beside the paper's own numbers.

    Counts and volumes of lesions are measured on the masks. Sex, age, level, extent and enhancement come from the
    table; docs/cohort.md describes its columns.
    """
    if not levels_from_images:
        refuse_options(network_options, "is for finding vertebrae; add --levels-from-images")
    from spinal_tf.cohort.read_cohort import read_cohort
    from spinal_tf.evaluation.cohort_summary import summarise
    from spinal_tf.evaluation.summary_text import as_record, as_text
    from spinal_tf.images.volume import read_volume

    read = partial(read_volume, assume_orientation=assume_orientation, allow_plane=allow_plane)
    cases = read_cohort(table)
    search = _search(filled(PredictionChoices, given)) if levels_from_images else None
    with progress_bar("Measuring the lesions") as progress:
        found = summarise(cases, read=read, search=search, progress=progress)
    click.echo(json.dumps(as_record(found), indent=2, allow_nan=False) if as_json else as_text(found))


def _search(choices: PredictionChoices) -> Callable[[Volume], FoundSpine]:
    """Return the function that finds the spine on a scan.

    Raises:
        WeightsError: the weights are missing or damaged, or have no network that finds the spine.
        DeviceError: this machine has no such device.
    """
    from spinal_tf.errors import WeightsError
    from spinal_tf.spine_search import search_spine
    from spinal_tf.stopwatch import Stopwatch

    weights = open_weights(choices)
    network = weights.anatomy()
    if network is None:
        raise WeightsError(f"{weights.folder}: has no network that finds vertebrae; name other weights with --weights")
    return lambda volume: search_spine(volume, network, Stopwatch())
