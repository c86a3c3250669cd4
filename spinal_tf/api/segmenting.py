"""``spinal_tf.segment``."""

from __future__ import annotations

from typing import cast

import numpy as np

from spinal_tf.api.case_images import Image, Weights, as_volume, as_weights
from spinal_tf.api.case_results import SegmentationResult
from spinal_tf.images.volume import in_file_order
from spinal_tf.pipeline import diagnose
from spinal_tf.prediction_options import SegmentationOptions
from spinal_tf.results import Segmentation
from spinal_tf.stopwatch import Stopwatch


def segment(
    image: Image,
    *,
    affine: np.ndarray | None = None,
    weights: Weights = None,
    options: SegmentationOptions | None = None,
) -> SegmentationResult:
    """Find the lesions of a sagittal T2w scan and outline them.

    Args:
        image: a file, an array (i, j, k) in any axis order, or the result of `read`.
        affine: affine of an array: (4, 4), array index to patient RAS mm, as in nibabel.
        weights: a folder, or the result of `load_weights`; None takes ``$SPINAL_TF_WEIGHTS``, or else the bundled ones.
        options: options of the segmentation; None takes the weights' own operating point.

    Returns:
        The lesions; finding none is a valid result.

    Raises:
        VolumeError: the scan cannot be used.
        WeightsError: the weights are missing or damaged, or find no vertebrae to count from a given level.
        DeviceError: this machine has no such device.
        ServerError: the weights are on a server and a request to it fails.
    """
    loaded, watch = as_weights(weights), Stopwatch()
    with watch.stage("read"):
        volume = as_volume(image, affine)
    case = diagnose(
        volume,
        loaded.networks(watch, classify=False),
        options=options or SegmentationOptions(),
        stopwatch=watch,
    )
    found = cast(Segmentation, case.segmentation)  # there was a segmenter
    return SegmentationResult(
        mask=in_file_order(case.mask, like=volume),
        probability=in_file_order(found.probability, like=volume),
        affine=volume.grid.affine,
        lesions=case.lesions,
        volume_ml=sum(lesion.volume_ml for lesion in case.lesions),
        review=found.review,
        warnings=case.warnings,
        case=case,
    )
