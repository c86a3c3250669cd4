"""Runs one case of a cohort through the main path, and scores its mask against the cohort's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from spinal_tf.checkpoints.manifest import Checkpoint
from spinal_tf.cohort.case import Case
from spinal_tf.evaluation.lesion_place import lesion_place
from spinal_tf.evaluation.lesionwise import LesionwiseScore
from spinal_tf.evaluation.overlap import score_mask
from spinal_tf.evaluation.overlap_summary import MEASURES
from spinal_tf.evaluation.prediction_table import FLAGGED, MASK_PROVENANCE, NONE
from spinal_tf.evaluation.predictions import probability_column, zone_column
from spinal_tf.images.contrast_scan import read_t1c
from spinal_tf.images.lesion_mask import ANY_MASK, read_lesion_mask
from spinal_tf.images.volume import Volume, read_volume
from spinal_tf.models import Classifier, Networks
from spinal_tf.pipeline import ReviewedMask, diagnose
from spinal_tf.prediction_options import MaskValues, PredictionOptions
from spinal_tf.report.mask_origin import is_automatic
from spinal_tf.results import CaseResult
from spinal_tf.taxonomy import tree

T1C = "t1c"


@dataclass(frozen=True, kw_only=True)
class CasePrediction:
    """Prediction of a case, as written in tables.

    Attributes:
        cells: text by column, see `predicted_columns`.
        lesions: lesions of the segmenter's mask and of the cohort's.
        place: level and extent of the lesions in the cohort's mask, by column of `PLACE_COLUMNS`, as far as the scan
            shows them; for cells that the cohort's table leaves empty.
    """

    cells: Mapping[str, str]
    lesions: LesionwiseScore
    place: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Images:
    """The images of a case, all on one grid.

    Attributes:
        t2: sagittal T2w.
        mask: bool, lesion mask of the cohort; empty for a healthy case without a mask.
        automatic: whether a record beside the mask says that a network drew it.
        mask_warnings: unusual properties of the mask's file and reasons to look at the mask again.
        t1c: contrast-enhanced T1w; None if it is missing or no network uses it.
    """

    t2: Volume
    mask: np.ndarray
    automatic: bool = False
    mask_warnings: tuple[str, ...] = ()
    t1c: Volume | None


def predicted_columns() -> tuple[str, ...]:
    """Return the columns that the prediction adds to the table of predictions."""
    tasks = tree().tasks
    return (
        *(probability_column(task) for task in tasks),
        *(probability_column(task, with_t1c=True) for task in tasks),
        *MEASURES,
        FLAGGED,
        MASK_PROVENANCE,
        *(zone_column(task) for task in tasks),
    )


def mask_values(case: Case, options: PredictionOptions) -> MaskValues:
    """Return which values of a case's mask are lesion: the choice of its row in the table, or else of the options."""
    default = MaskValues(mask_label=options.mask_label, mask_threshold=options.mask_threshold)
    return default if case.mask_values == ANY_MASK else case.mask_values


def read_images(case: Case, options: PredictionOptions, *, with_t1c: bool) -> Images:
    """Read the images of a case.

    Raises:
        VolumeError: an image cannot be used.
    """
    t2 = read_volume(case.t2, assume_orientation=options.assume_orientation, allow_plane=options.allow_plane)
    t1c = read_t1c(case.t1c, like=t2) if case.t1c and with_t1c else None
    if case.mask is None:
        return Images(t2=t2, mask=np.zeros(t2.data.shape, bool), t1c=t1c)
    found = read_lesion_mask(case.mask, like=t2, values=mask_values(case, options))
    automatic = is_automatic(found.mask, case.mask, scan=case.t2, folders=(case.mask.parent, case.t2.parent))
    return Images(t2=t2, mask=found.mask, automatic=automatic, mask_warnings=found.warnings + found.doubts, t1c=t1c)


