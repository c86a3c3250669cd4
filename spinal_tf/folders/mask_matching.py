"""Matches the masks in a folder to cases by name; what is missing or has two answers is said, not guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spinal_tf.cohort.cells import listed
from spinal_tf.images.image_registry import image_stem, is_image

LESION = "_lesion"
DRAWN_AS = frozenset(("seg", "dseg", "mask"))
"""Last words of BIDS names of masks."""


@dataclass(frozen=True, kw_only=True)
class Matches:
    """Masks of cases.

    Attributes:
        masks: mask of each case that has exactly one.
        problems: why each other case has none, as the end of a sentence.
    """

    masks: Mapping[Path, Path]
    problems: Mapping[Path, str]


def match_masks(places: Mapping[Path, Path], folder: Path) -> Matches:
    """Match the masks in a folder, at any depth, to cases.

    A mask that fits several cases by its name belongs to the one in the same place: a folder of masks may repeat the
    subfolders of the folder of cases.

    Args:
        places: folder of each case, relative to the folder that was searched.
        folder: folder of the masks.
    """
    names = {path: image_stem(path) for path in _images(folder, leave_out=places)}
    fitting = {case: [mask for mask in names if fits(names[mask], image_stem(case))] for case in places}
    placed = {
        case: [mask for mask in masks if mask.parent.relative_to(folder) == places[case]]
        for case, masks in fitting.items()
    }
    taken = {mask for masks in placed.values() for mask in masks}
    chosen = {case: placed[case] or [mask for mask in fitting[case] if mask not in taken] for case in places}
    uses = [mask for masks in chosen.values() for mask in masks]
    found: dict[Path, Path] = {}
    problems: dict[Path, str] = {}
    for case, masks in chosen.items():
        if len(masks) == 1 and uses.count(masks[0]) == 1:
            found[case] = masks[0]
        else:
            problems[case] = _problem(image_stem(case), masks, folder)
    return Matches(masks=found, problems=problems)


def fits(mask: str, case: str) -> bool:
    """Return whether a mask belongs to a case by their names without endings.

    Masks are named ``CASE`` or ``CASE_lesion``. Names of BIDS and NeuroPoly add ``label-lesion`` or ``lesion-manual``,
    and perhaps ``desc-...``, ``seg`` or ``mask``; the last word of the case, such as ``T2w``, may be missing.
    """
    if mask in (case, f"{case}{LESION}"):
        return True
    words = mask.split("_")
    if not any(word == "label-lesion" or word.startswith("lesion-") for word in words):
        return False
    if words[-1] in DRAWN_AS:
        words.pop()
    kept = [word for word in words if word != "label-lesion" and not word.startswith(("lesion-", "desc-"))]
    of_case = case.split("_")
    return kept == of_case or (of_case[0].startswith("sub-") and "-" not in of_case[-1] and kept == of_case[:-1])


def _images(folder: Path, *, leave_out: Iterable[Path]) -> list[Path]:
    cases = {path.resolve() for path in leave_out}
    found = (path for path in sorted(folder.rglob("*")) if is_image(path) and not path.name.startswith("."))
    return [path for path in found if path.resolve() not in cases]


def _problem(case: str, masks: list[Path], folder: Path) -> str:
    if not masks:
        return f"there is no mask for it in {folder}; name it {case}_lesion.nii.gz, or leave the case out"
    if len(masks) == 1:
        return f"its mask {masks[0].relative_to(folder)} fits another case, too; repeat the cases' folders in {folder}"
    names = listed((str(mask.relative_to(folder)) for mask in masks), joint="and")
    return f"{len(masks)} masks in {folder} fit it: {names}; keep one of them there"
