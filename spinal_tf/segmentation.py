"""From a volume to its lesions: the network along the canal, the mask, and whether a person should review it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from spinal_tf.anatomy.band import Band, band_around
from spinal_tf.anatomy.canal_doubts import canal_doubts
from spinal_tf.anatomy.fluid import fluid_below_cord
from spinal_tf.anatomy.found_spine import FoundSpine
from spinal_tf.anatomy.lesion_field import lesion_field
from spinal_tf.anatomy.lesion_levels import with_levels
from spinal_tf.anatomy.spine import Spine
from spinal_tf.images.lesion_doubts import lesion_doubts
from spinal_tf.images.volume import Volume
from spinal_tf.lesions import find_lesions, measure_lesions
from spinal_tf.models import Segmenter
from spinal_tf.network_slices import Flips, NetworkSlices
from spinal_tf.prediction_options import SegmentationOptions
from spinal_tf.results import Segmentation
from spinal_tf.review import review_mask
from spinal_tf.slices import lesion_slices
from spinal_tf.stopwatch import Stopwatch

UNMIRRORED, MIRRORED = ((), (1,)), ((2,), (1, 2))
"""Flip axes of (slice, row, column), without and with exchanging the patient's front and back.

``--tta`` averages over all four flips; without it, the first flip gives the mask. The review compares the two groups,
or their first flips.
"""

Array = np.ndarray


def segment_volume(
    volume: Volume,
    segmenter: Segmenter,
    options: SegmentationOptions,
    watch: Stopwatch,
    *,
    found: FoundSpine | None = None,
) -> Segmentation:
    """Run the network along the canal, or on every sagittal slice, and segment the lesions.

    Args:
        volume: sagittal T2w volume.
        segmenter: network that finds the lesions.
        options: options of the segmentation.
        watch: stopwatch that records the time by stage.
        found: what the search for the spine found; None to look for lesions on whole slices.
    """
    checkpoint = segmenter.checkpoint
    threshold = checkpoint.operating_point if options.threshold is None else options.threshold
    minimum_peak = checkpoint.minimum_peak if options.minimum_peak is None else options.minimum_peak
    find = partial(
        find_lesions,
        threshold=threshold,
        minimum_peak=minimum_peak,
        minimum_volume_ml=options.minimum_volume_ml,
        voxel_volume_ml=volume.voxel_volume_ml,
    )
    look = _Looking(volume, segmenter, watch, None if options.whole_slice else found)
    if options.tta:
        unmirrored, mirrored = (look.at(look.slices, flips) for flips in (UNMIRRORED, MIRRORED))
        probability = (unmirrored + mirrored) / 2
    else:
        probability = unmirrored = look.at(look.slices, UNMIRRORED[:1])
    with watch.stage("postprocess"):
        mask = find(probability)
        fluid = look.fluid(mask)
        if fluid.any():
            probability, unmirrored = (np.where(fluid, np.float32(0), maps) for maps in (probability, unmirrored))
            mask = find(probability)
    with watch.stage("measure"):
        lesions = with_levels(measure_lesions(mask, volume), mask, found)
    bearing = lesion_slices(mask)
    if not options.tta:
        mirrored = look.at(bearing, MIRRORED[:1], stage="review")
    agreement = _flip_agreement(unmirrored, np.where(fluid, np.float32(0), mirrored), bearing, find)
    review = review_mask(
        lesions,
        probability,
        mask,
        threshold=threshold,
        flip_agreement=agreement,
        outliers=volume.outliers,
        doubts=[*_doubts(mask, volume, found), *_left_out(fluid, volume)],
    )
    return Segmentation(
        probability=probability,
        mask=mask,
        lesions=lesions,
        threshold=threshold,
        minimum_peak=minimum_peak,
        minimum_volume_ml=options.minimum_volume_ml,
        review=review,
    )


def _doubts(mask: Array, volume: Volume, found: FoundSpine | None) -> list[str]:
    """Return the doubts about a mask and its scan, one sentence each."""
    doubts = lesion_doubts(mask, volume.data, volume.spacing_mm, volume.voxel_volume_ml)
    if found is not None and found.spine is not None:
        doubts += canal_doubts(mask, found.spine)
    return [*(f"the mask {doubt}" for doubt in doubts), *(found.doubts if found else ())]


def _left_out(fluid: Array, volume: Volume) -> list[str]:
    """Return the sentence about marks that were taken for fluid, if any."""
    volume_ml = np.count_nonzero(fluid) * volume.voxel_volume_ml
    return (
        [f"{volume_ml:.2f} mL below the end of the cord are as bright as fluid and were left out"] if volume_ml else []
    )


class _Looking:
    """Looks for lesions where they can be: in the canal if it is known, or else on whole slices."""

    def __init__(self, volume: Volume, segmenter: Segmenter, watch: Stopwatch, found: FoundSpine | None) -> None:
        self._volume, self._network = volume, NetworkSlices(volume, segmenter.checkpoint, segmenter.engine, watch)
        self.slices: Sequence[int] = range(len(volume.data))
        self._spine: Spine | None = None
        self._band: Band | None = None
        self._field: Array | None = None
        if found is not None and found.spine is None:
            self.slices = ()
        elif found is not None and found.spine is not None:
            with watch.stage("anatomy"):
                multiple = segmenter.checkpoint.preprocessing.multiple
                shape, slice_mm = volume.data.shape, volume.spacing_mm[0]
                self._band = band_around(found.spine, self._network.placement, shape[0], slice_mm, multiple)
                self._field = lesion_field(found.spine, shape[0])
            self.slices, self._spine = self._band.slices, found.spine

    def at(self, slices: Sequence[int], flips: Flips, *, stage: str = "network") -> Array:
        """Compute the lesion probability of slices: float32, shape of the volume, 0 where no lesion can be."""
        if self._band is None or self._field is None:
            return self._network.probability(slices, flips, stage=stage)
        band = self._band
        probability = self._network.probability(slices, flips, windows=band.windows, parts=band.parts, stage=stage)
        return np.where(self._field, probability, np.float32(0))

    def fluid(self, mask: Array) -> Array:
        """Return the voxels of a mask that are fluid below the cord, bool; none if the canal is not known."""
        if self._spine is None:
            return np.zeros(mask.shape, bool)
        return fluid_below_cord(mask, self._volume.data, self._spine)


def _flip_agreement(
    unmirrored: Array, mirrored: Array, bearing: Sequence[int], find: Callable[[Array], Array]
) -> float | None:
    """Compute the Dice between the masks of unmirrored and mirrored slices, over the lesion-bearing slices.

    Both probabilities are turned into masks by the same rules and on the same slices, so that voxels on other slices
    cannot join components or raise their peaks.

    Args:
        unmirrored: probability, float32 (slice, row, column).
        mirrored: the same for mirrored slices; only lesion-bearing slices are used.
        bearing: lesion-bearing slices, ascending.
        find: function that turns a probability into a mask.

    Returns:
        Dice; None if no slice has a lesion, or both masks are empty.
    """
    if not bearing:
        return None
    extent, seen = slice(bearing[0], bearing[-1] + 1), [number - bearing[0] for number in bearing]
    masks = []
    for probability in (unmirrored, mirrored):
        compared = np.zeros_like(probability[extent])
        compared[seen] = probability[extent][seen]
        masks.append(find(compared))
    common, total = np.count_nonzero(masks[0] & masks[1]), sum(map(np.count_nonzero, masks))
    return 2 * int(common) / int(total) if total else None
