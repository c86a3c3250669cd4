"""Validation by hand: Dice by disease, accuracy, AUC, and the operating points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spinal_tf.datasets.crop_samples import SegmenterCase
from spinal_tf.datasets.tile_samples import ClassifierCase
from spinal_tf.taxonomy import MS, MS_VS_NMOSD, NMOSD
from spinal_tf.training.validation import some_cases, validate_classifier, validate_segmenter

SHAPE = (2, 16, 16)


def planes_of(kind, probability, lesion, voxel_ml=1.0):
    """A case whose planes are the probabilities that `echo` gives for them; both are (slice, row, columns)."""
    mask = np.zeros(SHAPE, bool)
    mask[0, 0, :lesion] = True
    planes = np.zeros(SHAPE, np.float16)
    for start, stop, value in probability:
        planes[0, 0, start:stop] = value
    return SegmenterCase(
        name=f"{kind}",
        diagnosis=kind,
        voxel_ml=voxel_ml,
        planes=planes,
        mask=mask,
        cord=None,
        neighbours=np.arange(len(planes))[:, np.newaxis],
        lesion_voxels=np.argwhere(mask).astype(np.int32),
        spine_voxels=np.zeros((0, 3), np.int32),
        error_voxels=np.zeros((0, 3), np.int32),
    )


def echo(batch):
    return batch


def test_the_threshold_has_the_best_mean_over_the_diseases_and_ties_go_to_the_highest():
    # At 0.2 to 0.4: 4 of 4 and 4 beside (2*4/12); at 0.5 to 0.6 exact; above, half of it (2*2/6).
    ms = planes_of(MS, [(0, 2, 0.95), (2, 4, 0.65), (4, 8, 0.45)], 4)
    found = validate_segmenter(echo, [ms])
    assert (found.operating_point, found.minimum_peak) == (0.6, 0.95)
    assert found.measures["dice"] == 1.0
    wide = planes_of(NMOSD, [(0, 6, 0.45)], 6)
    found = validate_segmenter(echo, [ms, ms, wide])
    assert (found.operating_point, found.minimum_peak) == (0.4, 0.0)  # (2/3 + 1) / 2 up to there, (1 + 0) / 2 at 0.5
    assert found.measures["dice_ms"] == pytest.approx(2 / 3)
    assert found.measures["dice_nmosd"] == 1.0
    assert found.measures["dice"] == pytest.approx(5 / 6)
    assert found.score[0] == found.measures["dice"]


def test_progress_counts_the_cases_that_are_done():
    shown, batches = [], []

    def watched(batch):
        batches.append(len(batch))
        return batch

    case = planes_of(MS, [(0, 4, 0.95)], 4)
    validate_segmenter(watched, [case] * 3, progress=lambda *counts: shown.append((*counts, len(batches))))
    assert shown == [(1, 3, 1), (2, 3, 2), (3, 3, 3)]


def test_the_healthy_are_a_group_of_their_own():
    clean = planes_of(None, [], 0)
    marked = planes_of(None, [(0, 5, 0.95)], 0)
    ms = planes_of(MS, [(0, 4, 0.95)], 4)
    found = validate_segmenter(echo, [ms, clean, marked])
    assert found.measures["dice_healthy"] == 0.5
    assert found.measures["dice"] == 0.75
    assert [row["diagnosis"] for row in found.cases] == ["ms", "healthy", "healthy"]
    assert [row["marked_ml"] for row in found.cases] == [4.0, 0.0, 5.0]
    assert found.measures["healthy_marked_ml"] == 2.5
    assert "healthy_marked_ml" not in validate_segmenter(echo, [ms]).measures


def test_the_healthy_do_not_move_the_threshold_beyond_what_is_good_for_the_diseases():
    ms = planes_of(MS, [(0, 4, 0.45)], 4)
    marked = planes_of(None, [(0, 5, 0.45)], 0)
    found = validate_segmenter(echo, [ms, marked, marked, marked])
    assert (found.operating_point, found.minimum_peak) == (0.4, 0.0)


def test_of_points_equally_good_for_the_diseases_the_healthy_choose():
    ms = planes_of(MS, [(0, 2, 0.85), (2, 4, 0.45)], 4)  # exact up to 0.4, with a peak up to 0.8
    marked = planes_of(None, [(0, 5, 0.65)], 0)
    found = validate_segmenter(echo, [ms, marked])
    assert (found.operating_point, found.minimum_peak) == (0.4, 0.8)
    assert found.measures["healthy_marked_ml"] == 0
    assert found.measures["minimum_peak"] == 0.8


def large_lesion(inside, weakest):
    """Of 201 voxels, one of which is found at a lower threshold than the others: without it the Dice is 400 / 401."""
    mask = np.zeros((2, 16, 16), bool)
    mask.flat[:201] = True
    planes = np.where(mask, inside, 0.0).astype(np.float16)
    planes.flat[200] = weakest
    return replace(planes_of(MS, [], 0), planes=planes, mask=mask, lesion_voxels=np.argwhere(mask))


def test_a_higher_threshold_is_taken_where_it_is_nearly_as_good_and_leaves_more_healthy_empty():
    ms = large_lesion(0.55, 0.45)
    marked = planes_of(None, [(0, 1, 0.95), (1, 5, 0.45)], 0, voxel_ml=0.019)  # a speck from 0.5 on
    assert validate_segmenter(echo, [ms, marked]).operating_point == 0.5
    assert validate_segmenter(echo, [ms]).operating_point == 0.4


def test_one_large_false_mark_does_not_choose_for_all():
    large = planes_of(None, [(0, 8, 0.85), (8, 16, 0.65)], 0)  # 8 mL less at 0.7, and still not empty
    found = validate_segmenter(echo, [large_lesion(0.85, 0.65), large])
    assert found.operating_point == 0.6
    assert found.measures["healthy_marked_ml"] == 16.0


def test_specks_do_not_count():
    ms = planes_of(MS, [(0, 4, 0.95), (8, 9, 0.95)], 4, voxel_ml=0.019)
    assert validate_segmenter(echo, [ms]).measures["dice"] == 1.0


def test_soft_dice_decides_between_empty_masks():
    worse, better = (planes_of(MS, [(0, 4, value)], 4) for value in (0.05, 0.1))
    first, second = (validate_segmenter(echo, [case]) for case in (worse, better))
    assert first.measures["dice"] == second.measures["dice"] == 0
    assert second.score > first.score
    assert second.measures["soft_dice"] == pytest.approx(2 * 0.4 / 4.4, rel=1e-3)


def test_every_slice_is_looked_at_at_full_precision():
    seen = []

    def spy(batch):
        seen.append(batch)
        return batch

    validate_segmenter(spy, [planes_of(MS, [(0, 4, 0.95)], 4)])
    assert sum(len(batch) for batch in seen) == 2
    assert {(batch.dtype, batch.shape[1:]) for batch in seen} == {(np.dtype(np.float32), (16, 16, 1))}


def tiles_of(diagnosis, *probabilities, t1c=0.0):
    tiles = np.zeros((len(probabilities), 4, 4, 3), np.float16)
    tiles[..., 1] = np.array(probabilities)[:, None, None]
    tiles[..., 0] = t1c
    return ClassifierCase(name=f"{diagnosis.value}-{probabilities}", diagnosis=diagnosis, tiles=tiles)


def read_off(tiles):
    """The positive class has the T2w channel's value, less what T1c holds."""
    positive = (tiles[..., 1] - tiles[..., 0])[:, 0, 0]
    return np.stack([1 - positive, positive], axis=1)


