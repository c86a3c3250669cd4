"""The main pipeline: from a volume to its lesions, and from the lesions to a diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from spinal_tf.anatomy.canal_doubts import canal_doubts
from spinal_tf.anatomy.found_spine import FoundSpine
from spinal_tf.anatomy.lesion_levels import with_levels
from spinal_tf.checkpoints.cutoffs import point_doubt
from spinal_tf.errors import WeightsError
from spinal_tf.evaluation.activation import map_activation
from spinal_tf.explanation.gradcam import heatmap_volume
from spinal_tf.images.volume import Volume
from spinal_tf.lesions import Lesion, measure_lesions
from spinal_tf.models import AnatomyNetwork, Classifier, Networks, Segmenter, model_record
from spinal_tf.prediction_options import SegmentationOptions
from spinal_tf.preprocess import MaskMode, Preprocessing
from spinal_tf.results import TOO_THIN, CaseResult, Classification, TaskResult
from spinal_tf.segmentation import segment_volume
from spinal_tf.slices import Tiles, make_tiles
from spinal_tf.spine_search import search_spine
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.structures import ANATOMY
from spinal_tf.taxonomy import tree

DEFAULTS = SegmentationOptions()

NO_NETWORK_FOR_LEVELS = (
    "no network finds vertebrae to count from the given level; leave the level out, or name weights that have such a "
    "network"
)


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
    networks: Networks,
    *,
    given: ReviewedMask | None = None,
    t1c: Volume | None = None,
    options: SegmentationOptions = DEFAULTS,
    stopwatch: Stopwatch | None = None,
) -> CaseResult:
    """Run the pipeline of Zhuo et al. 2022, Figure 2A, on one case.

    Args:
        volume: sagittal T2w volume.
        networks: networks to run.
        given: mask to use instead of the segmenter.
        t1c: contrast-enhanced T1w volume on the same grid.
        options: options of the segmentation.
        stopwatch: stopwatch that records the time by stage.

    Raises:
        ValueError: neither a segmenter nor a mask is given.
        VolumeError: the image is constant, its spacing is invalid, or the row of a given level is outside it.
        WeightsError: a level is given, but there is no network that finds vertebrae.
    """
    watch = stopwatch or Stopwatch()
    segmenter, classifiers = networks.segmenter, networks.classifiers
    if options.level_at is not None and networks.anatomy is None:
        raise WeightsError(f"{volume.source}: {NO_NETWORK_FOR_LEVELS}")
    found = search_spine(volume, networks.anatomy, watch, options.level_at) if networks.anatomy else None
    segmentation = None
    if given is not None:
        mask = given.mask
        with watch.stage("measure"):
            lesions = with_levels(measure_lesions(mask, volume), mask, found)
    elif segmenter is not None:
        segmentation = segment_volume(volume, segmenter, options, watch, found=found)
        mask, lesions = segmentation.mask, segmentation.lesions
    else:
        raise ValueError("give a segmenter or a mask")
    classification = None
    if classifiers and lesions:
        with watch.stage("classify"):
            classification = classify_volume(volume, mask, classifiers, t1c=t1c)
    doubts = _given_doubts(given, found)
    looked = () if given or options.whole_slice else _whole_slice_warnings(networks)
    warnings = (*looked, *_spine_warnings(volume, found, lesions), *(given.warnings if given else ()), *doubts)
    warnings += _classification_warnings(classifiers, classification, lesions, t1c)
    used: list[AnatomyNetwork | Segmenter | Classifier] = [networks.anatomy] if networks.anatomy else []
    used += [segmenter] if segmenter and given is None else []
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
        spine=found,
        warnings=volume.warnings + warnings,
        timings_s=watch.seconds,
    )


def _whole_slice_warnings(networks: Networks) -> tuple[str, ...]:
    """Say that a server lacks the anatomy network. A folder is chosen as a set, so none is missed there."""
    served = networks.segmenter.served if networks.segmenter else None
    if served is None or networks.anatomy is not None:
        return ()
    return (
        f"{served.address}: the server has no model called {ANATOMY}, so lesions were looked for on whole slices; "
        f"export {ANATOMY} too if the weights have it",
    )


def _spine_warnings(volume: Volume, found: FoundSpine | None, lesions: Sequence[Lesion]) -> tuple[str, ...]:
    """Return the doubts about the spine; those about an ambiguous count only if a lesion's level depends on it."""
    if found is None:
        return ()
    numbering = found.spine.numbering if found.spine else None
    count = numbering.doubts if numbering and numbering.ambiguous and lesions else ()
    return tuple(f"{volume.source}: {doubt}" for doubt in (*found.doubts, *count))


def _given_doubts(given: ReviewedMask | None, found: FoundSpine | None) -> tuple[str, ...]:
    """Return the doubts about a given mask, with those about its place if the canal is known."""
    if given is None:
        return ()
    place = canal_doubts(given.mask, found.spine) if found and found.spine else ()
    return given.doubts + tuple(f"{given.source}: the mask {doubt}" for doubt in place)


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
