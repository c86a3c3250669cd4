"""Options of a prediction: which images are accepted, and how lesions are found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from numbers import Integral

from spinal_tf.option_fields import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, Options, Range, option

MINIMUM_VOLUME_ML = 0.02
"""Minimum volume of a component: a cube of 2.7 mm, less than the smallest plaque that readers outline."""

VERTEBRA = "C[2-7]|T([1-9]|1[0-2])|L[1-5]"
"""Pattern of the names of vertebrae that have a body to count from, C2 to L5."""

LABEL_OR_THRESHOLD = "give a mask's label or its threshold, not both"


@dataclass(frozen=True, kw_only=True)
class ImageOptions(Options):
    """Images that are accepted with a warning."""

    assume_orientation: bool = option(False, "Accept images without orientation.")
    allow_plane: bool = option(False, "Accept images that were not acquired sagittally.")


@dataclass(frozen=True, kw_only=True)
class SegmentationOptions(Options):
    """Options of one segmentation.

    Raises:
        ValueError: a value is out of range.
    """

    threshold: float | None = option(
        None,
        "Probability from which a voxel is lesion. Default: stored with the weights.",
        Range(0, 1, low_open=True),
    )
    minimum_peak: float | None = option(
        None,
        "Remove lesions whose probability nowhere reaches this value. Default: stored with the weights.",
        SHARE,
        flag="--min-peak",
    )
    minimum_volume_ml: float = option(
        MINIMUM_VOLUME_ML, "Remove lesions below this volume in mL.", NOT_NEGATIVE, flag="--min-volume"
    )
    whole_slice: bool = option(False, "Look for lesions on whole slices, not only in the spinal canal; for comparison.")
    tta: bool = option(False, "Average over the four flips of every slice; takes four times as long.")
    level_at: tuple[str, int] | None = option(
        None,
        "Count vertebrae from this one, C2 to L5, whose body lies at this row. The row is the voxel index, from 0, "
        "along the axis of the file's own array that runs between head and foot.",
        metavar="LEVEL=ROW",
    )

    def __post_init__(self) -> None:
        """Refuse a level that is no vertebra with a body, and a row that is no index."""
        super().__post_init__()
        if self.level_at is None:
            return
        name, row = self.level_at
        if not re.fullmatch(VERTEBRA, str(name)):
            raise ValueError(f"{name!r} is no vertebra to count from; choose one from C2 to L5, such as T10")
        if not isinstance(row, Integral) or row < 0:
            raise ValueError(f"the row of {name} must be a whole number from 0, not {row!r}")


@dataclass(frozen=True, kw_only=True)
class MaskValues(Options):
    """Which values of a lesion mask are lesion. Without both, a mask holds 0 and one other value, the lesion's.

    Raises:
        ValueError: both are given, or one is out of range.
    """

    mask_label: int | None = option(
        None,
        "Value of the lesion in a mask that is a label map. Default: the only value beside 0.",
        COUNT,
        metavar="N",
    )
    mask_threshold: float | None = option(
        None,
        "Value from which a voxel is lesion in a soft mask, such as a probability map.",
        POSITIVE,
        metavar="X",
    )

    def __post_init__(self) -> None:
        """Refuse a label together with a threshold."""
        super().__post_init__()
        if self.mask_label is not None and self.mask_threshold is not None:
            raise ValueError(LABEL_OR_THRESHOLD)


@dataclass(frozen=True, kw_only=True)
class PredictionOptions(ImageOptions, MaskValues):
    """Options for predicting the cases of a cohort.

    Raises:
        ValueError: a level is given, or a value is out of range.
    """

    segmentation: SegmentationOptions = option(SegmentationOptions(), "How lesions are found.")
    with_mask: bool = option(
        False,
        "Classify with the cohort's masks, as if all were corrected. The segmenter's masks are still evaluated.",
    )

    def __post_init__(self) -> None:
        """Refuse a level, which cannot lie at one row of all scans."""
        super().__post_init__()
        if self.segmentation.level_at is not None:
            raise ValueError("level_at belongs to one scan; leave it out for a cohort")
