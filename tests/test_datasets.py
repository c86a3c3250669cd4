import itertools

import numpy as np
import pytest

from spinal_tf import datasets
from spinal_tf.datasets import (
    ClassifierCase,
    SegmenterCase,
    classifier_batches,
    classifier_case,
    segmenter_batches,
    segmenter_case,
)
from spinal_tf.preprocess import Preprocessing
from spinal_tf.taxonomy import MS_VS_NMOSD, TASKS, TUMOR_VS_DEMYELINATING, Diagnosis
from spinal_tf.volume import new_volume

CODE = {diagnosis: number for number, diagnosis in enumerate((*Diagnosis, None), start=1)}
SHAPE = (3, 60, 70)


def planes_of(diagnosis, lesion=True):
    """A case whose whole image is its disease's number, so that a crop tells where it comes from."""
    mask = np.zeros(SHAPE, bool)
    mask[1, 20:40, 30:40] = lesion
    return SegmenterCase(
        diagnosis=diagnosis,
        planes=np.full(SHAPE, CODE[diagnosis], np.float16),
        mask=mask,
        lesion_voxels=np.argwhere(mask).astype(np.int32),
        spine_voxels=np.zeros((0, 3), np.int32),
    )


def tiles_of(diagnosis, t1c=True):
    tiles = np.zeros((2, 40, 40, 3), np.float16)
    tiles[..., 0] = CODE[diagnosis] if t1c else 0
    tiles[..., 1] = CODE[diagnosis]
    tiles[:, 10:20, 15:25, 2] = 1
    return ClassifierCase(diagnosis=diagnosis, tiles=tiles)


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setattr(datasets, "random_intensity", lambda rng, image: image)
    monkeypatch.setattr(datasets, "random_lesion_level", lambda rng, image, mask: image)


def draw(batches, count):
    return [np.concatenate(parts) for parts in zip(*itertools.islice(batches, count), strict=True)]


def crops(cases, seed=0, batches=50, size=(32, 48)):
    return draw(segmenter_batches(cases, rng=np.random.default_rng(seed), batch=8, size=size), batches)


def tiles(cases, task, seed=0, batches=40, side=32):
    return draw(classifier_batches(cases, task, rng=np.random.default_rng(seed), batch=6, side=side), batches)


def test_a_segmenter_case_is_resized_normalised_and_knows_its_lesion():
    t2 = np.random.default_rng(0).gamma(2, 100, (3, 20, 30)).astype(np.float32)
    mask = np.zeros(t2.shape, bool)
    mask[1, 5:7, 10] = True
    case = segmenter_case(t2, mask, (3.5, 0.7, 0.8), Diagnosis.MS, Preprocessing(intensity="minmax", size=(40, 60)))
    assert case.planes.shape == case.mask.shape == (3, 40, 60)
    assert case.planes.dtype == np.float16
    assert 0 <= case.planes.min() < 0.1
    assert 0.7 < case.planes.max() <= 1
    assert case.lesion_voxels.tolist() == [[1, row, column] for row in range(10, 14) for column in (20, 21)]


def test_crops_have_the_wanted_shape_and_dtype():
    images, masks = next(
        segmenter_batches([planes_of(Diagnosis.MS)], rng=np.random.default_rng(0), batch=5, size=(32, 48))
    )
    assert images.shape == masks.shape == (5, 32, 48, 1)
    assert images.dtype == masks.dtype == np.float32
    assert set(np.unique(masks)) <= {0, 1}


def test_the_diseases_come_in_equal_parts_however_many_cases_each_has(plain):
    many = [planes_of(Diagnosis.MS)] * 9 + [planes_of(d) for d in Diagnosis if d is not Diagnosis.MS]
    images, _ = crops(many)
    counts = np.bincount(images[:, 0, 0, 0].astype(int), minlength=5)[1:]
    assert counts.sum() == 400
    assert np.all(np.abs(counts - 100) < 35)  # four standard deviations of a binomial


def test_most_crops_hold_lesion_and_a_case_without_any_still_gives_crops():
    _, masks = crops([planes_of(Diagnosis.NMOSD)])
    assert 0.3 < masks.any(axis=(1, 2, 3)).mean() < 0.95
    _, masks = crops([planes_of(Diagnosis.NMOSD, lesion=False)], batches=3)
    assert not masks.any()


