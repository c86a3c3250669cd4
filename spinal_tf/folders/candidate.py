"""One image below a folder, judged by its name, its sidecar and its header."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spinal_tf.errors import SpinalTfError
from spinal_tf.folders.by_name import T2W, contrast_by_name, is_mask, is_our_output
from spinal_tf.folders.sidecar import contrast_by_sidecar
from spinal_tf.images.image_header import ImageHeader, read_header
from spinal_tf.images.image_registry import image_stem, is_scan
from spinal_tf.images.volume import FEWEST_SLICES

HIDDEN = "hidden"
OURS = "output of spinal-tf"
MASK = "mask by name"
UNMATCHED = "does not match the pattern"
NOT_FETCHED = "link to nothing"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An image that may be a scan, or a folder that was not searched.

    Attributes:
        path: the path, beginning as the user gave it.
        contrast: contrast and what it is known by, such as ``T2w by name``; empty if unknown.
        header: size and geometry; None if they were not read.
        fault: sentence that says why the header cannot be read; empty if it can.
        left_out: reason why it is not taken; empty if it is.
    """

    path: Path
    contrast: str = ""
    header: ImageHeader | None = None
    fault: str = ""
    left_out: str = ""


def named_candidate(path: Path) -> Candidate:
    """Describe an image that was named itself; it is taken whatever its name and header say."""
    return _described(path, image_stem(path))


def found_candidate(path: Path, *, allow_plane: bool) -> Candidate:
    """Judge an image that was found in a folder.

    An image with an unreadable header is taken, so that reading it names the fault.
    """
    stem = image_stem(path)
    reason = _reason_by_name(path, stem)
    if reason:
        return Candidate(path=path, left_out=reason)
    seen = _described(path, stem)
    if seen.contrast and not seen.contrast.startswith(T2W):
        return Candidate(path=path, contrast=seen.contrast, header=seen.header, left_out=_kind(seen.contrast))
    reason = _reason_by_header(seen.header, allow_plane=allow_plane) if seen.header else ""
    return Candidate(path=path, contrast=seen.contrast, header=seen.header, fault=seen.fault, left_out=reason)


def _reason_by_name(path: Path, stem: str) -> str:
    if stem.startswith("."):
        return HIDDEN
    if not path.exists():
        return NOT_FETCHED
    if is_our_output(stem):
        return OURS
    return MASK if is_mask(stem) or not is_scan(path) else ""


def _reason_by_header(header: ImageHeader, *, allow_plane: bool) -> str:
    if len(header.shape) != 3:
        return "not one 3D volume"
    if min(header.shape) < FEWEST_SLICES:
        return f"fewer than {FEWEST_SLICES} slices"
    return "" if allow_plane or header.plane in ("sagittal", "isotropic") else header.plane


def _described(path: Path, stem: str) -> Candidate:
    by_name = contrast_by_name(stem)
    contrast = f"{by_name} by name" if by_name else _by_sidecar(path, stem)
    try:
        return Candidate(path=path, contrast=contrast, header=read_header(path))
    except SpinalTfError as error:
        return Candidate(path=path, contrast=contrast, fault=str(error))


def _by_sidecar(path: Path, stem: str) -> str:
    told = contrast_by_sidecar(path, stem)
    return f"{told} by sidecar" if told else ""


def _kind(contrast: str) -> str:
    """Leave out the times, so that scans of one kind are counted together."""
    return f"not {T2W} by sidecar" if contrast.startswith("not ") else contrast
