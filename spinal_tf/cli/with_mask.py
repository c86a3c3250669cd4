"""The masks that ``classify --with-mask`` names, case by case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from spinal_tf.case_files import CaseFiles
from spinal_tf.folders.mask_matching import Matches, match_masks
from spinal_tf.images.image_registry import is_image

NO_MATCHES = Matches(masks={}, problems={})


def is_folder_of_masks(path: Path | None) -> bool:
    """Return whether ``--with-mask`` names a folder of masks."""
    return path is not None and path.is_dir() and not is_image(path)


def without_masks(cases: Iterable[CaseFiles], inputs: Sequence[Path], masks: Path) -> tuple[CaseFiles, ...]:
    """Leave out images below the folder of masks, unless an input lies in it."""
    inside = any(masks.resolve() in (given.resolve(), *given.resolve().parents) for given in inputs)
    return tuple(case for case in cases if inside or masks.resolve() not in case.case.resolve().parents)


def matched(cases: Iterable[CaseFiles], inputs: Sequence[Path], masks: Path) -> Matches:
    """Match the masks in a folder to cases that were named or lie below folders among the inputs."""
    return match_masks({case.case: _place(case.case, inputs) for case in cases}, masks)


def _place(case: Path, inputs: Sequence[Path]) -> Path:
    above = (given for given in inputs if given in case.parents)
    return case.parent.relative_to(next(above, case.parent))
