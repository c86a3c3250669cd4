"""Validation of the anatomy network by hand: Dice of each structure over the voxels whose label is known."""

from __future__ import annotations

import numpy as np
import pytest

from spinal_tf.datasets.anatomy_samples import OUTSIDE, AnatomyCase
from spinal_tf.images.anatomy_map import BODY, CANAL, CORD, UNKNOWN
from spinal_tf.structures import STRUCTURES, Structure
from spinal_tf.taxonomy import MS
from spinal_tf.training.anatomy_validation import validate_anatomy
from spinal_tf.training.validation import some_cases

SLICES = 20
"""More than are predicted at once."""


def case_of(labels, *, name="c", structures=STRUCTURES, voxel_ml=1.0, diagnosis=None):
    """A case with one row of labels in its last slice; each pixel's value is its column."""
    maps = np.full((SLICES, 1, len(labels)), UNKNOWN, np.uint8)
    maps[-1, 0] = labels
    planes = np.broadcast_to(np.arange(len(labels), dtype=np.float16), maps.shape)
    return AnatomyCase(
        name=name,
        diagnosis=diagnosis,
        is_simulated=False,
        slice_mm=3.0,
        voxel_ml=voxel_ml,
        planes=planes,
        labels=maps,
        structures=tuple(structures),
        neighbours=np.arange(SLICES)[:, np.newaxis],
        spine_voxels=np.zeros((0, 3), np.int32),
        dark=0.0,
        bright=1.0,
    )


def answering(**probability):
    """A network that gives these probabilities along each row, by structure, and 0 for the others."""

    def predict(batch):
        found = np.zeros((*batch.shape[:3], len(STRUCTURES)), np.float32)
        columns = batch[..., 0].astype(int)
        for name, values in probability.items():
            found[..., STRUCTURES.index(Structure(name))] = np.array(values)[columns]
        return found

    return predict


def test_dice_of_each_structure_that_is_shown_and_their_mean():
    predict = answering(cord=[0.6, 0.6, 0, 0, 0, 0], canal=[0.9, 0.9, 0.9, 0, 0, 0], body=[0, 0, 0, 0.5, 0.4, 0.7])
    found = validate_anatomy(predict, [case_of([CORD, CORD, CANAL, BODY, BODY, 0])])
    assert found.measures["dice_cord"] == 1
    assert found.measures["dice_canal"] == 1
    assert found.measures["dice_body"] == pytest.approx(2 * 1 / (2 + 2))  # 0.5 is enough, 0.4 is not
    assert found.measures.keys() == {"dice", "soft_dice", "dice_cord", "dice_canal", "dice_body"}
    assert found.measures["dice"] == pytest.approx((1 + 1 + 0.5) / 3)
    soft = [2 * 1.2 / (2 + 1.2), 2 * 2.7 / (3 + 2.7), 2 * 0.9 / (2 + 1.6)]
    assert found.measures["soft_dice"] == pytest.approx(np.mean(soft), rel=1e-5)
    assert found.score == (found.measures["dice"], found.measures["soft_dice"])
    assert (found.operating_point, found.minimum_peak, found.with_t1c) == (0.5, 0.0, None)


def test_unknown_voxels_and_the_padding_do_not_count():
    predict = answering(body=[1, 1, 1, 1])
    assert validate_anatomy(predict, [case_of([BODY, UNKNOWN, OUTSIDE, BODY])]).measures["dice"] == 1
    assert validate_anatomy(predict, [case_of([BODY, 0, 0, BODY])]).measures["dice"] == pytest.approx(4 / 6)


def test_structures_that_a_map_does_not_label_count_within_its_labels_alone():
    predict = answering(body=[1, 0, 0, 0], canal=[0, 1, 1, 0])
    case = case_of([BODY, CORD, 0, 0], structures=(Structure.BODY, Structure.CORD))
    found = validate_anatomy(predict, [case])
    assert found.measures["dice_canal"] == 1  # where the map shows no canal, it may be one
    assert found.measures["dice_cord"] == 0


def test_cases_are_pooled_by_volume_and_false_marks_count_where_the_structure_is_missing():
    predict = answering(body=[1, 1])
    cases = [case_of([BODY, BODY], name="a"), case_of([CORD, 0], name="b", voxel_ml=0.5, diagnosis=MS)]
    found = validate_anatomy(predict, cases)
    assert found.measures["dice_body"] == pytest.approx(2 * 2 / (2 + 3))
    assert found.cases == (
        {"case": "a", "diagnosis": "healthy", "dice_body": 1.0},
        {"case": "b", "diagnosis": "ms", "dice_cord": 0.0, "dice_canal": 0.0},
    )


def test_progress_is_told_after_each_case():
    told = []
    validate_anatomy(answering(), [case_of([BODY])] * 2, progress=lambda *done: told.append(done))
    assert told == [(1, 2), (2, 2)]


def test_some_cases_are_taken_from_each_kind_in_turn():
    cases = [case_of([BODY], name=f"h{number}") for number in range(3)] + [case_of([BODY], name="m", diagnosis=MS)]
    assert [case.name for case in some_cases(cases, 2)] == ["h0", "m"]
