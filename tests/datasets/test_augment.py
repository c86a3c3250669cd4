import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinal_tf.datasets.augment import ROTATION_DEG, SCALE, random_affine, random_intensity, random_lesion_level, warp

SEEDS = st.integers(0, 2**32 - 1)
PLANE = (40, 52)


class Still:
    """A generator that always draws the middle, and never lets an event of a given chance happen."""

    def uniform(self, low, high):
        return (low + high) / 2

    def choice(self, values, size):
        return np.full(size, values[-1])

    def random(self):
        return 1.0


def blob():
    """0 and 1, far from the borders and without symmetry."""
    plane = np.zeros(PLANE, np.float32)
    plane[12:30, 20:28] = plane[24:30, 20:36] = 1
    return plane


def test_without_randomness_nothing_changes():
    image = np.random.default_rng(0).random(PLANE, dtype=np.float32)
    matrix = random_affine(Still(), (19.5, 25.5), PLANE)
    np.testing.assert_allclose(matrix, [[1, 0, 0], [0, 1, 0]], atol=1e-12)
    np.testing.assert_array_equal(warp(image, matrix, PLANE), image)
    np.testing.assert_array_equal(random_intensity(Still(), image), image)


def test_the_wanted_point_comes_to_the_middle():
    # row 30, column 10 to the middle of 9 x 11 pixels: (4, 5)
    image = np.zeros(PLANE, np.float32)
    image[30, 10] = 1
    out = warp(image, random_affine(Still(), (30, 10), (9, 11)), (9, 11))
    assert out.shape == (9, 11)
    assert np.argwhere(out).tolist() == [[4, 5]]


def test_zoom_multiplies_the_scale():
    # a square of 4 x 4 pixels around the middle becomes one of 8 x 8
    image = np.zeros((20, 20), np.float32)
    image[8:12, 8:12] = 1
    out = warp(image, random_affine(Still(), (9.5, 9.5), (40, 40), zoom=2.0), (40, 40), label=True)
    assert np.argwhere(out).min(axis=0).tolist() == [16, 16]
    assert out.sum() == 64


@given(SEEDS)
@settings(max_examples=50, deadline=None)
def test_rotation_and_scale_stay_in_range_and_nothing_is_sheared(seed):
    turn = random_affine(np.random.default_rng(seed), (5, 7), (16, 20))[:, :2]
    scale = np.sqrt(abs(np.linalg.det(turn)))
    assert SCALE[0] - 1e-9 <= scale <= SCALE[1] + 1e-9
    np.testing.assert_allclose(turn @ turn.T, scale**2 * np.eye(2), atol=1e-9)
    assert np.degrees(np.arccos(min(abs(turn[0, 0]) / scale, 1))) <= ROTATION_DEG + 1e-6


def test_both_axes_are_flipped_half_of_the_time():
    rng = np.random.default_rng(3)
    signs = np.array([np.sign(np.diag(random_affine(rng, (5, 5), (9, 9))[:, :2])) for _ in range(400)])
    assert np.all(np.abs((signs > 0).mean(axis=0) - 0.5) < 0.1)
    assert abs((signs.prod(axis=1) > 0).mean() - 0.5) < 0.1


@given(SEEDS)
@settings(max_examples=50, deadline=None)
def test_image_and_mask_stay_aligned(seed):
    # an image equal to the mask is, after interpolation, half or more exactly where the mask is
    rng = np.random.default_rng(seed)
    matrix = random_affine(rng, tuple(rng.uniform((10, 15), (30, 40))), (32, 48))
    image, mask = warp(blob(), matrix, (32, 48)), warp(blob() > 0, matrix, (32, 48), label=True)
    np.testing.assert_array_equal(image >= 0.5, mask == 1)
    assert set(np.unique(mask)) <= {0, 1}
    assert image.dtype == mask.dtype == np.float32


def test_outside_is_the_darkest_for_an_image_and_no_lesion_for_a_mask():
    shift = np.array([[1, 0, 20], [0, 1, 0]], np.float64)
    image = np.full((10, 12), 3, np.float16)
    image[0, 0] = 2
    assert np.all(warp(image, shift, (10, 30))[:, :20] == 2)
    assert not warp(np.ones((10, 12), bool), shift, (10, 30), label=True)[:, :20].any()


@given(SEEDS, st.floats(0, 1, width=32), st.sampled_from([np.float16, np.float32]))
@settings(max_examples=50, deadline=None)
def test_intensity_leaves_shape_and_finite_values_even_of_a_constant_image(seed, level, dtype):
    rng = np.random.default_rng(seed)
    for image in (np.full(PLANE, level, np.float32), rng.random(PLANE).astype(dtype).astype(np.float32)):
        out = random_intensity(rng, image)
        assert out.shape == PLANE
        assert out.dtype == np.float32
        assert np.isfinite(out).all()


@given(SEEDS)
@settings(max_examples=50, deadline=None)
def test_a_lesion_changes_its_level_alone(seed):
    rng = np.random.default_rng(seed)
    mask, image = blob(), np.random.default_rng(0).random(PLANE, dtype=np.float32) * 0.5
    out = random_lesion_level(rng, image, mask)
    assert out.dtype == np.float32
    far = np.ones(PLANE, bool)
    far[8:34, 16:40] = False
    np.testing.assert_array_equal(out[far], image[far])
    inner = (slice(16, 26), slice(22, 26))
    change = out[inner] - image[inner]
    assert change.std() < 0.01  # texture stays
    headroom = np.percentile(image, 99.5) - image[mask > 0].mean()
    assert -1e-3 <= change.mean() <= 1.1 * headroom + 1e-3


def test_half_of_the_lesions_change_and_nothing_changes_without_lesion():
    rng = np.random.default_rng(0)
    image = rng.random(PLANE, dtype=np.float32)
    changed = [not np.array_equal(random_lesion_level(rng, image, blob()), image) for _ in range(300)]
    assert abs(np.mean(changed) - 0.5) < 0.12
    assert all(random_lesion_level(rng, image, np.zeros(PLANE, np.float32)) is image for _ in range(10))
    white = np.ones(PLANE, np.float32)
    assert all(np.array_equal(random_lesion_level(rng, white, blob()), white) for _ in range(10))


def test_intensity_changes_the_image_and_leaves_the_given_array_alone():
    image = np.random.default_rng(1).random(PLANE, dtype=np.float32)
    before = image.copy()
    rng = np.random.default_rng(2)
    changed = [not np.array_equal(random_intensity(rng, image), image) for _ in range(30)]
    assert sum(changed) > 20
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    "function", [lambda rng: random_affine(rng, (3, 4), (8, 9)), lambda rng: random_intensity(rng, blob())]
)
def test_the_same_seed_gives_the_same_change(function):
    one, same, other = (function(np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
