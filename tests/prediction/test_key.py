"""A prediction is known again by what it depends on, and by nothing else."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

import spinal_tf
from spinal_tf.cohort.read_cohort import read_cohort
from spinal_tf.models import Served
from spinal_tf.prediction.key import prediction_key
from spinal_tf.prediction_options import PredictionOptions, SegmentationOptions

OPTIONS = PredictionOptions()


@pytest.fixture
def case(write_cohort, write_table):
    """A case with all three images."""
    return read_cohort(write_table(write_cohort(1))).cases[0]


@pytest.fixture
def records(checkpoints):
    """The networks' records."""
    return list(checkpoints.values())


def test_the_same_is_the_same_wherever_the_images_lie(case, records, tmp_path):
    moved = shutil.copy(case.t2, tmp_path / "elsewhere.nii.gz")
    again = replace(case, t2=moved, name="other", row=7)
    assert prediction_key(case, records, OPTIONS) == prediction_key(again, records, OPTIONS)


@pytest.mark.parametrize("image", ["t2", "t1c", "mask"])
def test_another_image_is_another_prediction(case, records, image):
    before = prediction_key(case, records, OPTIONS)
    path = getattr(case, image)
    path.write_bytes(path.read_bytes() + b"\0")
    assert prediction_key(case, records, OPTIONS) != before


def test_an_image_in_another_place_is_another_prediction(case, records):
    swapped = replace(case, t1c=case.mask, mask=case.t1c)
    assert prediction_key(swapped, records, OPTIONS) != prediction_key(case, records, OPTIONS)
    assert prediction_key(replace(case, t1c=None), records, OPTIONS) != prediction_key(case, records, OPTIONS)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"sha256": "1" * 64}, False),
        ({"operating_point": 0.25}, False),
        ({"modalities": ("t2w", "t1c")}, False),
        ({"training": {"data": "other words"}}, True),
        ({"card": "other.md"}, True),
    ],
)
def test_weights_count_with_all_that_belongs_to_them_but_words(case, records, change, same):
    changed = [*records[:-1], replace(records[-1], **change)]
    assert (prediction_key(case, changed, OPTIONS) == prediction_key(case, records, OPTIONS)) is same


@pytest.mark.parametrize(
    "options",
    [
        PredictionOptions(with_mask=True),
        PredictionOptions(segmentation=SegmentationOptions(threshold=0.5)),
        PredictionOptions(segmentation=SegmentationOptions(tta=True)),
    ],
)
def test_other_options_are_another_prediction(case, records, options):
    assert prediction_key(case, records, options) != prediction_key(case, records, OPTIONS)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"address": "http://other:8501", "version": 7}, True),
        ({"precision": "bfloat16"}, False),
        ({"written_by": "9.9.9"}, False),
    ],
)
def test_networks_on_a_server_count_with_what_they_say_and_not_with_where_they_are(case, records, change, same):
    one = Served(address="grpc://host:8500", version=1, precision="float32", written_by="0.1.0")
    before = prediction_key(case, records, OPTIONS, served={records[0].name: one})
    changed = {records[0].name: replace(one, **change)}
    assert (prediction_key(case, records, OPTIONS, served=changed) == before) is same
    assert before != prediction_key(case, records, OPTIONS), "this machine's own differ in rounding"


def test_another_version_is_another_prediction(case, records, monkeypatch):
    before = prediction_key(case, records, OPTIONS)
    monkeypatch.setattr(spinal_tf, "__version__", "9.9.9")
    assert prediction_key(case, records, OPTIONS) != before


def test_an_image_that_is_not_there_is_an_error(case, records):
    case.t1c.unlink()
    with pytest.raises(FileNotFoundError):
        prediction_key(case, records, OPTIONS)


def test_another_way_of_reading_is_another_prediction(case, records, monkeypatch):
    before = prediction_key(case, records, OPTIONS)
    monkeypatch.setattr("spinal_tf.prediction.key.READING", 99)
    assert prediction_key(case, records, OPTIONS) != before
