"""Tiles: the authors' balance, and that they follow from seed, step and index alone."""

from __future__ import annotations

import numpy as np
import pytest

from spinal_tf.datasets import tile_samples as classifier
from spinal_tf.datasets.tile_samples import ClassifierCase, TilePlan, TileSampler, classifier_cases, classifier_entry
from spinal_tf.preprocess import Preprocessing
from spinal_tf.slices import make_tiles
from spinal_tf.taxonomy import MS, MS_VS_NMOSD, NMOSD, TUMOR_VS_DEMYELINATING, tree

CODE = {diagnosis: number for number, diagnosis in enumerate(tree().diagnoses, start=1)}
PLAIN = TilePlan(augmentation="none", t1c_share=1.0)


def tiles_of(diagnosis, count=2, t1c=True):
    """Tiles whose image is the disease's number, and a hundredth for each tile more."""
    tiles = np.zeros((count, 40, 40, 3), np.float16)
    tiles[..., 1] = CODE[diagnosis] + np.arange(count)[:, None, None] / 128
    tiles[..., 0] = tiles[..., 1] * t1c
    tiles[:, 10:20, 15:25, 2] = 1
    return ClassifierCase(name=diagnosis.value, diagnosis=diagnosis, tiles=tiles)


def sampler(cases, task=MS_VS_NMOSD, plan=PLAIN, batch=6, seed=0):
    return TileSampler(
        cases=[case for case in cases if task.applies_to(case.diagnosis)], task=task, plan=plan, batch=batch, seed=seed
    )


def draw(source, steps=40, batch=6):
    tiles, classes = zip(*(source(step, index) for step in range(steps) for index in range(batch)), strict=True)
    return np.stack(tiles), np.stack(classes)


@pytest.mark.parametrize("task", tree().tasks)
def test_half_of_a_batch_is_of_each_class_and_labelled_so(task):
    many = [tiles_of(MS)] * 9 + [tiles_of(d) for d in tree().diagnoses if d is not MS]
    tiles, classes = draw(sampler(many, task))
    assert tiles.shape == (240, 40, 40, 3)
    assert tiles.dtype == classes.dtype == np.float32
    assert classes.reshape(40, 6, 2).argmax(axis=2).tolist() == [[0, 0, 0, 1, 1, 1]] * 40
    diagnoses = [list(tree().diagnoses)[int(code) - 1] for code in tiles[:, 16, 16, 1]]
    assert [task.label(d) for d in diagnoses] == classes.argmax(axis=1).tolist()


def test_every_tile_of_a_class_comes_once_before_any_comes_again():
    source = sampler([tiles_of(MS, 9), tiles_of(NMOSD, 4)])
    tiles, classes = draw(source, steps=12)
    for label, count in ((0, 9), (1, 4)):
        drawn = tiles[classes[:, label] == 1][:, 16, 16, 1]
        rounds = [tuple(drawn[start : start + count]) for start in range(0, 36, count)]
        assert {len(set(turn)) for turn in rounds} == {count}
        assert len(set(rounds)) > 2  # in another order each time


def test_an_epoch_is_the_batches_of_the_larger_class():
    large, small = tiles_of(MS, 50), tiles_of(NMOSD, 4)
    assert sampler([large, small], batch=16).steps_per_epoch == 6  # 50 // 8
    assert sampler([small, large], batch=16).steps_per_epoch == 6
    assert sampler([small, tiles_of(MS, 1)], batch=32).steps_per_epoch == 1