def judge(cases, monitor="accuracy", with_t1c=False):
    return validate_classifier(read_off, cases, MS_VS_NMOSD, with_t1c=with_t1c, monitor=monitor)


MS, NMOSD = MS, NMOSD


def test_accuracy_is_of_tiles_and_the_area_under_the_curve_is_of_cases():
    # Case means 0.5, 0.25 against 0.375, 0.75: three of four pairs are in order.
    cases = [tiles_of(MS, 0.75, 0.25), tiles_of(MS, 0.25), tiles_of(NMOSD, 0.25, 0.5), tiles_of(NMOSD, 0.75)]
    found = judge(cases)
    assert found.measures["accuracy"] == pytest.approx(4 / 6)
    assert found.measures["auc"] == 0.75
    wrong = [0.75, 0.25, 0.25, 1 - 0.25, 1 - 0.5, 1 - 0.75]
    assert found.measures["validation_loss"] == pytest.approx(np.mean([-np.log(1 - value) for value in wrong]))
    assert [row["probability"] for row in found.cases] == [0.5, 0.25, 0.375, 0.75]
    assert [row["label"] for row in found.cases] == [0, 0, 1, 1]


def test_the_monitored_measure_comes_first_in_the_score_and_the_loss_second():
    cases = [tiles_of(MS, 0.25), tiles_of(NMOSD, 0.375)]
    assert judge(cases).score[0] == 0.5
    assert judge(cases, "auc").score[0] == 1.0
    surer = [tiles_of(MS, 0.125), tiles_of(NMOSD, 0.375)]
    assert judge(surer, "auc").score > judge(cases, "auc").score


