"""What the prediction of a case says of its place, from the spine that the pipeline found."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from spinal_tf.anatomy.found_spine import FoundSpine
from spinal_tf.models import Networks
from spinal_tf.prediction import predict_case as module
from spinal_tf.prediction.predict_case import Images, predict_case
from spinal_tf.prediction_options import PredictionOptions
from spinal_tf.results import CaseResult


def placed(monkeypatch, volume, lesion, spine):
    """The place of the cohort's mask if the segmenter finds nothing."""

    def found(volume, networks, **others):
        return CaseResult(
            volume=volume,
            mask=np.zeros_like(lesion),
            mask_provenance="automatic",
            mask_source=None,
            lesions=(),
            segmentation=None,
            classification=None,
            models=(),
            spine=spine,
        )

    monkeypatch.setattr(module, "diagnose", found)
    prediction, _ = predict_case(Images(t2=volume, mask=lesion, t1c=None), Networks(), PredictionOptions())
    return prediction.place


def test_level_and_extent_are_those_of_the_cohorts_mask(monkeypatch, phantom_volume, lesion):
    numbering = SimpleNamespace(ambiguous=False)
    spine = SimpleNamespace(numbering=numbering, level_of=lambda voxels: np.full(len(voxels), 20))
    place = placed(monkeypatch, phantom_volume, lesion, FoundSpine(spine=spine))
    assert place == {"level": "lumbar", "extent_vertebrae": "1"}


def test_without_a_spine_the_place_is_unknown(monkeypatch, phantom_volume, lesion):
    assert placed(monkeypatch, phantom_volume, lesion, None) == {}
