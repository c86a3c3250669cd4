"""What a file name says about an image: contrast, mask, or output of this package."""

from __future__ import annotations

import re

from spinal_tf.cohort.cells import FILE_COLUMNS
from spinal_tf.map_methods import MapMethod
from spinal_tf.taxonomy import tree

T2W = "T2w"

_SIDE = "(?:sag|ax|cor|tra|sagittal|axial|coronal)?"
CONTRASTS = {
    rf"{_SIDE}t2(?:star|starw|s|map)": "T2*w or map",
    rf"{_SIDE}t2(?:w|tse|fse|frfse|spc|space|sag|ax|cor|tra|weighted)*": T2W,
    rf"{_SIDE}t1[a-z]*": "T1w",
    "(?:gad|gd|gadolinium)": "T1w",
    "pdw?": "PDw",
    "(?:stir|tirm|flair)": "inversion recovery",
    "(?:dwi|dti|adc|trace|fa|md)": "diffusion",
    "(?:bold|fmri|sbref|epi|fieldmap|phasediff)": "functional or field map",
    "(?:mts|mton|mtoff|mtr|mt)": "magnetization transfer",
    "(?:swi|tof|angio|mra)": "angiography or susceptibility",
    "(?:localizer|localiser|scout|survey)": "localizer",
    "ct": "CT",
}
"""Words of file names and the contrasts that they stand for; the first that fits a word counts."""

BIDS_SUFFIXES = frozenset({"t2w", "t1w", "pdw", "flair", "t2starw", "dwi", "bold", "t1map", "t2map", "sbref", "epi"})
"""Last words of BIDS names; they decide whatever stands before them, such as ``space-T1w_T2w``."""

MASK_WORDS = frozenset(
    ("mask", "masks", "seg", "segmentation", "dseg", "probseg", "label", "labels", "lesion", "lesions", "landmarks")
)
"""Words that make a file a mask, as the last word or behind a contrast."""

LAST_MASK_WORDS = MASK_WORDS | frozenset(
    ("roi", "cord", "gmseg", "softseg", "vertebrae", "levels", "disc", "discs", "canal", "centerline")
)
"""Words that make a file a mask as the last word alone, since ``cord_t2`` is a scan."""

HOW_DRAWN = frozenset(("manual", "auto", "automatic", "reviewed", "corrected", "final"))
"""Words behind the last one that say how a mask was drawn."""

BESIDE_T2 = frozenset(FILE_COLUMNS) - {"t2"}
"""Names of images beside ``t2`` in a cohort's case folder; these are not scans to segment."""

_LEVEL = re.compile(r"[ctl]\d{1,2}")


def is_our_output(stem: str) -> bool:
    """Return whether a name without its ending is one that `segment` or `classify` gives to an image."""
    maps = (f"_{method.value}_{name}" for method in MapMethod for name in tree().task_names)
    return stem.endswith(("_lesion", "_probability", *maps))


def is_mask(stem: str) -> bool:
    """Return whether a name without its ending is that of a mask."""
    words = _words(stem)
    while len(words) > 1 and words[-1] in HOW_DRAWN:
        words.pop()
    if stem.lower() in BESIDE_T2 - {"t1c"} or (words and words[-1] in LAST_MASK_WORDS):
        return True
    seen = [number for number, word in enumerate(words) if _contrast(word)]
    return "label-" in stem.lower() or bool(seen) and any(word in MASK_WORDS for word in words[seen[0] :])


def contrast_by_name(stem: str) -> str:
    """Return the contrast that a name without its ending states, such as ``T2w``; empty if it states none."""
    words = _words(stem)
    if words and words[-1] in BIDS_SUFFIXES:
        return _contrast(words[-1])
    # T1 behind C7 is a vertebra.
    told = (
        _contrast(word)
        for before, word in zip(["", *words], words, strict=False)
        if not (_LEVEL.fullmatch(before) and _LEVEL.fullmatch(word))
    )
    return next(filter(None, told), "")


def _words(stem: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", stem.lower()) if word]


def _contrast(word: str) -> str:
    return next((name for pattern, name in CONTRASTS.items() if re.fullmatch(pattern, word)), "")
