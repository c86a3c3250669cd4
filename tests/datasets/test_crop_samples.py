"""Crops: where they lie, in which shares, and that they follow from seed, step and index alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spinal_tf.datasets import crop_samples as segmenter
from spinal_tf.datasets.crop_samples import CropPlan, CropSampler, SegmenterCase, segmenter_case, segmenter_entry
from spinal_tf.preprocess import Preprocessing, neighbour_index
from spinal_tf.taxonomy import MS, NMOSD, tree

KINDS = (*tree().diagnoses, None)
CODE = {kind: number for number, kind in enumerate(KINDS, start=1)}
SHAPE = (3, 60, 70)


def planes_of(kind, lesion=True, spine=True):
    """A case whose whole image is its disease's number, so that a crop tells where it comes from."""
    mask, course = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    mask[1, 20:40, 30:40] = lesion
    course[:, :, 35] = spine
    return SegmenterCase(
        name=f"case-{kind}",
        diagnosis=kind,
        voxel_ml=0.002,
        planes=np.full(SHAPE, CODE[kind], np.float16),
        mask=mask,
        cord=course if spine else None,
        neighbours=neighbour_index(SHAPE[0], 3.0, None),
        lesion_voxels=np.argwhere(mask).astype(np.int32),
        spine_voxels=np.argwhere(course).astype(np.int32),
        error_voxels=np.zeros((0, 3), np.int32),
    )