@pytest.mark.parametrize("augmentation", ["broad", "authors", "none"])
def test_a_tile_is_a_function_of_seed_step_and_index(augmentation):
    plan = TilePlan(augmentation=augmentation)
    cases = [tiles_of(d, 30) for d in tree().diagnoses]
    for case in cases:
        case.tiles[..., 1] = np.random.default_rng(CODE[case.diagnosis]).random(case.tiles.shape[:3])
    one, same, other = (sampler(cases, TUMOR_VS_DEMYELINATING, plan, seed=seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one(3, 2)[0], same(3, 2)[0])
    assert len({source(*place)[0].tobytes() for source, place in ((one, (3, 2)), (one, (2, 3)), (other, (3, 2)))}) == 3


def test_t1c_is_kept_at_times_and_is_zero_otherwise():
    tiles, _ = draw(sampler([tiles_of(d) for d in tree().diagnoses], plan=TilePlan(t1c_share=0.4)))
    kept = tiles[..., 0].any(axis=(1, 2))
    assert abs(kept.mean() - 0.4) < 0.13  # four standard deviations
    assert tiles[..., 1].any(axis=(1, 2)).all()


@pytest.mark.parametrize(("share", "t1c"), [(0.0, True), (1.0, False)])
def test_without_t1c_its_channel_stays_zero(share, t1c):
    for augmentation in ("broad", "authors", "none"):
        plan = TilePlan(t1c_share=share, augmentation=augmentation)
        tiles, _ = draw(sampler([tiles_of(d, t1c=t1c) for d in tree().diagnoses], plan=plan), steps=8)
        assert not tiles[..., 0].any()


@pytest.mark.parametrize("augmentation", ["broad", "authors"])
def test_the_channels_of_a_tile_stay_aligned(augmentation, monkeypatch):
    monkeypatch.setattr(classifier, "random_intensity", lambda rng, image: image)
    cases = [tiles_of(MS), tiles_of(NMOSD)]
    for case in cases:
        case.tiles[..., 0] = case.tiles[..., 1] = case.tiles[..., 2]
    tiles, _ = draw(sampler(cases, plan=TilePlan(augmentation=augmentation, t1c_share=1.0)), steps=10)
    np.testing.assert_array_equal(tiles[..., 0], tiles[..., 1])
    lesion, bright = tiles[..., 2] == 1, tiles[..., 1] >= 0.5
    overlap = 2 * (lesion & bright).sum() / (lesion.sum() + bright.sum())
    assert overlap > 0.95
    assert set(np.unique(tiles[..., 2])) == {0, 1}


def test_an_entry_is_made_of_the_tiles_of_the_pipeline(examination):
    found = examination(t1c=True)
    (case,) = classifier_cases(classifier_entry(found, Preprocessing(), "channel"))
    expected = make_tiles(found.t2, found.mask, preprocessing=Preprocessing(), t1c=found.t1c)
    assert (case.name, case.mask, case.diagnosis) == ("case-1", "mask", NMOSD)
    assert case.tiles.shape == (2, 256, 256, 3)
    np.testing.assert_array_equal(case.tiles, expected.images.astype(np.float16))
    assert case.tiles.any(axis=(0, 1, 2)).all()
    (without,) = classifier_cases(classifier_entry(examination(), Preprocessing(), "channel"))
    assert not without.tiles[..., 0].any()
    (multiplied,) = classifier_cases(classifier_entry(found, Preprocessing(), "multiply"))
    assert not multiplied.tiles[..., 1][multiplied.tiles[..., 2] == 0].any()


def test_a_mask_of_the_segmenter_gives_tiles_of_its_own(examination):
    found = examination(t1c=True, model_mask=True)
    drawn, model = classifier_cases(classifier_entry(found, Preprocessing(), "channel"))
    assert (drawn.name, drawn.mask) == ("case-1", "mask")
    assert (model.name, model.mask, model.diagnosis) == ("case-1", "model_mask", NMOSD)
    expected = make_tiles(found.t2, found.model_mask, preprocessing=Preprocessing(), t1c=found.t1c)
    np.testing.assert_array_equal(model.tiles, expected.images.astype(np.float16))
    # lesion in slices 2 and 3, the segmenter's in 3 and 4
    np.testing.assert_array_equal(model.tiles[0], drawn.tiles[1])
    assert not np.array_equal(model.tiles[1], drawn.tiles[0])


def test_the_segmenters_tiles_are_drawn_as_often_as_the_others(examination):
    entry = classifier_entry(examination(model_mask=True), Preprocessing(), "channel")
    source = sampler([*classifier_cases(entry), tiles_of(MS)], plan=TilePlan(augmentation="none"))
    drawn = [source(step, 3 + index)[0].tobytes() for step in range(4) for index in range(3)]
    assert sorted(drawn.count(tile) for tile in set(drawn)) == [3, 3, 6]  # slice 3 is in both masks
