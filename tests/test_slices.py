import numpy as np
import pytest

from spinal_tf.errors import VolumeError
from spinal_tf.images.volume import new_volume
from spinal_tf.preprocess import Preprocessing
from spinal_tf.slices import lesion_slices, make_tiles

SHAPE = (7, 40, 48)
AFFINE = np.array([[-3.5, 0, 0, 10], [0, 0, -0.7, 20], [0, -1.1, 0, 30], [0, 0, 0, 1.0]])
PREPROCESSING = Preprocessing(intensity="minmax", size=(80, 96))


def volume(seed, source="t2.nii.gz"):
    data = np.random.default_rng(seed).gamma(2.0, 100.0, SHAPE).astype(np.float32)
    return new_volume(data, AFFINE, source=source)


@pytest.fixture
def t2():
    return volume(1)


@pytest.fixture
def mask():
    mask = np.zeros(SHAPE, bool)
    mask[2, 10:20, 20:25] = True
    mask[5, 12:18, 21:24] = True
    return mask


def test_lesion_slices_are_those_with_lesion(mask):
    assert lesion_slices(mask) == (2, 5)
    assert lesion_slices(np.zeros(SHAPE, bool)) == ()


def test_a_tile_holds_t1c_t2w_and_mask_in_this_order(t2, mask):
    # minmax and an even size: each tile pixel (2i, 2j) lies a quarter pixel before the centre of pixel (i, j)
    t1c = volume(2, "t1c.nii.gz")
    tiles = make_tiles(t2, mask, preprocessing=PREPROCESSING, t1c=t1c)
    assert tiles.images.shape == (2, 80, 96, 3)
    assert tiles.images.dtype == np.float32
    assert tiles.slices == (2, 5)
    for channel, image in enumerate((t1c, t2)):
        data = image.data.astype(np.float64)
        scaled = (data - data.min()) / (data.max() - data.min())
        quarter = np.array([0.25, 0.75])
        expected = quarter @ scaled[5, 9:11, 29:31] @ quarter
        assert tiles.images[1, 20, 60, channel] == pytest.approx(expected, abs=1e-6)
    np.testing.assert_array_equal(tiles.images[0, :, :, 2], mask[2].repeat(2, axis=0).repeat(2, axis=1))


def test_without_t1c_its_channel_is_zero(t2, mask):
    images = make_tiles(t2, mask, preprocessing=PREPROCESSING).images
    assert not images[..., 0].any()
    assert images[..., 1].any()


def test_intensities_come_from_the_whole_volume(t2, mask):
    # the brightest voxel lies on a slice without lesion, so no tile reaches 1
    t2.data[0, 0, 0] = 1e4
    assert make_tiles(t2, mask, preprocessing=PREPROCESSING).images[..., 1].max() < 0.3


def test_channel_mode_leaves_the_image_and_multiply_blanks_it_outside_the_mask(t2, mask):
    t1c = volume(2)
    channel = make_tiles(t2, mask, preprocessing=PREPROCESSING, t1c=t1c).images
    multiply = make_tiles(t2, mask, preprocessing=PREPROCESSING, t1c=t1c, mask_mode="multiply").images
    inside = channel[..., 2] == 1
    np.testing.assert_array_equal(multiply[..., 2], channel[..., 2])
    np.testing.assert_array_equal(multiply[inside], channel[inside])
    assert not multiply[~inside].any()
    assert channel[~inside][:, :2].all(axis=1).mean() > 0.9


def test_a_slice_whose_resized_mask_is_empty_gives_no_tile(t2, mask):
    # a quarter of the size: nearest pixels are rows and columns 2, 6, 10, ...
    mask[3, 3, 3] = mask[4, 2, 6] = True
    tiles = make_tiles(t2, mask, preprocessing=Preprocessing(size=(10, 12)))
    assert tiles.slices == (2, 4, 5)
    assert tiles.images[1, 0, 1, 2] == 1


def test_no_lesion_gives_no_tiles(t2):
    tiles = make_tiles(t2, np.zeros(SHAPE, bool), preprocessing=PREPROCESSING)
    assert tiles.images.shape == (0, 80, 96, 3)
    assert tiles.slices == ()
    assert tiles.placement.plane_shape == SHAPE[1:]


def test_placement_knows_the_spacing_of_rows_and_columns(t2, mask):
    tiles = make_tiles(t2, mask, preprocessing=PREPROCESSING)
    assert tiles.placement.spacing_mm == pytest.approx((0.55, 0.35))


def test_a_constant_t1c_is_refused_by_name(t2, mask):
    t1c = new_volume(np.ones(SHAPE, np.float32), AFFINE, source="sub-02_t1c.nii.gz")
    with pytest.raises(VolumeError, match=r"sub-02_t1c\.nii\.gz: constant"):
        make_tiles(t2, mask, preprocessing=PREPROCESSING, t1c=t1c)


def test_what_does_not_fit_together_is_refused(t2, mask):
    other = new_volume(np.zeros((7, 40, 47), np.float32), AFFINE, source="t1c.nii.gz")
    with pytest.raises(ValueError, match="mask of shape"):
        make_tiles(t2, mask[:, 1:], preprocessing=PREPROCESSING)
    with pytest.raises(ValueError, match=r"t1c\.nii\.gz"):
        make_tiles(t2, mask, preprocessing=PREPROCESSING, t1c=other)
    with pytest.raises(ValueError, match="mask mode"):
        make_tiles(t2, mask, preprocessing=PREPROCESSING, mask_mode="outline")
