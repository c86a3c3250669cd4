"""Where weights go, and how to use them from there."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click


def target_folder(folder: Path | None) -> Path:
    """The folder that was named, else the one of the environment variable, else the one in use.

    Raises:
        WeightsError: none is named and there is none.
    """
    from spinal_tf.checkpoints.manifest import FOLDER_VARIABLE, find_weights

    named = os.environ.get(FOLDER_VARIABLE)
    return folder or (Path(named) if named else find_weights())


def say_where(target: Path, folder: Path | None) -> None:
    """Tell where weights are now, and how to use them where that is not so already.

    Args:
        target: from `target_folder`.
        folder: that was named, if any.
    """
    from spinal_tf.checkpoints.manifest import FOLDER_VARIABLE

    named = os.environ.get(FOLDER_VARIABLE)
    click.echo(f"weights are in {target}")
    if folder and (not named or Path(named).resolve() != folder.resolve()):
        click.echo(f"to use them: export {FOLDER_VARIABLE}={shlex.quote(str(folder.resolve()))}")