def test_cases_may_arrive_while_batches_are_drawn(plain):
    cases = [planes_of(Diagnosis.MS)]
    batches = segmenter_batches(cases, rng=np.random.default_rng(0), batch=8, size=(16, 16))
    assert np.unique(next(batches)[0]).tolist() == [CODE[Diagnosis.MS]]
    cases.append(planes_of(Diagnosis.NMOSD))
    images, _ = draw(batches, 5)
    assert np.unique(images).tolist() == [CODE[Diagnosis.MS], CODE[Diagnosis.NMOSD]]


def test_the_same_seed_gives_the_same_crops_and_tiles():
    cases = [planes_of(d) for d in Diagnosis]
    sources = [tiles_of(d) for d in Diagnosis]
    for one, same, other in (
        [crops(cases, seed, 2) for seed in (4, 4, 5)],
        [tiles(sources, TUMOR_VS_DEMYELINATING, seed, 2) for seed in (4, 4, 5)],
    ):
        np.testing.assert_array_equal(one[0], same[0])
        np.testing.assert_array_equal(one[1], same[1])
        assert not np.array_equal(one[0], other[0])


@pytest.mark.parametrize("task", TASKS)
def test_half_of_the_tiles_are_of_each_class_and_labelled_so(plain, task):
    many = [tiles_of(Diagnosis.MS)] * 9 + [tiles_of(d) for d in Diagnosis if d is not Diagnosis.MS]
    images, classes = tiles(many, task)
    assert images.shape[1:] == (32, 32, 3)
    assert images.dtype == classes.dtype == np.float32
    assert classes.sum(axis=0).tolist() == [120, 120]
    diagnoses = [list(Diagnosis)[int(code) - 1] for code in images[:, 16, 16, 1]]
    assert [task.label(d) for d in diagnoses] == classes.argmax(axis=1).tolist()


def test_cases_are_drawn_before_tiles_so_a_long_lesion_weighs_no_more(plain):
    long = ClassifierCase(diagnosis=Diagnosis.MS, tiles=np.repeat(tiles_of(Diagnosis.MS).tiles, 8, axis=0) * 0.5)
    images, classes = tiles([long, tiles_of(Diagnosis.MS), tiles_of(Diagnosis.NMOSD)], MS_VS_NMOSD)
    levels = images[classes[:, 0] == 1][:, 16, 16, 1]
    assert abs((levels == CODE[Diagnosis.MS]).mean() - 0.5) < 0.18


def test_t1c_is_kept_at_times_and_is_zero_otherwise():
    images, _ = tiles([tiles_of(d) for d in Diagnosis], TUMOR_VS_DEMYELINATING)
    kept = images[..., 0].any(axis=(1, 2))
    assert abs(kept.mean() - datasets.T1C_SHARE) < 0.13  # four standard deviations
    assert images[..., 1].any(axis=(1, 2)).all()


def test_without_t1c_its_channel_stays_zero():
    images, _ = tiles([tiles_of(d, t1c=False) for d in Diagnosis], TUMOR_VS_DEMYELINATING)
    assert not images[..., 0].any()


@pytest.mark.parametrize("side", [20, 40, 80])
def test_a_tile_of_another_side_shows_the_same_share_of_lesion(plain, side):
    # 10 x 10 of 40 x 40 pixels; the random scale, 0.8 to 1.25 along each axis, averages out
    images, _ = tiles([tiles_of(d) for d in Diagnosis], TUMOR_VS_DEMYELINATING, side=side)
    assert images.shape == (240, side, side, 3)
    assert images[..., 2].mean() == pytest.approx(1 / 16, rel=0.2)


def test_a_classifier_case_is_made_of_the_tiles_of_the_pipeline():
    affine = np.array([[-3.5, 0, 0, 10], [0, 0, -0.7, 20], [0, -1.1, 0, 30], [0, 0, 0, 1.0]])
    rng = np.random.default_rng(0)
    t2, t1c = (new_volume(rng.gamma(2, 100, (7, 40, 48)), affine, source=name) for name in ("t2", "t1c"))
    mask = np.zeros((7, 40, 48), bool)
    mask[2:4, 10:20, 20:25] = True
    case = classifier_case(t2, mask, t1c, Diagnosis.NMOSD)
    assert case.diagnosis is Diagnosis.NMOSD
    assert case.tiles.shape == (2, 256, 256, 3)
    assert case.tiles.dtype == np.float16
    assert case.tiles.any(axis=(0, 1, 2)).all()
    assert not classifier_case(t2, mask, None, Diagnosis.NMOSD).tiles[..., 0].any()
    assert classifier_case(t2, np.zeros_like(mask), t1c, Diagnosis.NMOSD) is None


