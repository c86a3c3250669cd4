"""Compares heat maps of a cohort's cases with those of random weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from spinal_tf.cohort.case import Case
from spinal_tf.evaluation.map_check import MapComparison
from spinal_tf.evaluation.prediction_table import NONE
from spinal_tf.evaluation.predictions import CaseSet, probability_column
from spinal_tf.explanation.gradcam import WeightedExplainer
from spinal_tf.explanation.sanity import check_randomised
from spinal_tf.images.volume import Volume
from spinal_tf.models import Classifier
from spinal_tf.prediction.predict_case import CasePrediction
from spinal_tf.slices import make_tiles
from spinal_tf.taxonomy import Task

DRAWS = 3
"""Number of networks with random weights; single ones differ much."""


def cases_to_check(
    cases: Sequence[Case], predicted: Mapping[str, CasePrediction], task: Task, count: int
) -> tuple[CaseSet, list[Case]]:
    """Choose classified cases of a task from the test set, or from the validation set if the test set has none.

    Args:
        cases: judged cases.
        predicted: predictions by name of the case.
        task: task that must apply to the cases.
        count: maximum number of cases; spread evenly over the order of the cases.
    """
    column = probability_column(task)
    for case_set in (CaseSet.TEST, CaseSet.VALIDATION):
        found = [
            case
            for case in cases
            if case.split is case_set.drawn_from
            and case.diagnosis
            and task.applies_to(case.diagnosis)
            and case.name in predicted
            and predicted[case.name].cells[column] not in ("", NONE)
        ]
        if found:
            break
    places = np.unique(np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int))
    return case_set, [found[place] for place in places]


def compare_maps(t2: Volume, mask: np.ndarray, classifier: Classifier) -> tuple[MapComparison, ...]:
    """Compare the maps of a case with those of `DRAWS` networks whose weights are all random.

    Args:
        t2: sagittal T2w.
        mask: bool, same shape, with lesion in at least one slice that gives a tile.
        classifier: classifier that explains the class it calls at its stored operating point.
    """
    record = classifier.checkpoint
    tiles = make_tiles(t2, mask, preprocessing=record.preprocessing, mask_mode=record.mask_mode or "channel")
    explain = cast(WeightedExplainer, classifier.explain)  # as `models.load_classifiers` makes it
    found = []
    for seed in range(DRAWS):
        [one] = check_randomised(explain, tiles.images, class_index=classifier.call, seed=seed, cascade=False)
        found.append(MapComparison(spearman=one.spearman, ssim=one.ssim, blank=one.blank, tiles=one.tiles))
    return tuple(found)
