"""Lesions are chosen in a graph exactly as SciPy's components say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from spinal_tf.images.volume import new_volume
from spinal_tf.lesions import find_lesions
from spinal_tf.serving.components import graph_find_lesions

VOXEL_ML = 0.004
POINT = {"threshold": 0.5, "minimum_peak": 0.8}


@pytest.fixture(scope="module")
def removed():
    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None), tf.float32), tf.TensorSpec((), tf.float64)], autograph=False
    )
    def graph(probability, voxel_volume_ml):
        return graph_find_lesions(probability, **POINT, minimum_volume_ml=0.02, voxel_volume_ml=voxel_volume_ml)

    def run(probability, voxel_ml=VOXEL_ML):
        return graph(tf.constant(probability, tf.float32), tf.constant(voxel_ml, tf.float64)).numpy()

    return run


def expected(probability, voxel_ml=VOXEL_ML):
    return find_lesions(np.asarray(probability, np.float32), **POINT, minimum_volume_ml=0.02, voxel_volume_ml=voxel_ml)


def snake() -> np.ndarray:
    """One component whose runs touch only at their ends, the longest way that a volume of this size has."""
    mask = np.zeros((5, 31, 33), bool)
    for index in range(0, 31, 2):
        mask[2, index] = True
        if index < 30:
            mask[2, index + 1, -1 if index % 4 == 0 else 0] = True
    return mask


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(3, 7), st.integers(3, 12), st.integers(3, 14)),
    share=st.sampled_from([0.02, 0.08, 0.2, 0.5, 0.9]),
    seed=st.integers(0, 2**31),
)
def test_any_probability_keeps_the_same_voxels(removed, shape, share, seed):
    rng = np.random.default_rng(seed)
    mask = np.where(rng.random(shape) < share, rng.choice([0.5, 0.79, 0.8, 1.0], shape, p=[0.5, 0.4, 0.05, 0.05]), 0.49)
    np.testing.assert_array_equal(removed(mask), expected(mask))


@pytest.mark.parametrize(
    "step", [(s, r, c) for s in (0, 1) for r in (-1, 0, 1) for c in (-1, 0, 1) if (s, r, c) > (0, 0, 0)]
)
def test_voxels_that_share_a_corner_belong_together(removed, step):
    mask = np.zeros((9, 9, 9), bool)
    for index in range(-2, 3):
        mask[tuple(4 + index * np.array(step))] = True
    assert removed(mask).sum() == 5  # five voxels of 0.004 mL are exactly 0.02 mL
    mask[4, 4, 4] = False
    assert not removed(mask).any()


def test_the_limit_itself_stays_whatever_the_voxels_volume(removed):
    mask = np.zeros((3, 3, 200), bool)
    mask[1, 1, :100] = True
    for voxel_ml in (0.0002, 0.00020000001, 0.000199999):
        np.testing.assert_array_equal(removed(mask, voxel_ml), expected(mask, voxel_ml))
    assert removed(mask, 0.0002).sum() == 100
    assert not removed(mask, 0.000199999).any()


def test_the_product_of_the_distances_stands_for_the_volume_at_the_limit_too(removed, oblique_affine):
    axes = oblique_affine[:3, :3] / np.linalg.norm(oblique_affine[:3, :3], axis=0)
    for slice_mm in (0.8, 0.7999999, 3.2):
        affine = np.eye(4)
        affine[:3, :3] = axes * (slice_mm, 0.5, 0.5)
        rounded = new_volume(np.zeros((3, 4, 200), np.float32), affine, source="a.nii")
        volume = dataclasses.replace(rounded, affine=affine)
        mask = np.zeros(volume.data.shape, bool)
        mask[1, 1, : round(100 * 0.8 / slice_mm)] = True  # 0.02 mL, but for the second a bit less
        kept = removed(mask, np.prod(volume.spacing_mm) / 1000)
        np.testing.assert_array_equal(kept, expected(mask, volume.voxel_volume_ml))
        assert kept.any() == (slice_mm != 0.7999999)


@pytest.mark.parametrize("mask", [np.zeros((3, 4, 5), bool), np.ones((3, 4, 5), bool), snake(), snake()[:, ::-1]])
def test_nothing_everything_and_long_ways(removed, mask):
    np.testing.assert_array_equal(removed(mask), expected(mask))
