"""The authors' augmentation groups: ranges, alignment of image and mask, and none of the faults."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinal_tf.datasets import augment_groups
from spinal_tf.datasets.augment_groups import augment_by_groups

SHAPE = (48, 64)
rng_of = np.random.default_rng


def scene(seed: int = 0):
    """A noisy image with a bright block, and the block's mask."""
    rng = rng_of(seed)
    mask = np.zeros(SHAPE, np.float32)
    mask[14:26, 20:36] = 1
    image = (0.1 * rng.random(SHAPE) + 0.6 * mask).astype(np.float32)
    return image, mask


class Fixed:
    """A generator that gives stated numbers in turn."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def random(self, size=None):
        return self.numbers.pop(0)

    uniform = integers = choice = lambda self, *args, **kwargs: self.numbers.pop(0)


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_images_keep_shape_type_and_range_and_masks_stay_binary(seed):
    image, mask = scene(seed)
    (out, absent), (label,) = augment_by_groups(rng_of(seed), [image, np.zeros_like(image)], mask)
    assert out.shape == absent.shape == label.shape == SHAPE
    assert out.dtype == absent.dtype == label.dtype == np.float32
    assert image.min() - 1e-6 <= out.min()
    assert out.max() <= image.max() + 1e-6
    assert set(np.unique(label)) <= {0, 1}
    assert not absent.any()


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_the_mask_stays_on_what_it_marks(seed):
    _, mask = scene()
    (image,), (label,) = augment_by_groups(rng_of(seed), [mask.copy()], mask)
    if label.sum() > 60:  # moved out of view, there is nothing to compare
        assert 2 * (label * (image > 0.35)).sum() / (label.sum() + (image > 0.35).sum()) > 0.8


def test_no_image_is_emptied():
    image, mask = scene()
    for seed in range(200):
        (out,), (label,) = augment_by_groups(rng_of(seed), [image], mask)
        assert out.std() > 0.01 or not label.any()


def test_each_group_acts_half_of_the_time():
    image, mask = scene()
    unchanged = sum(np.array_equal(augment_by_groups(rng_of(seed), [image], mask)[0][0], image) for seed in range(800))
    # 1/16 without any group, and a little more: a blur of one pixel, or a shift of none, changes nothing
    assert 30 < unchanged < 110
    moved = sum(not np.array_equal(augment_by_groups(rng_of(seed), [image], mask)[1][0], mask) for seed in range(800))
    assert 0.68 < moved / 800 < 0.8


def test_both_images_of_a_slice_are_changed_alike():
    image, mask = scene()
    for seed in range(40):
        (one, other), _ = augment_by_groups(rng_of(seed), [image, image.copy()], mask)
        np.testing.assert_array_equal(one, other)


def test_intensity_members_do_what_they_are_called():
    values = np.array([[0.0, 0.25, 1.0]], np.float32)
    contrast = augment_groups._intensity(Fixed(0, 1.9))
    np.testing.assert_allclose(contrast(values), values.mean() + 1.9 * (values - values.mean()), rtol=1e-6)
    gamma = augment_groups._intensity(Fixed(1, 0.5))
    np.testing.assert_allclose(gamma(values), [[0, 0.5, 1]])
    brightness = augment_groups._intensity(Fixed(2, 1.6))
    np.testing.assert_allclose(brightness(values), [[0, 0.4, 1.6]], rtol=1e-6)
    step = np.zeros((5, 6), np.float32)
    step[:, 3:] = 1
    # Beside the edge Pillow's filter gives 3/13 and 10/13; twice the difference to it goes beyond 0 and 1.
    sharp = augment_groups._intensity(Fixed(3, 2.0))(step)
    np.testing.assert_allclose(sharp[2], [0, 0, -3 / 13, 16 / 13, 1, 1], atol=1e-6)


def test_brightening_is_clipped_at_the_brightest():
    image, _ = scene()
    low, high = image.min(), image.max()
    out = augment_groups._within_range(image, lambda unit: unit * 1.9)
    bright = (image - low) / (high - low) * 1.9 >= 1
    np.testing.assert_allclose(out[bright], high, rtol=1e-6)
    np.testing.assert_allclose(out[~bright], low + 1.9 * (image - low)[~bright], rtol=1e-5)


@pytest.mark.parametrize(("numbers", "kernel"), [((0.1, 3, 2), 3), ((0.1, 5, 1), 5)])
def test_blurs_smooth_without_emptying(numbers, kernel):
    image = np.zeros((9, 9), np.float32)
    image[4, 4] = 0.9
    out = augment_groups._resolution(Fixed(*numbers))(image)
    if numbers[2] == 2:
        np.testing.assert_allclose(out[3:6, 3:6], 0.1, rtol=1e-5)
    else:
        assert not out.any()  # a median removes a single pixel


def test_lower_resolution_keeps_size_and_mean():
    image, _ = scene()
    out = augment_groups._resolution(Fixed(0.9, 0.4))(image)
    assert out.shape == SHAPE
    assert out.std() < image.std()
    assert out.mean() == pytest.approx(image.mean(), rel=0.1)


@pytest.mark.parametrize(("axis", "flipped"), [(0, np.flipud), (1, np.fliplr), (-1, lambda a: a[::-1, ::-1])])
def test_flips_are_exact(axis, flipped):
    image, mask = scene()
    matrix = augment_groups._turn(Fixed(0.9, axis), SHAPE)
    np.testing.assert_array_equal(augment_groups._moved(image, matrix, augment_groups.cv2.INTER_LINEAR), flipped(image))


def test_a_quarter_turn_is_one():
    square = rng_of(0).random((32, 32)).astype(np.float32)
    matrix = augment_groups._turn(Fixed(0.1, -90.0), square.shape)
    out = augment_groups._moved(square, matrix, augment_groups.cv2.INTER_LINEAR)
    np.testing.assert_allclose(out, np.rot90(square, -1), atol=1e-4)


def test_a_crop_shows_a_part_enlarged():
    image, mask = scene()
    matrix = augment_groups._shift(Fixed(0.9, 0.8, np.array([0.0, 0.0])), SHAPE)
    label = augment_groups._moved(mask, matrix, augment_groups.cv2.INTER_NEAREST)
    rows, columns = np.flatnonzero(label.any(axis=1)), np.flatnonzero(label.any(axis=0))
    assert [rows[0], rows[-1] + 1] == pytest.approx([14 / 0.8, 26 / 0.8], abs=1)
    assert [columns[0], columns[-1] + 1] == pytest.approx([20 / 0.8, 36 / 0.8], abs=1)


def test_a_shift_goes_up_to_a_fifth_of_a_side():
    matrices = [augment_groups._shift(Fixed(0.1, np.array([share, share])), (256, 256)) for share in (50 / 256, -0.1)]
    np.testing.assert_allclose(matrices[0], [[1, 0, 50], [0, 1, 50]])
    np.testing.assert_allclose(matrices[1], [[1, 0, -26], [0, 1, -26]])
