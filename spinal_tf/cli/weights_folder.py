"""Destination folder of weights, and how to use them from there."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click


def target_folder(folder: Path | None) -> Path:
    """Return the given folder, else that of the environment variable, else that of the weights in use.

    Raises:
        WeightsError: no folder is named and no weights are in use.
    """
    from spinal_tf.checkpoints.manifest import FOLDER_VARIABLE, find_weights

    named = os.environ.get(FOLDER_VARIABLE)
    return folder or (Path(named) if named else find_weights())


def say_where(target: Path, folder: Path | None) -> None:
    """Print where the weights are, and how to use them if a different folder is in use.

    Args:
        target: from `target_folder`.
        folder: folder given on the command line, if any.
    """
    from spinal_tf.checkpoints.manifest import FOLDER_VARIABLE

    named = os.environ.get(FOLDER_VARIABLE)
    click.echo(f"weights are in {target}")
    if folder and (not named or Path(named).resolve() != folder.resolve()):
        click.echo(f"to use them: export {FOLDER_VARIABLE}={shlex.quote(str(folder.resolve()))}")