def test_contrast_is_left_out_unless_it_was_always_there_in_training():
    cases = [tiles_of(MS, 0.75, t1c=0.5), tiles_of(NMOSD, 0.75)]
    assert judge(cases).measures["auc"] == 0.5
    assert judge(cases, with_t1c=True).measures["auc"] == 1.0


# With T1c, MS reads 0.25 and NMOSD 0.5; the case without T1c reads 0.75 either way.
MIXED = [tiles_of(MS, 0.75, t1c=0.5), tiles_of(NMOSD, 0.875, t1c=0.375), tiles_of(NMOSD, 0.8125)]


@pytest.mark.parametrize("with_t1c", [False, True])
def test_each_input_has_a_cut_off_of_its_own(with_t1c):
    shown = []
    found = validate_classifier(
        read_off,
        MIXED,
        MS_VS_NMOSD,
        with_t1c=with_t1c,
        monitor="auc",
        knows_t1c=True,
        progress=lambda *counts: shown.append(counts),
    )
    assert shown == [(1, 3), (2, 3), (3, 3)]
    assert found.operating_point == 0.8125
    assert found.with_t1c == {"auc": 1.0, "operating_point": 0.5}
    assert found.to_dict()["with_t1c"] == found.with_t1c
    positive = [0.25, 0.5, 0.8125] if with_t1c else [0.75, 0.875, 0.8125]
    assert [row["probability"] for row in found.cases] == positive


def test_a_network_that_never_saw_contrast_has_one_cut_off():
    assert validate_classifier(read_off, MIXED, MS_VS_NMOSD, with_t1c=False, monitor="auc").with_t1c is None


def test_a_cut_off_with_contrast_needs_such_cases_of_both_classes():
    some = [tiles_of(MS, 0.25), tiles_of(NMOSD, 0.75, t1c=0.25)]
    found = validate_classifier(read_off, some, MS_VS_NMOSD, with_t1c=False, monitor="auc", knows_t1c=True)
    assert (found.operating_point, found.with_t1c) == (0.75, None)


def test_cases_without_contrast_are_asked_once():
    sizes = []

    def spy(tiles):
        sizes.append(len(tiles))
        return read_off(tiles)

    validate_classifier(spy, MIXED, MS_VS_NMOSD, with_t1c=False, monitor="auc", knows_t1c=True)
    assert sizes == [1] * 5


def test_many_tiles_are_asked_a_few_at_a_time():
    sizes = []

    def spy(tiles):
        sizes.append(len(tiles))
        return read_off(tiles)

    case = tiles_of(MS, *[0.25] * 70)
    validate_classifier(spy, [case, tiles_of(NMOSD, 0.75)], MS_VS_NMOSD, with_t1c=False, monitor="auc")
    assert sizes == [32, 32, 6, 1]


def test_a_part_of_the_cases_holds_every_disease():
    cases = [tiles_of(kind, 0.1 * turn) for kind in (MS, NMOSD) for turn in range(5)]
    assert some_cases(cases, None) == cases
    assert some_cases(cases, 99) == cases
    chosen = some_cases(cases, 3)
    assert chosen == [cases[0], cases[1], cases[5]]
    assert chosen == some_cases(cases, 3)


def test_a_case_with_two_masks_counts_once_and_keeps_both():
    drawn = [tiles_of(kind, 0.1 * turn) for kind in (MS, NMOSD) for turn in range(3)]
    cases = [replace(case, mask=mask) for case in drawn for mask in ("mask", "model_mask")]
    assert some_cases(cases, 6) == cases
    assert some_cases(cases, 3) == [*cases[:4], *cases[6:8]]
