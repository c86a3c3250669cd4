"""``spinal-tf weights``: lists, verifies, imports and releases weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spinal_tf.cli.output_option import output_option
from spinal_tf.cli.weights_folder import say_where, target_folder


@click.group()
def weights() -> None:
    """List, verify, import or release the networks' weights."""


@weights.command("list")
def list_command() -> None:
    """List the weights in use, without checking them."""
    from spinal_tf.checkpoints.cutoffs import points_in_words
    from spinal_tf.checkpoints.manifest import find_weights, read_manifest
    from spinal_tf.tables.table_model import Column, filled
    from spinal_tf.tables.terminal import aligned

    folder = find_weights()
    columns = (
        Column("", lambda one: one.name),
        Column("", lambda one: one.network),
        Column("", lambda one: "+".join(one.modalities)),
        Column("", lambda one: f"operating point {points_in_words(one)}"),
        Column("", lambda one: f"sha256 {one.sha256[:12]}"),
        Column("", lambda one: one.card),
    )
    rows = filled(columns, read_manifest(folder).values()).rows
    click.echo(f"{folder}:\n{aligned(rows)}")


@weights.command("verify")
def verify_command() -> None:
    """Check every weights file against its SHA-256; exit with 4 if one is missing or damaged."""
    from spinal_tf.checkpoints.manifest import find_faults, find_weights
    from spinal_tf.errors import WeightsError
    from spinal_tf.tables.terminal import aligned

    folder = find_weights()
    faults = find_faults(folder)
    rows = [(name, "damaged or missing" if fault else "sound") for name, fault in faults.items()]
    click.echo(f"{folder}:\n{aligned(rows)}")
    if any(faults.values()):
        raise WeightsError("; ".join(fault for fault in faults.values() if fault))


@weights.command("import")
@click.argument("source", metavar="FILE", type=click.Path(exists=True, path_type=Path))
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="Folder to install into.")
@click.option("--overwrite", is_flag=True, help="Overwrite weights of the same name.")
def import_command(source: Path, folder: Path | None, overwrite: bool) -> None:
    """Install a weights set: a zip or folder with manifest.json, weights and model cards.

    The set is checked completely before anything is written. Destination: --to, then the folder that
    SPINAL_TF_WEIGHTS names, then the folder of the weights in use.
    """
    from spinal_tf.checkpoints.weight_sets import install_set, read_set
    from spinal_tf.tables.terminal import aligned

    new = read_set(source)
    target = target_folder(folder)
    with output_option("--to"):
        outcomes = install_set(new, target, overwrite=overwrite).items()
    notes = {"kept": "kept (add --overwrite to replace it)"}
    click.echo(aligned((name, notes.get(outcome, outcome)) for name, outcome in outcomes))
    say_where(target, folder)


@weights.command("release")
@click.argument("run", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
@click.option("--into", "folder", type=click.Path(file_okay=False, path_type=Path), help="Folder of weights to add to.")
@click.option(
    "--data",
    required=True,
    metavar="WORDS",
    help='Training data in words, for the card and every report, such as "312 patients of one hospital".',
)
@click.option(
    "--kind",
    type=click.Choice(["simulated", "mixed", "patients"]),
    help="Kind of the training cases, which the notice of every report follows. Default: by the cohort's column "
    "scanner.",
)
@click.option(
    "--notes", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Markdown file to append to the card."
)
@click.option("--overwrite", is_flag=True, help="Overwrite weights of the same name.")
def release_command(run: Path, folder: Path | None, notes: Path | None, overwrite: bool, **words: Any) -> None:  # noqa: ANN401
    """Add the best weights of a training run, with manifest entry and model card, to a folder of weights.

    Destination: --into, then the folder that SPINAL_TF_WEIGHTS names, then the folder of the weights in use.
    """
    from spinal_tf.cli.quiet import quiet_stderr

    with quiet_stderr():
        from spinal_tf.keras_start import start_keras

        start_keras()
        from spinal_tf.training.release import release_run
        from spinal_tf.training.run_folder import RunFolder
    target = target_folder(folder)
    text = notes.read_text(encoding="utf-8") if notes else ""
    with output_option("--into"):
        outcome = release_run(RunFolder(path=run), target, notes=text, overwrite=overwrite, **words)
    click.echo(f"{run}: {outcome}{' (add --overwrite to replace it)' if outcome == 'kept' else ''}")
    say_where(target, folder)