def predict_case(images: Images, networks: Networks, options: PredictionOptions) -> tuple[CasePrediction, CaseResult]:
    """Segment a case, score the mask, and classify.

    Returns:
        The prediction, and the result of the automatic segmentation.
    """
    automatic = diagnose(
        images.t2,
        replace(networks, classifiers=()) if options.with_mask else networks,
        options=options.segmentation,
    )
    result = _classified(images, networks.classifiers, images.mask) if options.with_mask else automatic
    unedited = not options.with_mask or images.automatic or np.array_equal(images.mask, automatic.mask)
    score = score_mask(automatic.mask, images.mask, images.t2.spacing_mm)
    flagged = automatic.segmentation is not None and automatic.segmentation.review.needed
    cells = {
        **dict.fromkeys(predicted_columns(), ""),
        **_probabilities(result),
        **_probabilities_with_t1c(images, networks.classifiers, result.mask),
        **{name: _text(measure(score)) for name, measure in MEASURES.items()},
        FLAGGED: str(int(flagged)),
        MASK_PROVENANCE: "automatic" if unedited else "reviewed",
        **_zones(result),
    }
    return CasePrediction(cells=cells, lesions=score.lesions, place=_place(images, automatic)), automatic


def _place(images: Images, result: CaseResult) -> dict[str, str]:
    """Return level and extent of the cohort's mask as text; empty if the scan does not show them."""
    found = lesion_place(images.mask, images.t2, result.spine)
    return {column: str(getattr(value, "value", value)) for column, value in found.items()}


def disease_heatmap(images: Images, networks: Networks, mask: np.ndarray) -> np.ndarray | None:
    """Return the Grad-CAM map of the classifier that named the disease, float32 of the scan's shape, 0 to 1.

    Returns:
        The map; None if the mask gave nothing to classify.
    """
    classification = _classified(images, networks.classifiers, mask).classification
    if classification is None:
        return None
    *_, last = tree().way_to(classification.diagnosis)
    return next(one.heatmap for one in classification.tasks if one.task == last)


def _zones(result: CaseResult) -> dict[str, str]:
    """Return the zone where the heat map of each classified task is mainly active."""
    tasks = result.classification.tasks if result.classification else ()
    return {zone_column(one.task): one.activation.zone.value for one in tasks}


def without_prediction() -> dict[str, str]:
    """Return the cells of a case that could not be predicted."""
    return {**dict.fromkeys(predicted_columns(), ""), **{probability_column(task): NONE for task in tree().tasks}}


def uses_t1c(checkpoint: Checkpoint) -> bool:
    """Return whether a network was trained with contrast-enhanced scans."""
    return T1C in checkpoint.modalities


def _classified(
    images: Images, classifiers: Sequence[Classifier], mask: np.ndarray, *, t1c: Volume | None = None
) -> CaseResult:
    given = ReviewedMask(mask=mask, source=images.t2.source)
    return diagnose(images.t2, Networks(classifiers=classifiers), given=given, t1c=t1c)


def _probabilities(result: CaseResult, *, with_t1c: bool = False) -> dict[str, str]:
    """Return the probability of every task by column, or `NONE` if there is no lesion."""
    tasks = result.classification.tasks if result.classification else ()
    found = {probability_column(one.task, with_t1c=with_t1c): repr(one.probability) for one in tasks}
    return {probability_column(task, with_t1c=with_t1c): NONE for task in tree().tasks} | found


def _probabilities_with_t1c(images: Images, classifiers: Sequence[Classifier], mask: np.ndarray) -> dict[str, str]:
    """Return the same with the contrast-enhanced scan, for networks that were trained with such scans."""
    able = {probability_column(one.task, with_t1c=True) for one in classifiers if uses_t1c(one.checkpoint)}
    if images.t1c is None or not able:
        return {}
    found = _probabilities(_classified(images, classifiers, mask, t1c=images.t1c), with_t1c=True)
    return {column: text for column, text in found.items() if column in able}


def _text(value: float) -> str:
    return "" if math.isnan(value) else repr(value)
