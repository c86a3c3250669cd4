"""The main pipeline: from a volume to its lesions, and from the lesions to a diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from spinal_tf.checkpoints.cutoffs import point_doubt
from spinal_tf.engine import Engine, run_in_batches
from spinal_tf.evaluation.activation import map_activation
from spinal_tf.explanation.gradcam import heatmap_volume
from spinal_tf.images.lesion_doubts import lesion_doubts
from spinal_tf.images.volume import Volume
from spinal_tf.lesions import Lesion, find_lesions, measure_lesions
from spinal_tf.models import Classifier, Segmenter, model_record
from spinal_tf.prediction_options import SegmentationOptions
from spinal_tf.preprocess import (
    MaskMode,
    Preprocessing,
    from_input,
    in_slabs,
    neighbour_index,
    place,
    seen_together,
    to_input,
)
from spinal_tf.results import TOO_THIN, CaseResult, Classification, Segmentation, TaskResult
from spinal_tf.review import review_mask
from spinal_tf.scaling import intensity_scale
from spinal_tf.slices import Tiles, lesion_slices, make_tiles
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.taxonomy import tree

UNMIRRORED, MIRRORED = ((), (1,)), ((2,), (1, 2))
"""Flip axes of (slice, row, column), without and with exchanging the patient's front and back.