def test_the_channels_of_a_tile_stay_aligned(plain, monkeypatch):
    monkeypatch.setattr(datasets, "T1C_SHARE", 1.0)
    case = tiles_of(Diagnosis.MS)
    case.tiles[..., 0] = case.tiles[..., 1] = case.tiles[..., 2]
    images, classes = tiles([case, tiles_of(Diagnosis.NMOSD)], MS_VS_NMOSD, batches=5)
    ms = images[classes[:, 0] == 1]
    np.testing.assert_array_equal(ms[..., 0] >= 0.5, ms[..., 2] == 1)
    np.testing.assert_array_equal(ms[..., 1] >= 0.5, ms[..., 2] == 1)
    assert ms[..., 2].any(axis=(1, 2)).all()


def test_a_class_without_case_is_refused_by_name():
    with pytest.raises(ValueError, match="ms_vs_nmosd: there is no case of the class nmosd"):
        tiles([tiles_of(Diagnosis.MS), tiles_of(Diagnosis.ASTROCYTOMA)], MS_VS_NMOSD)


# Healthy people and the cord


def test_healthy_people_are_a_group_of_their_own(plain):
    cases = [planes_of(Diagnosis.MS)] * 5 + [planes_of(None, lesion=False)]
    images, masks = crops(cases)
    healthy = images[:, 0, 0, 0] == CODE[None]
    assert abs(healthy.mean() - 0.5) < 0.1  # four standard deviations of a binomial
    assert not masks[healthy].any()
    assert masks[~healthy].any()


def test_crops_follow_the_cord_where_it_is_known(plain):
    planes = np.zeros((3, 200, 200), np.float16)
    spine = np.array([[1, row, 150] for row in range(40, 160)], np.int32)
    planes[tuple(spine.T)] = 1
    case = SegmenterCase(
        diagnosis=None,
        planes=planes,
        mask=np.zeros(planes.shape, bool),
        lesion_voxels=np.zeros((0, 3), np.int32),
        spine_voxels=spine,
    )
    images, _ = crops([case], batches=40)
    seen = images.any(axis=(1, 2, 3)).mean()
    # at least the share centred at the spine in the right slice, one standard deviation of jitter being 12 columns
    assert 0.6 < seen < 0.98


def test_a_cord_tells_where_the_spine_is_with_the_slices_beside_it():
    t2 = np.random.default_rng(0).gamma(2, 100, (9, 20, 30)).astype(np.float32)
    mask, cord = np.zeros(t2.shape, bool), np.zeros(t2.shape, bool)
    cord[4, 2:18, 10:13] = True
    preprocessing = Preprocessing(size=(20, 30))
    case = segmenter_case(t2, mask, (3.0, 0.7, 0.8), None, preprocessing, cord=cord)
    assert case.diagnosis is None
    assert case.lesion_voxels.shape == (0, 3)
    # 6 mm to either side are two slices of 3 mm
    assert np.unique(case.spine_voxels[:, 0]).tolist() == [2, 3, 4, 5, 6]
    assert np.unique(case.spine_voxels[:, 1]).tolist() == list(range(2, 18))
    assert np.unique(case.spine_voxels[:, 2]).tolist() == [10, 11, 12]


def test_without_a_cord_the_spine_stands_as_the_lesions_do():
    t2 = np.random.default_rng(0).gamma(2, 100, (3, 20, 30)).astype(np.float32)
    mask = np.zeros(t2.shape, bool)
    mask[1, 5:7, 9:12] = True
    case = segmenter_case(t2, mask, (3.0, 0.7, 0.8), Diagnosis.MS, Preprocessing(size=(20, 30)))
    assert case.spine_voxels.tolist() == [[plane, row, 10] for plane in range(3) for row in range(20)]
    empty = segmenter_case(t2, np.zeros_like(mask), (3.0, 0.7, 0.8), None, Preprocessing(size=(20, 30)))
    assert empty.spine_voxels.shape == (0, 3)


def test_no_case_keeps_more_spine_than_is_needed(monkeypatch):
    monkeypatch.setattr(datasets, "MOST_SPINE_VOXELS", 50)
    t2 = np.random.default_rng(0).gamma(2, 100, (3, 20, 30)).astype(np.float32)
    cord = np.ones(t2.shape, bool)
    case = segmenter_case(t2, ~cord, (3.0, 0.7, 0.8), None, Preprocessing(size=(20, 30)), cord=cord)
    assert 25 <= len(case.spine_voxels) <= 50
    assert case.spine_voxels.dtype == np.int32
