"""How training samples are drawn: options of crops and of tiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from spinal_tf.option_fields import POSITIVE, SHARE, Options, option

Augmentation = Literal["authors", "broad", "none"]
"""``authors``: `spinal_tf.datasets.augment_groups`; ``broad``: `spinal_tf.datasets.augment`; ``none``: none."""


@dataclass(frozen=True, kw_only=True)
class CropPlan(Options):
    """How crops are drawn. If a case has no voxels for a share, such as lesions in the healthy, the next share is used.

    Crops at a lesion are on lesion-bearing slices. Those along the spine are on slices through the cord and beside it,
    most of them without lesion.
    """

    size: tuple[int, int] = option((96, 96), "Rows and columns of a crop.")
    lesion_share: float = option(0.45, "Share of crops at a lesion, in cases with one.", SHARE)
    error_share: float = option(
        0.0, "Share of crops where the mask in column model_mask is wrong, in cases with such errors.", SHARE
    )
    spine_share: float = option(0.45, "Share of crops along the spine; the rest lies anywhere.", SHARE)
    jitter: float = option(0.25, "SD of a crop's random offset from such a voxel, relative to the crop.")
    augmentation: Augmentation = option("broad", "Augmentation of the crops; see docs/training.md.")
    sampling_weights: Mapping[str, float] = option(
        dict,
        "Relative frequency of a diagnosis, or of healthy, among the crops; may be repeated. Default: 1.",
        POSITIVE,
        flag="--sampling-weight",
        metavar="KIND WEIGHT",
    )


@dataclass(frozen=True, kw_only=True)
class AnatomyCropPlan(Options):
    """How crops with labels of the anatomy are drawn. Cases are equally frequent, apart from ``real_share``."""

    size: tuple[int, int] = option((160, 128), "Rows and columns of a crop.")
    spine_share: float = option(0.85, "Share of crops near a labeled voxel; the rest lies anywhere.", SHARE)
    real_share: float = option(
        0.4, "Share of crops from real cases, if the cohort has real and simulated ones (column scanner).", SHARE
    )


@dataclass(frozen=True, kw_only=True)
class TilePlan(Options):
    """How tiles are drawn. Tiles without their contrast-enhanced channel teach the classifier to work without it."""

    t1c_share: float = option(
        0.4, "Share of tiles that keep their contrast-enhanced channel; 0 trains on T2w alone.", SHARE
    )
    augmentation: Augmentation = option("authors", "Augmentation of the tiles; see docs/training.md.")
