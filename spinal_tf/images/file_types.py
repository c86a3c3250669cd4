"""Messages for paths that are not images: they state what the path is instead and what to do."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from spinal_tf.errors import VolumeError
from spinal_tf.images.image_registry import suffixes_in_words

DICOM_ADVICE = "DICOM comes in a later version; convert the series with dcm2niix first"
ANNEX = ".git/annex/objects", "/annex/objects/"
"""Parts of a git-annex link's target, and start of the file that takes its place on systems without links."""

LFS_POINTER = b"version https://git-lfs"

_FILES_LOOKED_AT = 50
_DICOM_MAGIC_AT = 128
_ANALYZE_HEADER = 348
_TAR_MAGIC_AT = 257

_DICOM = f"is a DICOM file; {DICOM_ADVICE}"
_META = "is a MetaImage file; save it as .nii.gz, for example in ITK-SNAP or 3D Slicer"
_MINC = "is a MINC file; convert it to NIfTI, for example with mnc2nii"
_MGH = "is a FreeSurfer volume; convert it with: mri_convert {name} scan.nii.gz"
_ANALYZE = (
    "is an Analyze file, which does not tell left from right, or a damaged NIfTI file; convert the scan again from the "
    "original images"
)
_PAIR = "is one of a .hdr and .img pair; convert the pair to one .nii.gz file"
_ZSTANDARD = "is packed with Zstandard; unpack it with: zstd -d {name}"
_ZIP = "is a ZIP archive; unpack it and give the scan inside"
_TAR = "is a tar archive; unpack it and give the scan inside"
_NRRD = "is not an NRRD file or its header is damaged; export it again"

_BY_START = (
    (b"\x28\xb5\x2f\xfd", _ZSTANDARD),
    (b"PK\x03\x04", _ZIP),
    (b"BZh", "is packed with bzip2; unpack it with: bunzip2 {name}"),
    (b"\xfd7zXZ\0", "is packed with xz; unpack it with: unxz {name}"),
    (b"CDF\x01", _MINC),
    (b"\x89HDF\r\n\x1a\n", "is an HDF5 file, perhaps MINC; convert it to NIfTI, for example with mnc2nii"),
    (b"\0\0\0\x01", _MGH),
)
_BY_NAME = (
    ((".dcm", ".ima"), _DICOM),
    ((".mha", ".mhd"), _META),
    ((".mnc", ".mnc.gz"), _MINC),
    ((".mgz", ".mgh"), _MGH),
    ((".hdr", ".img", ".hdr.gz", ".img.gz"), _PAIR),
    ((".zst",), _ZSTANDARD),
    ((".zip",), _ZIP),
    ((".tar", ".tar.gz", ".tgz"), _TAR),
    ((".nrrd", ".nhdr"), _NRRD),
)


def refuse_not_a_file(path: Path) -> None:
    """Refuse a path that is not a regular file.

    Raises:
        VolumeError: no such file, a link of git-annex without its content, a folder (a DICOM folder is named as such),
            or a device.
    """
    if path.is_dir():
        kind = f"is a DICOM folder; {DICOM_ADVICE}" if _holds_dicom(path) else f"is a folder; {_remedy()}"
        raise VolumeError(f"{path.name or path}: {kind}")
    if not path.exists():
        if path.is_symlink():
            raise VolumeError(f"{path.name}: {_explain_link(path).format(name=path.name)}")
        raise VolumeError(f"{path.name}: there is no such file in {path.parent}; check the path")
    if not path.is_file():
        raise VolumeError(f"{path.name}: is not a regular file; {_remedy()}")


def explain_not_image(start: bytes, name: str) -> str:
    """Return one clause that names a file by its content, else by its name.

    Args:
        start: its first bytes, uncompressed; the whole file if shorter than a header.
        name: its name.
    """
    if not start:
        return "is empty (zero bytes); copy or export it again"
    by_name = (text for endings, text in _BY_NAME if name.lower().endswith(endings))
    text = _by_content(start) or next(by_name, "")
    if not text and _is_text(start):
        text = f"is a text file, not an image; {_remedy()}"
    return text.format(name=name) or f"is not a NIfTI file or its header is damaged; {_remedy()}"


def _by_content(start: bytes) -> str:
    known = next((text for magic, text in _BY_START if start.startswith(magic)), "")
    if known:
        return known
    if start.startswith(LFS_POINTER):
        return "is a Git LFS pointer, not the image itself; fetch the image with: git lfs pull"
    if start.startswith(ANNEX[1].encode()):
        return _without_content("file")
    if _is_dicom(start):
        return _DICOM
    if start[344:347] == b"ni1" or start[4:7] == b"ni2":
        return "is the header of a .hdr and .img pair; convert it to one .nii.gz file"
    if start[_TAR_MAGIC_AT:].startswith(b"ustar"):
        return _TAR
    if re.match(rb"(ObjectType|NDims)\s*=", start):
        return _META
    return _ANALYZE if _is_analyze(start) else ""


def _is_analyze(start: bytes) -> bool:
    size = start[:4]
    numbers = (int.from_bytes(size, "little"), int.from_bytes(size, "big"))
    return len(start) >= _ANALYZE_HEADER and _ANALYZE_HEADER in numbers and start[344:347] != b"n+1"


def _explain_link(path: Path) -> str:
    target = path.readlink().as_posix()
    if ANNEX[0] in target:
        return _without_content("link")
    return "is a link to a file that does not exist; check the link"


def _without_content(kind: str) -> str:
    return f"is a DataLad or git-annex {kind} without its content; fetch the content with: datalad get {{name}}"


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
