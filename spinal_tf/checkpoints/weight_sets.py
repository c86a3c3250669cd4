"""Weights sets: a zip or folder with manifest, weights and cards, fully checked before installation."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spinal_tf.checkpoints.manifest import (
    MANIFEST,
    Checkpoint,
    manifest_json,
    parse_manifest,
    read_manifest,
    require_hash,
)
from spinal_tf.checkpoints.weight_files import decode_weights
from spinal_tf.errors import WeightsError
from spinal_tf.files import make_folder, output_files
from spinal_tf.locks import locked

MAXIMUM_FILE_BYTES = 256 * 1024 * 1024
"""Maximum size of a file in a set, as protection against zip bombs; DenseNet121 takes 28 MB in full precision."""


@dataclass(frozen=True, kw_only=True)
class WeightsSet:
    """A weights set that was read and passed all checks.

    Attributes:
        checkpoints: checkpoints by name.
        files: content of every weights file and card, by plain name.
    """

    checkpoints: Mapping[str, Checkpoint]
    files: Mapping[str, bytes]


def read_set(source: Path) -> WeightsSet:
    """Read a weights set and check every hash, without writing anything.

    It reads only files named in the manifest, in the manifest's own folder. Names in a manifest have no separators, so
    nothing outside can be reached.

    Args:
        source: zip file or folder.

    Raises:
        WeightsError: it is neither, holds no manifest, lacks a file, or a file is damaged or too large.
    """
    if source.is_dir():
        return _checked_set(_FolderReader(source))
    try:
        with zipfile.ZipFile(source) as archive:
            return _checked_set(_ZipReader(source, archive))
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise WeightsError(f"{source}: not a readable zip file or folder of weights; fetch it again") from error


class _FolderReader:
    def __init__(self, folder: Path) -> None:
        self.source = folder

    def read(self, name: str) -> bytes:
        path = self.source / name
        try:
            if path.stat().st_size > MAXIMUM_FILE_BYTES:
                raise WeightsError(f"{path}: larger than any weights file; check what it is")
            return path.read_bytes()
        except OSError as error:
            raise WeightsError(f"{path}: cannot be read ({error.strerror}); fetch the set again") from error


class _ZipReader:
    def __init__(self, source: Path, archive: zipfile.ZipFile) -> None:
        self.source = source
        self._archive = archive
        manifests = [name for name in archive.namelist() if name.rpartition("/")[2] == MANIFEST]
        if len(manifests) != 1:
            raise WeightsError(f"{source}: holds {len(manifests)} files {MANIFEST} instead of one; fetch the set again")
        self._folder = manifests[0].removesuffix(MANIFEST)

    def read(self, name: str) -> bytes:
        try:
            member = self._archive.getinfo(self._folder + name)
        except KeyError as error:
            raise WeightsError(f"{self.source}: {name} is missing from it; fetch the set again") from error
        if member.file_size > MAXIMUM_FILE_BYTES:
            raise WeightsError(f"{self.source}: {name} is larger than any weights file; check what it is")
        return self._archive.read(member)


def _checked_set(reader: _FolderReader | _ZipReader) -> WeightsSet:
    checkpoints = parse_manifest(reader.read(MANIFEST), source=f"{reader.source}: {MANIFEST}")
    files: dict[str, bytes] = {}
    for checkpoint in checkpoints.values():
        source = f"{reader.source}: {checkpoint.file}"
        data = reader.read(checkpoint.file)
        require_hash(data, checkpoint, source=source)
        decode_weights(data, source=source)
        files[checkpoint.file] = data
        files[checkpoint.card] = reader.read(checkpoint.card)
    return WeightsSet(checkpoints=checkpoints, files=files)


def install_set(new: WeightsSet, folder: Path, *, overwrite: bool = False) -> dict[str, str]:
    """Install a set in a folder, all of it or nothing.

    Args:
        new: set from `read_set`.
        folder: folder, created if missing. Checkpoints in it that are not in the set are kept.
        overwrite: replace checkpoints with the same name but different content; otherwise they are kept.

    Returns:
        For each checkpoint of the set: ``installed``, ``replaced``, ``kept`` or ``already there``.

    Raises:
        WeightsError: the folder's manifest is invalid, or another checkpoint uses the same file name.
        OutputError: the folder cannot be written to.
    """
    make_folder(folder)
    outcome = _outcomes(_listed(folder), new, folder, overwrite=overwrite)
    if not _chosen(outcome):
        return outcome
    with locked(folder / MANIFEST):
        old = _listed(folder)
        outcome = _outcomes(old, new, folder, overwrite=overwrite)
        _write(new, old, _chosen(outcome), folder)
    return outcome


def _listed(folder: Path) -> dict[str, Checkpoint]:
    return read_manifest(folder) if (folder / MANIFEST).exists() else {}


def _chosen(outcome: Mapping[str, str]) -> list[str]:
    return [name for name, what in outcome.items() if what in ("installed", "replaced")]


def _write(new: WeightsSet, old: Mapping[str, Checkpoint], chosen_names: Sequence[str], folder: Path) -> None:
    if not chosen_names:
        return
    chosen = {name: new.checkpoints[name] for name in chosen_names}
    staying = {name: checkpoint for name, checkpoint in old.items() if name not in chosen}
    names = sorted({name for checkpoint in chosen.values() for name in (checkpoint.file, checkpoint.card)})
    _refuse_taken(names, staying, new, folder)
    targets = [folder / name for name in (*names, MANIFEST)]
    with output_files(*targets, overwrite=True) as temporaries:
        for name, temporary in zip(names, temporaries, strict=False):
            temporary.write_bytes(new.files[name])
        temporaries[-1].write_text(manifest_json({**staying, **chosen}), encoding="utf-8")


def _outcomes(old: Mapping[str, Checkpoint], new: WeightsSet, folder: Path, *, overwrite: bool) -> dict[str, str]:
    outcomes = {}
    for name, checkpoint in new.checkpoints.items():
        same = all(_same(folder / part, new.files[part]) for part in (checkpoint.file, checkpoint.card))
        if name not in old:
            outcomes[name] = "installed"
        elif old[name] == checkpoint and same:
            outcomes[name] = "already there"
        else:
            outcomes[name] = "replaced" if overwrite else "kept"
    return outcomes


def _same(path: Path, data: bytes) -> bool:
    return path.is_file() and path.read_bytes() == data


def _refuse_taken(names: list[str], staying: Mapping[str, Checkpoint], new: WeightsSet, folder: Path) -> None:
    for checkpoint in staying.values():
        for name in (checkpoint.file, checkpoint.card):
            if name in names and not _same(folder / name, new.files[name]):
                raise WeightsError(
                    f"{folder / name}: belongs to {checkpoint.name}, which stays, and the set brings another file of "
                    "that name; install the set into a folder of its own with --to"
                )