``--tta`` averages over all four flips; without it, the first flip gives the mask. The review compares the two groups,
or their first flips.
"""

SLICES_AT_ONCE = 8
"""Number of slices that are prepared, run and resampled back at a time."""

Array = np.ndarray
DEFAULTS = SegmentationOptions()


@dataclass(frozen=True, kw_only=True)
class ReviewedMask:
    """A mask that a person checked or drew, or that an earlier run wrote.

    Attributes:
        mask: bool, in the volume's array order.
        source: name of the mask's file.
        automatic: whether it is an unedited network mask.
        doubts: reasons to look at it again; see `read_lesion_mask`.
        warnings: unusual properties of its file, one plain sentence each.
    """

    mask: np.ndarray
    source: str
    automatic: bool = False
    doubts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def diagnose(
    volume: Volume,
    *,
    segmenter: Segmenter | None = None,
    given: ReviewedMask | None = None,
    classifiers: Sequence[Classifier] = (),
    t1c: Volume | None = None,
    options: SegmentationOptions = DEFAULTS,
    stopwatch: Stopwatch | None = None,
) -> CaseResult:
    """Run the pipeline of Zhuo et al. 2022, Figure 2A, on one case.

    Args:
        volume: sagittal T2w volume.
        segmenter: network that finds the lesions if no mask is given.
        given: mask to use instead of the segmenter.
        classifiers: classifiers of all tasks; if empty, the pipeline stops after segmentation.
        t1c: contrast-enhanced T1w volume on the same grid.
        options: options of the segmentation.
        stopwatch: stopwatch that records the time by stage.

    Raises:
        ValueError: neither a segmenter nor a mask is given.
        VolumeError: the image is constant, or its spacing is invalid.
    """
    watch = stopwatch or Stopwatch()
    segmentation = None
    if given is not None:
        mask = given.mask
        with watch.stage("measure"):
            lesions = measure_lesions(mask, volume)
    elif segmenter is not None:
        segmentation = segment_volume(volume, segmenter, options, watch)
        mask, lesions = segmentation.mask, segmentation.lesions
    else:
        raise ValueError("give a segmenter or a mask")
    classification = None
    if classifiers and lesions:
        with watch.stage("classify"):
            classification = classify_volume(volume, mask, classifiers, t1c=t1c)
    doubts, warnings = (given.doubts, given.warnings) if given else ((), ())
    warnings += doubts + _classification_warnings(classifiers, classification, lesions, t1c)
    used: list[Segmenter | Classifier] = [segmenter] if segmenter and given is None else []
    used += classifiers if classification else ()
    return CaseResult(
        volume=volume,
        mask=mask,
        mask_provenance="automatic" if given is None or given.automatic else "reviewed",
        mask_source=given.source if given else None,
        lesions=lesions,
        segmentation=segmentation,
        classification=classification,
        models=tuple(model_record(model.checkpoint, served=model.served) for model in used),
        mask_doubts=doubts,
        warnings=volume.warnings + warnings,
        timings_s=watch.seconds,
    )


def segment_volume(
    volume: Volume, segmenter: Segmenter, options: SegmentationOptions, watch: Stopwatch
) -> Segmentation:
    """Run the network on every sagittal slice and segment the lesions."""
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
    slices, everywhere = _NetworkSlices(volume, segmenter, watch), range(len(volume.data))
    if options.tta:
        unmirrored, mirrored = (slices.probability(everywhere, flips) for flips in (UNMIRRORED, MIRRORED))
        probability = (unmirrored + mirrored) / 2
    else:
        probability = unmirrored = slices.probability(everywhere, UNMIRRORED[:1])
    with watch.stage("postprocess"):
        mask = find(probability)
    with watch.stage("measure"):
        lesions = measure_lesions(mask, volume)
    bearing = lesion_slices(mask)
    if not options.tta:
        mirrored = slices.probability(bearing, MIRRORED[:1], stage="review")
    agreement = _flip_agreement(unmirrored, mirrored, bearing, find)
    review = review_mask(
        lesions,
        probability,
        mask,
        threshold=threshold,
        flip_agreement=agreement,
        outliers=volume.outliers,
        doubts=lesion_doubts(mask, volume.data, volume.spacing_mm, volume.voxel_volume_ml),
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


class _NetworkSlices:
    """Runs the segmenter on slices of one volume, a few at a time, so that large volumes need little extra memory."""

    def __init__(self, volume: Volume, segmenter: Segmenter, watch: Stopwatch) -> None:
        preprocessing = segmenter.checkpoint.preprocessing
        slice_mm, rows_mm, columns_mm = volume.spacing_mm
        self._engine, self._watch = segmenter.engine, watch
        self._placement = place(volume.data.shape[1:], (rows_mm, columns_mm), preprocessing, source=volume.source)
        self._seen = neighbour_index(len(volume.data), slice_mm, preprocessing.neighbour_mm)
        with watch.stage("preprocess"):
            self._data = in_slabs(volume.data, slice_mm, preprocessing.slab_mm)
            self._scale = intensity_scale(self._data, intensity=preprocessing.intensity, source=volume.source)

    def probability(self, slices: Sequence[int], flips: Sequence[tuple[int, ...]], *, stage: str = "network") -> Array:
        """Compute the lesion probability of slices, averaged over flips: float32, shape of the volume, 0 elsewhere."""
        result = np.zeros(self._data.shape, np.float32)
        for start in range(0, len(slices), SLICES_AT_ONCE):
            part = list(slices[start : start + SLICES_AT_ONCE])
            with self._watch.stage("preprocess"):
                planes = self._prepared(part)
            with self._watch.stage(stage):
                maps = _flip_average(self._engine, planes, flips)
            with self._watch.stage("postprocess"):
                result[part] = from_input(maps, self._placement)
        return result

    def _prepared(self, part: list[int]) -> Array:
        """Prepare slices with their neighbors as network input: float32 (n, rows, columns, channels)."""
        needed, places = np.unique(self._seen[part], return_inverse=True)
        planes = to_input(self._scale(self._data[needed]), self._placement)
        return seen_together(planes, places.reshape(len(part), -1))


def _flip_average(engine: Engine, planes: Array, flips: Sequence[tuple[int, ...]]) -> Array:
    maps = [np.flip(run_in_batches(engine, np.flip(planes, axes)), axes) for axes in flips]
    return np.asarray(np.mean(maps, axis=0, dtype=np.float32))


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


def classify_volume(
    volume: Volume, mask: np.ndarray, classifiers: Sequence[Classifier], *, t1c: Volume | None = None
) -> Classification | None:
    """Classify the lesion-bearing slices; None if no slice gives a tile."""

    @cache  # classifiers trained together use the same tiles
    def tiles_for(preprocessing: Preprocessing, mask_mode: MaskMode, contrast: bool) -> Tiles:
        return make_tiles(volume, mask, preprocessing=preprocessing, mask_mode=mask_mode, t1c=t1c if contrast else None)

    results: list[TaskResult] = []
    slices: tuple[int, ...] = ()
    for classifier in classifiers:
        record = classifier.checkpoint
        contrast = t1c is not None and "t1c" in record.modalities
        tiles = tiles_for(record.preprocessing, record.mask_mode or "channel", contrast)
        if not tiles.slices:
            return None
        slices = tiles.slices
        results.append(_ask(classifier, tiles, volume, mask, with_t1c=contrast))
    probabilities = {result.task.name: result.probability for result in results}
    return Classification(
        tasks=tuple(results),
        slices=slices,
        posterior=tree().posterior(probabilities),
        diagnosis=tree().follow({result.task.name: result.call for result in results}),
        with_t1c=t1c is not None and all("t1c" in c.checkpoint.modalities for c in classifiers),
    )


def _ask(classifier: Classifier, tiles: Tiles, volume: Volume, mask: np.ndarray, *, with_t1c: bool) -> TaskResult:
    explanation = classifier.explain(tiles.images, class_index=partial(classifier.call, with_t1c=with_t1c))
    heatmap = heatmap_volume(explanation.maps, tiles, volume.data.shape)
    positive = explanation.probabilities[:, 1]
    return TaskResult(
        task=classifier.task,
        probability=float(positive.mean()),
        operating_point=classifier.checkpoint.point(with_t1c=with_t1c),
        tile_probabilities=tuple(float(p) for p in positive),
        heatmap=heatmap,
        activation=map_activation(heatmap, mask, volume.spacing_mm),
        method=explanation.method,
    )


def _classification_warnings(
    classifiers: Sequence[Classifier],
    classification: Classification | None,
    lesions: Sequence[Lesion],
    t1c: Volume | None,
) -> tuple[str, ...]:
    if not classifiers or not lesions:
        return ()
    if classification is None:
        return (TOO_THIN,)
    doubt = point_doubt([c.checkpoint for c in classifiers], with_t1c=t1c is not None)
    if t1c is None:
        return doubt
    without = [c.task.name for c in classifiers if "t1c" not in c.checkpoint.modalities]
    if not without:
        return (*t1c.warnings, *doubt)
    return (
        *t1c.warnings,
        *doubt,
        f"{t1c.source}: not used for {', '.join(without)}, whose weights were not trained with contrast images",
    )
