"""Folder of one training run: its configuration, log and results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spinal_tf.errors import OutputError, TrainingError
from spinal_tf.files import make_folder, output_files
from spinal_tf.locks import locked
from spinal_tf.training.training_choices import differing

FORMAT = 1

DECIDING = ("arguments", "preprocessing", "options", "plan")
"""Parts of a run's record that must not change on resuming."""

_RECORD = {"name": str, "network": str, "begun": str, "resumed": list, "cohort": dict} | dict.fromkeys(DECIDING, dict)


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Paths of the files in a run's folder."""

    path: Path

    @property
    def record(self) -> Path:
        """File of the resolved configuration, versions and cohort hash."""
        return self.path / "run.json"

    @property
    def state(self) -> Path:
        """File of the state from which the run resumes."""
        return self.path / "state.npz"

    @property
    def best(self) -> Path:
        """Record of the best validation; it names the weights file."""
        return self.path / "best.json"

    @property
    def log(self) -> Path:
        """Table with a row for each validation."""
        return self.path / "log.csv"

    @property
    def curves(self) -> Path:
        """The log as a picture."""
        return self.path / "curves.png"

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard events."""
        return self.path / "tensorboard"

    def best_weights(self, step: int) -> Path:
        """Return the file name used if this step's weights are the best."""
        return self.path / f"best-{step:07d}.weights.h5"

    def read_record(self) -> dict[str, Any]:
        """Read the run's configuration.

        Raises:
            TrainingError: the folder holds no run, or one of another version.
        """
        return self._read(self.record, _RECORD, "holds no training run; give the folder that a training wrote")

    def read_best(self) -> dict[str, Any]:
        """Read the record of the best validation.

        Raises:
            TrainingError: the run has no validation yet.
        """
        return self._read(self.best, {}, "has no validation yet; resume the run with --resume")

    def read_best_weights(self) -> tuple[dict[str, Any], bytes]:
        """Read the best validation and its weights file; both again if a running training replaces them meanwhile.

        Raises:
            TrainingError: the run has no validation yet, or the weights cannot be read.
        """
        best = self.read_best()
        if not isinstance(best.get("file"), str):
            raise TrainingError(f"{self.best}: damaged, without a valid entry file; train again in another folder")
        path = self.path / best["file"]
        try:
            return best, path.read_bytes()
        except OSError as error:
            if self.read_best().get("file") != best["file"]:
                return self.read_best_weights()
            raise TrainingError(f"{path}: cannot be read ({error.strerror}); resume the run with --resume") from error

    def _read(self, path: Path, parts: Mapping[str, type], otherwise: str) -> dict[str, Any]:
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise TrainingError(f"{self.path}: {otherwise}") from error
        except (ValueError, RecursionError) as error:
            raise TrainingError(f"{path}: damaged, not JSON; train again in another folder") from error
        if not isinstance(record, dict):
            raise TrainingError(f"{path}: damaged, not a record; train again in another folder")
        if parts is _RECORD and record.get("format") != FORMAT:
            raise TrainingError(f"{self.path}: a run of another version of spinal-tf; train again in another folder")
        found: dict[str, Any] = record
        odd = [name for name, kind in parts.items() if not isinstance(found.get(name), kind)]
        if odd:
            raise TrainingError(f"{path}: damaged, without a valid entry {odd[0]}; train again in another folder")
        return found


@contextmanager
def held_run(path: Path) -> Iterator[None]:
    """Lock a run's folder against other processes while the block runs.

    Args:
        path: folder, created if missing.

    Raises:
        BusyError: another process trains there.
        OutputError: the folder cannot be made or written to.
    """
    make_folder(path, option="--out")
    with locked(RunFolder(path=path).record, wait=False):
        yield


def open_run(path: Path, record: Mapping[str, Any], *, resume: bool) -> RunFolder:
    """Start a run in a folder, or resume the one there.

    Args:
        path: folder, created if missing.
        record: configuration and time, with at least ``name``, ``network``, ``cohort``, ``begun`` and the `DECIDING`
            parts, all as JSON returns them.
        resume: continue the run in the folder, if there is one; start a run otherwise.

    Raises:
        OutputError: the folder holds a run and ``resume`` is not set, or it cannot be made or written to.
        TrainingError: the run there has a different configuration.
    """
    run = RunFolder(path=path)
    make_folder(path, option="--out")
    record = {"format": FORMAT, **record, "resumed": []}
    if run.record.exists():
        if not resume:
            raise OutputError(
                f"{path}: holds a training run already; add --resume to continue it, or choose another --out"
            )
        before = run.read_record()
        _refuse_other(path, before, record)
        record |= {"begun": before["begun"], "resumed": [*before["resumed"], record["begun"]]}
    write_json(run.record, record)
    return run


def _refuse_other(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    flat_before, flat_now = (
        {name: value for part in DECIDING for name, value in record[part].items()} | {"network": record["network"]}
        for record in (before, now)
    )
    odd = differing(flat_now, flat_before)
    if before["name"] != now["name"]:
        raise TrainingError(f"{path}: holds a run of {before['name']}, not of {now['name']}; choose another --out")
    if odd:
        others = ", ".join(f"{name} {flat_before.get(name)} (now {flat_now.get(name)})" for name in odd)
        raise TrainingError(f"{path}: the run was started with {others}; give --resume the same options")
    if before["cohort"].get("hash") != now["cohort"]["hash"]:
        raise TrainingError(f"{path}: the cohort has changed since the run was started; train again in another folder")


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record, completely or not at all; an existing one is replaced.

    Raises:
        OutputError: it cannot be written.
    """
    with output_files(path, overwrite=True) as (temporary,):
        temporary.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
