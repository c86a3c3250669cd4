"""Cases that inputs name: images, and folders with images at any depth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from spinal_tf.case_files import CaseFiles
from spinal_tf.errors import OutputError, VolumeError
from spinal_tf.folders.candidate import Candidate, named_candidate
from spinal_tf.folders.search import Search, search
from spinal_tf.images.image_registry import is_image


@dataclass(frozen=True, kw_only=True)
class FoundCases:
    """Cases to work on.

    Attributes:
        cases: their files.
        searches: one for each folder among the inputs that was searched.
    """

    cases: tuple[CaseFiles, ...]
    searches: tuple[Search, ...]


def find_cases(
    inputs: Iterable[Path], output: Path | None, *, pattern: str | None = None, allow_plane: bool = False
) -> FoundCases:
    """Find the cases that the inputs name, whether they exist or not.

    A folder stands for the scans that `search` takes below it. A folder without any image stands for itself; reading
    it raises the error. An image that is named is taken as it is, unless another case here would write it, so that
    ``*.nii.gz`` can be given again after a run.

    Args:
        inputs: images and folders.
        output: folder for outputs; what lies below a folder among the inputs keeps its place below it. None puts
            outputs beside each case.
        pattern: see `search`.
        allow_plane: see `search`.

    Raises:
        VolumeError: a folder cannot be listed for lack of permission, or none of its images is taken.
        OutputError: two cases would write the same files.
    """
    inputs = tuple(inputs)
    searches = {given: search(given, pattern=pattern, allow_plane=allow_plane) for given in _folders(inputs)}
    for found in searches.values():
        _refuse_nothing(found)
    cases: dict[Path, CaseFiles] = {}
    for given in inputs:
        taken = searches[given].taken if given in searches else []
        for path in taken:
            below = path.parent.relative_to(given)
            cases.setdefault(path, CaseFiles(case=path, folder=output / below if output else path.parent))
        if not taken:
            cases.setdefault(given, CaseFiles(case=given, folder=output or given.parent))
    written = {path for case in cases.values() for path in case.all_outputs()}
    kept = tuple(case for case in cases.values() if case.case not in written)
    _refuse_collision(kept)
    return FoundCases(cases=kept, searches=tuple(searches.values()))


def candidates(found: FoundCases) -> list[Candidate]:
    """Return every image that was named or found, taken or not."""
    below = {candidate.path: candidate for search in found.searches for candidate in search.candidates}
    named = {case.case: named_candidate(case.case) for case in found.cases if case.case not in below}
    return list((named | below).values())


def _folders(inputs: Iterable[Path]) -> list[Path]:
    return [given for given in dict.fromkeys(inputs) if not is_image(given) and given.is_dir()]


def _refuse_nothing(found: Search) -> None:
    if found.candidates and not found.taken:
        remedy = "name a scan itself to take it all the same, or see each with --list"
        raise VolumeError(f"{found}; {remedy}")


def _refuse_collision(cases: Iterable[CaseFiles]) -> None:
    seen: dict[Path, CaseFiles] = {}
    for case in cases:
        other = seen.setdefault(case.output(""), case)
        if other is not case:
            remedy = "give the folder above both, which keeps them apart, or run them apart"
            if other.case.parent == case.case.parent:
                remedy = "run them apart with two folders for outputs"
            raise OutputError(f"{other.case} and {case.case} would write the same files in {case.folder}; {remedy}")
