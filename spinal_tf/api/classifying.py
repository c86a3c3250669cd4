"""``spinal_tf.classify`` and ``spinal_tf.explain``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from spinal_tf.api.case_images import Image, Mask, Weights, as_mask, as_t1c, as_volume, as_weights
from spinal_tf.api.case_results import ClassificationResult, HeatMaps
from spinal_tf.images.lesion_mask import ANY_MASK
from spinal_tf.images.volume import in_file_order
from spinal_tf.map_methods import MapMethod
from spinal_tf.pipeline import diagnose
from spinal_tf.prediction_options import MaskValues, SegmentationOptions
from spinal_tf.results import CaseResult, TaskResult
from spinal_tf.stopwatch import Stopwatch


def classify(
    image: Image,
    *,
    mask: Mask | None = None,
    mask_values: MaskValues = ANY_MASK,
    affine: np.ndarray | None = None,
    t1c: str | Path | np.ndarray | None = None,
    weights: Weights = None,
    options: SegmentationOptions | None = None,
) -> ClassificationResult:
    """Classify the lesions of a sagittal T2w scan.

    Args:
        image: a file, an array (i, j, k) in any axis order, or the result of `read`.
        mask: lesion mask on the scan's grid. An array counts as reviewed by a person, the result of `segment` as
            automatic, a file as reviewed unless a record beside it says that a network drew it. None segments first.
        mask_values: which values of the mask are lesion; by default it holds 0 and one other value, the lesion's.
        affine: affine of an array: (4, 4), array index to patient RAS mm, as in nibabel.
        t1c: contrast-enhanced T1w scan, registered and resampled to the first: a file, or an array in its axis order.
        weights: a folder, or the result of `load_weights`; None takes ``$SPINAL_TF_WEIGHTS``, or else the bundled ones.
        options: options of the segmentation if no mask is given; ``level_at`` also applies to a mask.

    Returns:
        The classification; its ``diagnosis`` is None if there is nothing to classify.

    Raises:
        VolumeError: scan or mask cannot be used, or their grids differ.
        WeightsError: the weights are missing or damaged, or find no vertebrae to count from a given level.
        DeviceError: this machine has no such device.
        ServerError: the weights are on a server and a request to it fails.
        ValueError: values of a mask are given without the mask.
    """
    if mask is None and mask_values != ANY_MASK:
        raise ValueError("mask_values belong to a mask; give the mask as well")
    loaded, watch = as_weights(weights), Stopwatch()
    with watch.stage("read"):
        volume = as_volume(image, affine)
        given = None if mask is None else as_mask(mask, like=volume, values=mask_values)
        contrast = as_t1c(t1c, like=volume)
    case = diagnose(
        volume,
        loaded.networks(watch, segment=given is None),
        given=given,
        t1c=contrast,
        options=options or SegmentationOptions(),
        stopwatch=watch,
    )
    found = case.classification
    return ClassificationResult(
        diagnosis=found.diagnosis.value if found else None,
        posterior={one.value: share for one, share in found.posterior.items()} if found else {},
        tasks=_tasks(case),
        mask=in_file_order(case.mask, like=volume),
        affine=volume.grid.affine,
        lesions=case.lesions,
        review=case.review,
        warnings=case.warnings,
        case=case,
    )


def explain(
    image: Image,
    mask: Mask,
    *,
    mask_values: MaskValues = ANY_MASK,
    affine: np.ndarray | None = None,
    t1c: str | Path | np.ndarray | None = None,
    weights: Weights = None,
    method: str | MapMethod | None = None,
) -> HeatMaps:
    """Show where the classifiers looked, by a heat map of the class that each of them calls.

    Args:
        image: a file, an array (i, j, k) in any axis order, or the result of `read`.
        mask: lesion mask on the scan's grid: a file, an array, or the result of `segment`.
        mask_values: see `classify`.
        affine: affine of an array; see `classify`.
        t1c: see `classify`.
        weights: see `classify`.
        method: ``gradcam``, ``gradcam++``, ``layercam``, ``scorecam`` or ``saliency``; None takes the method given to
            `load_weights`, or else Grad-CAM.

    Returns:
        A map for each task.

    Raises:
        VolumeError: scan or mask cannot be used, or their grids differ.
        WeightsError: the weights are missing or damaged; also DeviceError and ServerError, see `classify`.
        ValueError: the method is unknown; also see `classify`.
    """
    networks = as_weights(weights)
    if method is not None:
        networks = networks.explained_by(MapMethod(method))
    found = classify(
        image,
        mask=mask,
        mask_values=mask_values,
        affine=affine,
        t1c=t1c,
        weights=networks,
    )
    return HeatMaps(
        maps={one.task.name: one.heatmap for one in found.tasks},
        called={one.task.name: one.called for one in found.tasks},
        affine=found.affine,
        warnings=found.warnings,
        case=found.case,
    )


def _tasks(case: CaseResult) -> tuple[TaskResult, ...]:
    """Return the classifiers' results, with their maps in the axis order of the scan."""
    tasks = case.classification.tasks if case.classification else ()
    return tuple(replace(one, heatmap=in_file_order(one.heatmap, like=case.volume)) for one in tasks)
