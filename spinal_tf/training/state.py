"""State of a training in one file, enough to resume as if it had not been interrupted."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinal_tf.errors import TrainingError
from spinal_tf.files import output_files
from spinal_tf.training.workers import Workers

FORMAT = 1

_DAMAGES = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error)


@dataclass(kw_only=True)
class Progress:
    """Progress of a training. Samples need no state: each is a pure function of seed, step and index.

    Attributes:
        step: number of steps done.
        seconds: training time in seconds, including time before an interruption.
        losses: sum of the training loss since the last validation.
        losses_count: number of steps in that sum.
        gain_step: step of the best validation.
        waiting_step: step from which a plateau is counted.
        rate_factor: factor on the learning rate after plateaus.
        best: record of the best validation, None before the first.
    """

    step: int = 0
    seconds: float = 0.0
    losses: float = 0.0
    losses_count: int = 0
    gain_step: int = 0
    waiting_step: int = 0
    rate_factor: float = 1.0
    best: dict[str, Any] | None = None


def save_state(path: Path, progress: Progress, variables: Sequence[Any]) -> None:
    """Write the state, completely or not at all.

    Args:
        path: .npz file; an existing one is replaced.
        progress: progress of the training.
        variables: Keras variables of network and optimizer, always in the same order.

    Raises:
        OutputError: it cannot be written.
    """
    record = {"format": FORMAT, **asdict(progress)}
    arrays: dict[str, Any] = {f"{number:05d}": variable.numpy() for number, variable in enumerate(variables)}
    with output_files(path, overwrite=True) as (temporary,), temporary.open("wb") as file:
        np.savez(file, record=np.array(json.dumps(record)), **arrays)


def load_state(path: Path, variables: Sequence[Any]) -> Progress:
    """Read a state into the variables.

    Args:
        path: written by `save_state`.
        variables: same variables in the same order; changed in place.

    Raises:
        TrainingError: the file is damaged, or belongs to another network or version.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            record = json.loads(str(stored["record"]))
            arrays = [stored[f"{number:05d}"] for number in range(len(stored.files) - 1)]
        other = record.pop("format", None) != FORMAT
        progress = Progress() if other else Progress(**record)
    except _DAMAGES as error:
        raise TrainingError(f"{path}: a damaged training state; train again in another folder") from error
    shapes = [tuple(variable.shape) for variable in variables]
    if other or [array.shape for array in arrays] != shapes:
        raise TrainingError(f"{path}: the state of another network or version; train again in another folder")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return progress


def share_state(progress: Progress, variables: Sequence[Any], workers: Workers) -> None:
    """Copy the chief's state to every process, so that only the chief needs the file; ``best`` is not copied.

    Args:
        progress: changed in place.
        variables: as for `save_state`; changed in place.
        workers: the processes.
    """
    if workers.alone:
        return
    numbers = {name: value for name, value in asdict(progress).items() if name != "best"}
    for (name, value), ours in zip(numbers.items(), workers.from_chief(*numbers.values()), strict=True):
        setattr(progress, name, type(value)(ours))
    arrays = workers.arrays_from_chief([variable.numpy() for variable in variables])
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