def crops(cases, count=400, seed=0, **plan):
    sampler = CropSampler(cases=cases, plan=CropPlan(**{"size": (32, 48), **plan}), seed=seed)
    images, masks = zip(*(sampler(number // 8, number % 8) for number in range(count)), strict=True)
    return np.stack(images), np.stack(masks)


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setattr(segmenter, "random_intensity", lambda rng, image: image)
    monkeypatch.setattr(segmenter, "random_lesion_level", lambda rng, image, mask: image)


def test_an_entry_is_resized_normalised_and_knows_its_lesion_and_spine(examination):
    case = segmenter_case(segmenter_entry(examination(), Preprocessing(intensity="minmax", size=(80, 96))))
    assert (case.name, case.diagnosis) == ("case-1", NMOSD)
    assert case.planes.shape == case.mask.shape == (7, 80, 96)
    assert case.planes.dtype == np.float16
    assert 0 <= case.planes.min() < 0.1
    assert 0.5 < case.planes.max() <= 1
    assert case.voxel_ml == pytest.approx(3.5 * 0.55 * 0.35 / 1000, rel=1e-5)
    assert case.lesion_voxels[[0, -1]].tolist() == [[2, 20, 40], [3, 39, 49]]
    assert len(case.lesion_voxels) == 2 * 20 * 10
    # 6 mm are nearly two slices of 3.5 mm: the cord is on slice 3
    assert np.unique(case.spine_voxels[:, 0]).tolist() == [1, 2, 3, 4, 5]
    assert np.unique(case.spine_voxels[:, 2]).tolist() == list(range(42, 48))


def test_the_cord_is_stored_where_it_is_asked_for(examination):
    entry = segmenter_entry(examination(), Preprocessing(size=(40, 48)))
    assert "cords" not in entry.arrays
    assert segmenter_case(entry).cord is None
    case = segmenter_case(segmenter_entry(examination(), Preprocessing(size=(40, 48)), with_cord=True))
    assert case.cord.any(axis=(1, 2)).tolist() == [False, False, False, True, False, False, False]
    unknown = segmenter_entry(examination(cord=False), Preprocessing(size=(40, 48)), with_cord=True)
    assert unknown.arrays["cords"].shape == case.cord.shape
    assert segmenter_case(unknown).cord is None


def test_without_a_cord_mask_the_spine_stands_where_the_lesion_is(examination):
    case = segmenter_case(segmenter_entry(examination(cord=False), Preprocessing(size=(40, 48))))
    assert len(case.spine_voxels) == 7 * 40
    assert np.unique(case.spine_voxels[:, 2]).tolist() == [22]


def test_without_cord_and_lesion_the_spine_is_unknown(examination):
    case = segmenter_case(segmenter_entry(examination(cord=False, lesion=False), Preprocessing(size=(40, 48))))
    assert case.diagnosis is None
    assert case.lesion_voxels.shape == case.spine_voxels.shape == (0, 3)
    images, masks = crops([case], 20)
    assert images.any()
    assert not masks.any()


def test_the_spine_of_a_large_scan_is_thinned_out(examination, monkeypatch):
    monkeypatch.setattr(segmenter, "MOST_VOXELS", 100)
    case = segmenter_case(segmenter_entry(examination(), Preprocessing(size=(40, 48))))
    assert 50 < len(case.spine_voxels) <= 100
    assert np.unique(case.spine_voxels[:, 0]).tolist() == [1, 2, 3, 4, 5]


def test_errors_of_a_segmenter_are_stored_where_they_are_asked_for(examination):
    preprocessing = Preprocessing(size=(40, 48))
    entry = segmenter_entry(examination(model_mask=True), preprocessing)
    assert "errors" not in entry.arrays
    assert segmenter_case(entry).error_voxels.shape == (0, 3)
    case = segmenter_case(segmenter_entry(examination(model_mask=True), preprocessing, with_errors=True))
    # the lesion on slices 2 and 3 was marked on slices 3 and 4
    missed, marked = np.split(case.error_voxels, 2)
    assert np.unique(missed[:, 0]).tolist() == [2]
    assert np.unique(marked[:, 0]).tolist() == [4]
    assert {tuple(voxel) for voxel in missed[:, 1:]} == {
        (row, column) for row in range(10, 20) for column in range(20, 25)
    }
    unknown = segmenter_entry(examination(), preprocessing, with_errors=True)
    assert segmenter_case(unknown).error_voxels.shape == (0, 3)


def test_crops_have_the_stated_shape_and_type():
    sampler = CropSampler(cases=[planes_of(MS)], plan=CropPlan(size=(32, 48)), seed=0)
    image, mask = sampler(3, 1)
    assert (image.shape, mask.shape) == sampler.shapes == ((32, 48, 1), (32, 48, 1))
    assert image.dtype == mask.dtype == np.float32
    assert set(np.unique(mask)) <= {0, 1}


@pytest.mark.parametrize("augmentation", ["broad", "authors", "none"])
def test_a_crop_is_a_function_of_seed_step_and_index(augmentation):
    cases = [planes_of(kind) for kind in KINDS]

    def one(seed, step, index):
        return CropSampler(cases=cases, plan=CropPlan(augmentation=augmentation), seed=seed)(step, index)

    np.testing.assert_array_equal(one(4, 7, 2), one(4, 7, 2))
    texture = [segmenter_case_of_noise()]
    sampler = CropSampler(cases=texture, plan=CropPlan(size=(32, 32), augmentation=augmentation), seed=4)
    other = CropSampler(cases=texture, plan=CropPlan(size=(32, 32), augmentation=augmentation), seed=5)
    different = [sampler(7, 2)[0], sampler(2, 7)[0], sampler(8, 2)[0], other(7, 2)[0]]
    assert len({image.tobytes() for image in different}) == 4


def segmenter_case_of_noise():
    case = planes_of(MS)
    case.planes[...] = np.random.default_rng(0).random(SHAPE)
    return case


def test_the_diseases_and_the_healthy_come_in_equal_parts_however_many_cases_each_has(plain):
    many = [planes_of(MS)] * 9 + [planes_of(kind) for kind in KINDS if kind is not MS]
    images, _ = crops(many, 500)
    counts = np.bincount(images[:, 0, 0, 0].astype(int), minlength=6)[1:]
    assert counts.sum() == 500
    assert np.all(np.abs(counts - 100) < 36)  # four standard deviations of a binomial


def test_diseases_are_drawn_as_often_as_their_weights_say(plain):
    images, _ = crops([planes_of(kind) for kind in KINDS], 500, sampling_weights={"ms": 4.0, "healthy": 2.0})
    counts = {kind: np.count_nonzero(images[:, 0, 0, 0] == CODE[kind]) for kind in KINDS}
    expected = {kind: 500 * {MS: 4, None: 2}.get(kind, 1) / 9 for kind in KINDS}
    assert counts == pytest.approx(expected, abs=45)  # four standard deviations of a binomial


@pytest.mark.parametrize(("lesion_share", "spine_share"), [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (0.6, 0.3)])
def test_crops_lie_at_lesions_along_the_spine_and_anywhere_in_the_stated_shares(lesion_share, spine_share):
    case = planes_of(NMOSD)
    plan = CropPlan(size=(32, 48), lesion_share=lesion_share, spine_share=spine_share, jitter=0.0)
    centres = [segmenter._crop_centre(np.random.default_rng(seed), case, plan) for seed in range(600)]
    at_lesion = sum(case.mask[plane, int(row), int(column)] for plane, row, column in centres) / 600
    at_spine = sum(column == 35 for _, _, column in centres) / 600
    anywhere = 1 - lesion_share - spine_share
    # the lesion has 200 of 12,600 pixels of the field of view, 20 of 180 of the spine, and a tenth of it on the spine
    assert at_lesion == pytest.approx(lesion_share + spine_share * 20 / 180 + anywhere * 200 / 12_600, abs=0.08)
    assert at_spine == pytest.approx(spine_share + lesion_share / 10 + anywhere / 70, abs=0.08)


def test_errors_get_their_share_and_what_a_case_has_not_the_next_share_gives():
    plan = CropPlan(size=(32, 48), error_share=0.5, lesion_share=0.3, spine_share=0.2, jitter=0.0)
    sound, empty = planes_of(NMOSD), planes_of(None, lesion=False)

    def shares(case):
        centres = [segmenter._crop_centre(np.random.default_rng(seed), case, plan) for seed in range(600)]
        at_error = sum((row, column) == (55, 3) for _, row, column in centres) / 600
        at_lesion = sum(case.mask[plane, int(row), int(column)] for plane, row, column in centres) / 600
        return at_error, at_lesion

    wrong = np.array([[0, 55, 3]], np.int32)
    # a ninth of the spine lies in the lesion
    assert shares(replace(sound, error_voxels=wrong)) == pytest.approx((0.5, 0.3 + 0.2 / 9), abs=0.08)
    assert shares(sound) == pytest.approx((0.0, 0.8 + 0.2 / 9), abs=0.08)
    assert shares(replace(empty, error_voxels=wrong)) == pytest.approx((0.5, 0.0), abs=0.08)
    assert shares(empty) == (0.0, 0.0)


def test_the_centre_is_moved_by_a_share_of_the_crop():
    case = planes_of(NMOSD)
    plan = CropPlan(size=(32, 64), lesion_share=0.0, spine_share=1.0, jitter=0.25)
    columns = [segmenter._crop_centre(np.random.default_rng(seed), case, plan)[2] - 35 for seed in range(600)]
    assert np.std(columns) == pytest.approx(16, rel=0.12)


def test_without_augmentation_a_crop_is_cut_out_as_it_is():
    case = segmenter_case_of_noise()
    sampler = CropSampler(cases=[case], plan=CropPlan(size=(16, 16), augmentation="none", lesion_share=1.0), seed=0)
    image, mask = sampler(0, 0)
    patches = np.lib.stride_tricks.sliding_window_view(case.planes[1].astype(np.float32), (16, 16))
    found = np.argwhere((patches == image[..., 0]).all(axis=(2, 3)))
    assert len(found) == 1
    row, column = found[0]
    np.testing.assert_array_equal(mask[..., 0], case.mask[1, row : row + 16, column : column + 16])


def test_a_case_knows_the_slices_about_three_millimetres_away(examination):
    preprocessing = Preprocessing(intensity="minmax", size=(80, 96), neighbour_mm=3.0)
    case = segmenter_case(segmenter_entry(examination(), preprocessing))  # slices of 3.5 mm
    assert case.neighbours.tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6], [5, 6, 6]]
    seen = case.seen(np.array([2, 6]))
    assert seen.shape == (2, 80, 96, 3)
    np.testing.assert_array_equal(seen[0], np.moveaxis(case.planes[1:4], 0, -1))
    np.testing.assert_array_equal(seen[1, ..., 2], case.planes[6])


def test_an_entry_is_averaged_over_slabs(examination):
    recipe = Preprocessing(intensity="minmax", size=(80, 96))
    thin, thick = (
        segmenter_case(segmenter_entry(examination(), replace(recipe, slab_mm=slab_mm))) for slab_mm in (None, 10.5)
    )  # slices of 3.5 mm
    means = (thin.planes[1:-3].astype(np.float32) + thin.planes[2:-2] + thin.planes[3:-1]) / 3
    scale = np.polyfit(means.ravel(), thick.planes[2:-2].astype(np.float32).ravel(), 1)
    np.testing.assert_allclose(np.polyval(scale, means), thick.planes[2:-2], atol=2e-3)
    np.testing.assert_array_equal(thick.mask, thin.mask)


@pytest.mark.parametrize("augmentation", ["none", "authors", "broad"])
def test_a_crop_shows_the_neighbours_at_the_same_place_and_the_mask_of_the_middle(augmentation, plain, monkeypatch):
    case = replace(planes_of(MS), neighbours=neighbour_index(3, 3.0, 3.0))
    case.planes[...] = np.arange(1, 4)[:, None, None]  # the number of the slice
    monkeypatch.setattr(segmenter, "augment_by_groups", lambda rng, images, *masks: (images, masks))
    images, masks = crops([case], augmentation=augmentation, lesion_share=1.0, jitter=0.0)
    assert images.shape[1:] == (32, 48, 3)
    middles = {tuple(image[16, 24]) for image in images}  # the lesion lies on the second slice alone
    assert middles == ({(1, 2, 3), (3, 2, 1)} if augmentation == "broad" else {(1, 2, 3)})
    assert masks.shape[1:] == (32, 48, 1)
    assert masks.any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("augmentation", ["none", "authors", "broad"])
def test_a_crop_tells_the_cord_of_its_own_slice(augmentation, plain):
    case = replace(planes_of(MS), cord=planes_of(MS).mask)  # the cord is where the lesion is
    sampler = CropSampler(cases=[case], plan=CropPlan(size=(32, 32), augmentation=augmentation), seed=0, with_cord=True)
    assert sampler.shapes == ((32, 32, 1), (32, 32, 2))
    targets = np.stack([sampler(0, index)[1] for index in range(40)])
    assert set(np.unique(targets)) == {0, 1}
    np.testing.assert_array_equal(targets[..., 0], targets[..., 1])


def test_a_crop_says_that_its_cord_is_unknown():
    sampler = CropSampler(cases=[planes_of(None, spine=False)], plan=CropPlan(size=(32, 32)), seed=0, with_cord=True)
    _, target = sampler(0, 0)
    assert (target[..., 1] == -1).all()


def test_the_groups_change_an_upright_crop(monkeypatch):
    monkeypatch.setattr(segmenter, "augment_by_groups", lambda rng, images, *masks: ([images[0] + 7], masks))
    case = segmenter_case_of_noise()
    one, other = (
        CropSampler(cases=[case], plan=CropPlan(size=(16, 16), augmentation=kind), seed=0)(0, 0)[0]
        for kind in ("none", "authors")
    )
    np.testing.assert_array_equal(other, one + 7)
