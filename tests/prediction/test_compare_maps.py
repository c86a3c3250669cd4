"""Which cases the Grad-CAM check takes, and what it shows the networks."""

from __future__ import annotations

import numpy as np
import pytest

from spinal_tf.cohort.case import Split
from spinal_tf.evaluation.lesionwise import LesionwiseScore
from spinal_tf.evaluation.predictions import CaseSet, probability_column
from spinal_tf.explanation.sanity import Similarity
from spinal_tf.models import Classifier
from spinal_tf.prediction import compare_maps as map_check
from spinal_tf.prediction.compare_maps import DRAWS, cases_to_check, compare_maps
from spinal_tf.prediction.predict_case import CasePrediction
from spinal_tf.slices import make_tiles
from spinal_tf.taxonomy import ASTROCYTOMA, EPENDYMOMA, MS, MS_VS_NMOSD


class Named:
    """As much of a case as is asked for."""

    def __init__(self, name, split=Split.TEST, diagnosis=MS):
        self.name, self.split, self.diagnosis = name, split, diagnosis


def predicted(cases, **probabilities):
    nothing = LesionwiseScore(reference=(), predicted=())
    column = probability_column(MS_VS_NMOSD)
    return {
        case.name: CasePrediction(cells={column: probabilities.get(case.name, "0.5")}, lesions=nothing)
        for case in cases
    }


def chosen(cases, count, **probabilities):
    case_set, found = cases_to_check(cases, predicted(cases, **probabilities), MS_VS_NMOSD, count)
    return case_set, [case.name for case in found]


@pytest.mark.parametrize(("count", "names"), [(1, ["a"]), (2, ["a", "e"]), (3, ["a", "c", "e"]), (9, list("abcde"))])
def test_cases_are_spread_over_the_table(count, names):
    assert chosen([Named(name) for name in "abcde"], count) == (CaseSet.TEST, names)


def test_only_cases_that_the_task_applies_to_and_that_were_classified():
    cases = [Named("a", diagnosis=EPENDYMOMA), Named("b", diagnosis=None), Named("c"), Named("d"), Named("e")]
    assert chosen(cases, 9, c="none", d="") == (CaseSet.TEST, ["e"])
    assert cases_to_check(cases, predicted(cases[:3]), MS_VS_NMOSD, 9)[1] == [cases[2]], "e could not be predicted"


def test_validation_is_asked_where_the_test_has_none():
    cases = [Named("a", Split.VALIDATION), Named("b", diagnosis=ASTROCYTOMA)]
    assert chosen(cases, 2) == (CaseSet.VALIDATION, ["a"])
    assert chosen(cases[1:], 2) == (CaseSet.VALIDATION, [])


def test_every_tile_of_the_mask_is_compared_with_every_draw(checkpoints, phantom_volume, lesion, monkeypatch):
    classifier = Classifier(task=MS_VS_NMOSD, checkpoint=checkpoints[MS_VS_NMOSD.name], explain=object())
    seen = []

    def note(explain, images, *, class_index, seed, cascade):
        seen.append((explain, images, class_index(np.array([[0.4, 0.6], [0.7, 0.3]])), seed, cascade))
        return (Similarity(randomised=("all",), spearman=seed / 10, ssim=0.5, blank=1, tiles=len(images)),)

    monkeypatch.setattr(map_check, "check_randomised", note)
    found = compare_maps(phantom_volume, lesion, classifier)
    assert [one.spearman for one in found] == [seed / 10 for seed in range(DRAWS)]
    assert {(one.blank, one.tiles) for one in found} == {(1, 3)}
    expected = make_tiles(phantom_volume, lesion, preprocessing=classifier.checkpoint.preprocessing).images
    for explain, images, called, _, cascade in seen:
        assert explain is classifier.explain
        np.testing.assert_array_equal(images, expected)
        assert called == 0, "the mean is 0.45, below the operating point"
        assert not cascade
