"""Messages for paths that are not images: they state what the path is instead and what to do."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from spinal_tf.errors import VolumeError
from spinal_tf.images.image_registry import suffixes_in_words

GZIP_MAGIC = b"\x1f\x8b"
DICOM_ADVICE = "DICOM comes in a later version; convert the series with dcm2niix first"

_FILES_LOOKED_AT = 50
_DICOM_MAGIC_AT = 128


def refuse_not_a_file(path: Path) -> None:
    """Refuse a path that is not a regular file.

    Raises:
        VolumeError: no such file, a folder (a DICOM folder is named as such), or a device.
    """
    if path.is_dir():
        kind = f"is a DICOM folder; {DICOM_ADVICE}" if _holds_dicom(path) else f"is a folder; {_remedy()}"
        raise VolumeError(f"{path.name or path}: {kind}")
    if not path.exists():
        raise VolumeError(f"{path.name}: there is no such file in {path.parent}; check the path")
    if not path.is_file():
        raise VolumeError(f"{path.name}: is not a regular file; {_remedy()}")


def explain_not_image(start: bytes) -> str:
    """Return one clause about a file from its first bytes (uncompressed; the whole file if shorter than a header)."""
    if not start:
        return "is empty (zero bytes); copy or export it again"
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the image itself; fetch the image with git lfs pull"
    if _is_dicom(start):
        return f"is a DICOM file; {DICOM_ADVICE}"
    if start[344:347] == b"ni1" or start[4:7] == b"ni2":
        return "is the header of a .hdr and .img pair; convert it to one .nii.gz file"
    if _is_text(start):
        return f"is a text file, not an image; {_remedy()}"
    return f"is not a NIfTI file or its header is damaged; {_remedy()}"


def _remedy() -> str:
    return f"give a {suffixes_in_words()} file"


def _holds_dicom(folder: Path) -> bool:
    for path in islice(folder.iterdir(), _FILES_LOOKED_AT):
        if not path.is_file():
            continue
        with path.open("rb") as stream:
            if _is_dicom(stream.read(_DICOM_MAGIC_AT + 4)):
                return True
    return False


def _is_dicom(start: bytes) -> bool:
    return start[_DICOM_MAGIC_AT : _DICOM_MAGIC_AT + 4] == b"DICM"


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\r\n\t" for character in text)
