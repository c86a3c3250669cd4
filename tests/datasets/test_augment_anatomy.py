"""Augmentation for the anatomy network: image and labels stay together, and levels stay in range."""

from __future__ import annotations

import numpy as np
import pytest

from spinal_tf.datasets.augment import warp, warp_labels
from spinal_tf.datasets.augment_anatomy import (
    BRIGHTEST,
    MOST_CUT,
    cut_view,
    random_appearance,
    random_pose,
    random_zscore,
)

SIZE = (64, 48)


@pytest.mark.parametrize("seed", range(5))
def test_a_pose_keeps_a_point_in_the_middle_and_image_and_labels_together(seed):
    labels = np.zeros((90, 70), np.uint8)
    labels[40:50, 30:36] = 3
    matrix = random_pose(np.random.default_rng(seed), (44.5, 32.5), SIZE)
    moved = warp_labels(labels, matrix, SIZE, outside=254)
    image = warp((labels == 3).astype(np.float32), matrix, SIZE)
    assert set(np.unique(moved)) <= {0, 3, 254}
    assert moved[31:33, 23:25].tolist() == [[3, 3], [3, 3]]
    assert (np.abs((moved == 3) - image) < 0.7).all()
    area = (moved == 3).sum() / 60
    assert 0.82**2 * 0.92 * 0.9 < area < 1.2**2 * 1.08 * 1.1


def test_pixels_beyond_the_map_are_outside():
    matrix = random_pose(np.random.default_rng(0), (0.0, 0.0), SIZE)
    moved = warp_labels(np.ones((20, 20), np.uint8), matrix, SIZE, outside=254)
    assert moved[0, 0] == 254
    assert (moved == 1).any()


def test_poses_do_not_flip():
    for seed in range(20):
        turn = random_pose(np.random.default_rng(seed), (5.0, 5.0), SIZE)[:, :2]
        assert np.linalg.det(turn) > 0
        assert turn[0, 0] > 0


def test_a_strip_at_one_side_is_black_and_outside_in_a_quarter_of_the_crops():
    cut, sides = 0, set()
    for seed in range(200):
        image, labels = np.ones((80, 70, 3), np.float32), np.ones((80, 70), np.uint8)
        cut_view(np.random.default_rng(seed), image, labels, outside=254)
        gone = labels == 254
        np.testing.assert_array_equal(image == 0, np.repeat(gone[..., None], 3, axis=2))
        if not gone.any():
            continue
        cut += 1
        rows, columns = gone.all(axis=1), gone.all(axis=0)
        assert gone.sum() == rows.sum() * 70 or gone.sum() == columns.sum() * 80
        assert min(rows.sum(), columns.sum()) == 0
        assert max(rows.sum() / 80, columns.sum() / 70) <= MOST_CUT
        sides.add((bool(gone[0].all()), bool(gone[-1].all()), bool(gone[:, 0].all()), bool(gone[:, -1].all())))
    assert 30 < cut < 70
    assert len(sides) == 4


@pytest.mark.parametrize("slices", [1, 3])
def test_appearance_changes_levels_alone(slices):
    rng = np.random.default_rng(0)
    image = np.clip(rng.random((40, 30, slices)), 0, BRIGHTEST).astype(np.float32)
    for seed in range(20):
        changed = random_appearance(np.random.default_rng(seed), image)
        assert changed.shape == image.shape
        assert np.isfinite(changed).all()
    again = [random_appearance(np.random.default_rng(7), image) for _ in range(2)]
    np.testing.assert_array_equal(*again)


def test_crops_are_z_scored_with_a_small_shift_and_scale_of_their_own():
    image = np.random.default_rng(0).gamma(2, 1, (60, 50, 3))
    scored = [random_zscore(np.random.default_rng(seed), image) for seed in range(200)]
    assert scored[0].dtype == np.float32
    means, scales = [one.mean() for one in scored], [np.log(one.std()) for one in scored]
    assert abs(np.mean(means)) < 0.06
    assert abs(np.mean(scales)) < 0.06
    assert 0.2 < np.std(means) < 0.3
    assert 0.2 < np.std(scales) < 0.3


def test_a_constant_crop_becomes_no_infinity():
    assert np.isfinite(random_zscore(np.random.default_rng(0), np.zeros((8, 8, 3)))).all()
