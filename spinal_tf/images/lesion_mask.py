"""Lesion masks as people give them: which voxels are lesion, what is refused, and what is doubtful."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinal_tf.errors import VolumeError
from spinal_tf.images.image_format import StoredImage
from spinal_tf.images.lesion_doubts import lesion_doubts
from spinal_tf.images.likeness import correlation, explained_variance
from spinal_tf.images.mask_values import distinct_values, is_label_map, is_two_valued, refuse_not_numbers
from spinal_tf.images.read_image import read_image
from spinal_tf.images.robust_range import robust_range
from spinal_tf.images.volume import Volume, mask_of, voxels_on_grid
from spinal_tf.prediction_options import MaskValues

ANY_MASK = MaskValues()
"""A mask of 0 and one other value."""

LARGEST_SHARE = 0.2
"""Largest share of a scan that a lesion mask may mark. In 60 simulated cases a mask marks at most 1.1 %; 52 mL in a
scan that was cropped around the cord to 45 x 45 x 200 mm would be 13 %."""

SAME_IMAGE = 0.99
"""Correlation with the scan from which a soft mask counts as the scan itself."""

FOLLOWS = 0.9
"""Share of the scan's variance explained by the labels of a map, from which the map counts as a copy of the scan."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LesionMask:
    """A lesion mask on the grid of its scan.

    Attributes:
        mask: bool, in the package's order.
        doubts: reasons why a person should look at it, one plain sentence each that begins with the file.
        warnings: unusual properties of the file, in the same form.
    """

    mask: np.ndarray
    doubts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_lesion_mask(path: Path | str, *, like: Volume, values: MaskValues = ANY_MASK) -> LesionMask:
    """Read a lesion mask drawn on a scan.

    Args:
        path: file of any registered format. The mask may be empty.
        like: scan. The mask's axes may be in another order if its voxels have the same positions; it is reordered.
        values: which of its values are lesion.

    Raises:
        VolumeError: an unreadable file, another grid than the scan's, values that do not tell what is lesion, a copy
            of the scan, or more than ``LARGEST_SHARE`` of the scan marked.
    """
    return lesion_mask_of(read_image(Path(path)), like=like, values=values)


def lesion_mask_of(image: StoredImage, *, like: Volume, values: MaskValues = ANY_MASK) -> LesionMask:
    """Return the lesion mask in an image that was already read, or was made from an array; see `read_lesion_mask`.

    Raises:
        VolumeError: see `read_lesion_mask`.
    """
    if not image.may_be_cropped and not is_two_valued(image.data):
        _refuse_copy(image, like)
    mask = mask_of(image, like=like, values=values)
    share = float(mask.mean())
    if share > LARGEST_SHARE:
        raise VolumeError(f"{image.source}: marks {share:.0%} of the scan; give a mask that is 0 outside the lesion")
    found = lesion_doubts(mask, like.data, like.spacing_mm, like.voxel_volume_ml)
    doubts = tuple(f"{image.source}: {doubt}" for doubt in found)
    return LesionMask(mask=mask, doubts=doubts, warnings=image.warnings)


def _refuse_copy(given: StoredImage, scan: Volume) -> None:
    voxels = voxels_on_grid(given, like=scan)
    refuse_not_numbers(voxels, given.source)
    if scan.outliers:  # they were clipped, so a copy has to be clipped as well
        voxels = np.clip(voxels, *robust_range(voxels))
    if voxels.min() == voxels.max():
        return
    if abs(correlation(voxels, scan.data)) >= SAME_IMAGE:
        raise VolumeError(f"{given.source}: is the scan {scan.source} itself, not a mask; name the lesion mask")
    if is_label_map(distinct_values(voxels)) and explained_variance(voxels, scan.data) >= FOLLOWS:
        raise VolumeError(
            f"{given.source}: its labels follow the intensities of the scan {scan.source}, so it shows no lesion; name "
            "the lesion mask"
        )
