"""What is kept of a case is read as it was written, and only under its own key."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from spinal_tf.errors import OutputError
from spinal_tf.evaluation.lesionwise import LesionwiseScore, MatchedLesion
from spinal_tf.images.volume import read_mask
from spinal_tf.prediction.folder import PredictionFolder
from spinal_tf.prediction.predict_case import CasePrediction, predicted_columns, without_prediction
from spinal_tf.results import CaseResult, Review, Segmentation

PREDICTION = CasePrediction(
    cells={**dict.fromkeys(predicted_columns(), ""), "p_ms_vs_nmosd": "0.1", "hd95_mm": "inf", "flagged": "1"},
    lesions=LesionwiseScore(
        reference=(
            MatchedLesion(volume_ml=2.5, overlap=1 / 3, partner_iou=0.1),
            MatchedLesion(volume_ml=0.1, overlap=0, partner_iou=0),
        ),
        predicted=(MatchedLesion(volume_ml=math.pi, overlap=0.25, partner_iou=0.1),),
    ),
    place={"level": "thoracic-lumbar", "extent_vertebrae": "3"},
)


@pytest.fixture
def found(phantom_volume, lesion):
    """What a segmentation found: the lesion of the phantom, and a reason to look at it."""
    review = Review(needed=True, reasons=("many lesions: 6",))
    segmentation = Segmentation(
        probability=np.float32(lesion),
        mask=lesion,
        lesions=(),
        threshold=0.5,
        minimum_peak=0.0,
        minimum_volume_ml=0.02,
        review=review,
    )
    return CaseResult(
        volume=phantom_volume,
        mask=lesion,
        mask_provenance="automatic",
        mask_source=None,
        lesions=(),
        segmentation=segmentation,
        classification=None,
        models=(),
        warnings=("small",),
    )


@pytest.fixture
def folder(tmp_path, found):
    """A folder with the prediction of the case ``c``."""
    (tmp_path / "masks").mkdir()
    folder = PredictionFolder(path=tmp_path / "masks")
    folder.write("c", "key", PREDICTION, found)
    return folder


def test_what_is_written_is_read(folder, phantom_volume, lesion):
    assert folder.read("c", "key") == PREDICTION
    np.testing.assert_array_equal(read_mask(folder.mask("c"), like=phantom_volume), lesion)


@pytest.mark.parametrize(("case", "key"), [("c", "other"), ("c", ""), ("d", "key")])
def test_another_key_or_case_has_no_prediction(folder, case, key):
    assert folder.read(case, key) is None


def test_the_record_says_why_a_person_should_look(folder):
    record = json.loads(folder.record("c").read_text(encoding="utf-8"))
    assert (record["case"], record["review"], record["warnings"]) == ("c", ["many lesions: 6"], ["small"])
    assert record["notice"].startswith("Research use only.")


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: "",
        lambda record: "[]",
        lambda record: json.dumps({**record, "record_version": 0}),
        lambda record: json.dumps({**record, "cells": {}}),
        lambda record: json.dumps({**record, "lesions": []}),
        lambda record: json.dumps({**record, "lesions": {"reference": [{"size": 1}], "predicted": []}}),
    ],
)
def test_a_record_that_is_no_longer_one_is_no_prediction(folder, damage):
    record = json.loads(folder.record("c").read_text(encoding="utf-8"))
    folder.record("c").write_text(damage(record), encoding="utf-8")
    assert folder.read("c", "key") is None


def test_without_its_mask_there_is_no_prediction(folder):
    folder.mask("c").unlink()
    assert folder.read("c", "key") is None


def test_a_new_prediction_takes_the_place_of_the_old(folder, found):
    other = CasePrediction(cells=without_prediction(), lesions=LesionwiseScore(reference=(), predicted=()))
    folder.write("c", "key", other, found)
    assert folder.read("c", "key") == other


def test_mask_and_record_appear_together_or_not_at_all(tmp_path, found):
    folder = PredictionFolder(path=tmp_path / "nowhere")
    with pytest.raises(OutputError, match="there is no folder"):
        folder.write("c", "key", PREDICTION, found)
    assert not folder.path.exists()
