"""Search of a folder and everything below it for scans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spinal_tf.errors import VolumeError
from spinal_tf.folders.candidate import UNMATCHED, Candidate, found_candidate
from spinal_tf.images.image_registry import image_suffix, is_image

OTHER_FILES = "other file"
DERIVATIVES = "derivatives"


@dataclass(frozen=True, kw_only=True)
class Search:
    """What was found below a folder.

    Attributes:
        folder: the folder as the user gave it.
        candidates: images, and folders that were not searched, in the order of their paths.
        other_files: number of files that are not images.
    """

    folder: Path
    candidates: tuple[Candidate, ...]
    other_files: int = 0

    @property
    def taken(self) -> list[Path]:
        """Paths of the scans."""
        return [candidate.path for candidate in self.candidates if not candidate.left_out]

    @property
    def left_out(self) -> Counter[str]:
        """Number of images, folders and other files that are left out, by reason."""
        reasons = Counter(candidate.left_out for candidate in self.candidates if candidate.left_out)
        return reasons + Counter({OTHER_FILES: self.other_files})

    def __str__(self) -> str:
        """Return one line: number of scans, and how much was left out for which reason."""
        shown = ", ".join(f"{reason} ({number})" for reason, number in self.left_out.most_common())
        number = len(self.taken)
        return f"{self.folder}: {number} scan{'s' * (number != 1)}" + (f"; left out: {shown}" if shown else "")


def search(folder: Path, *, pattern: str | None = None, allow_plane: bool = False) -> Search:
    """Search a folder at any depth.

    Left out are hidden files and folders, ``derivatives``, folders seen before (through links), outputs of this
    package, masks and other contrasts by name or sidecar, and images that are not sagittal by their header.

    Args:
        folder: folder to search.
        pattern: pattern for the end of a path, folder by folder, such as ``sub-*/anat/*T2w*``; other images are left
            out.
        allow_plane: take images that were not acquired sagittally.

    Raises:
        VolumeError: the folder itself cannot be listed for lack of permission.
    """
    candidates: list[Candidate] = []
    others = 0
    for found in _below(folder, {_identity(folder)}):
        if isinstance(found, Candidate):
            candidates.append(found)
        elif not is_image(found):
            others += 1
        elif pattern and not found.relative_to(folder).match(pattern):
            candidates.append(Candidate(path=found, left_out=UNMATCHED))
        else:
            candidates.append(found_candidate(found, allow_plane=allow_plane))
    return Search(folder=folder, candidates=tuple(candidates), other_files=others)


def _below(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path | Candidate]:
    """Yield files and folders that are images, and folders that are not entered."""
    for path in _listed(folder):
        if not path.is_dir() or (is_image(path) and not image_suffix(path)):
            yield path
            continue
        reason = _why_not_entered(path, seen)
        if reason:
            yield Candidate(path=path, left_out=reason)
            continue
        seen.add(_identity(path))
        try:
            yield from _below(path, seen)
        except VolumeError:
            yield Candidate(path=path, left_out="folder that may not be looked into")


def _listed(folder: Path) -> list[Path]:
    """List a folder in order, linked folders last, so that a folder is found under its own name first."""
    try:
        return sorted(folder.iterdir(), key=lambda path: (path.is_symlink() and path.is_dir(), path))
    except PermissionError as error:
        raise VolumeError(f"{folder}: this folder may not be looked into; ask for access to it") from error


def _why_not_entered(folder: Path, seen: set[tuple[int, int]]) -> str:
    if folder.name.startswith("."):
        return "hidden folder"
    if folder.name.lower() == DERIVATIVES:
        return "folder of derivatives"
    return "folder that was seen before" if _identity(folder) in seen else ""


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
