import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinal_tf.phantom.fields import inside, rounded, smooth_curve, smooth_noise
from spinal_tf.phantom.frame import REGION_OF_LEVEL, REGIONS
from spinal_tf.phantom.lesion_paint import add_lesions
from spinal_tf.phantom.lesion_shapes import draw_lesions
from spinal_tf.phantom.scan import scan_background
from spinal_tf.phantom.scanner import thick_slices
from spinal_tf.phantom.spine import FIELD_TOPS_MM, procedural_background
from spinal_tf.taxonomy import MS

# Real scans as background


def block_cord(rows=slice(4, 36), shape=(11, 40, 30)):
    cord = np.zeros(shape, bool)
    cord[3:8, rows, 10:19] = True
    return cord


def test_frame_of_a_scan_by_hand():
    # 5 slices of 2 mm around slice 5: centre 10 mm, variance (5^2 - 1) / 12 x 2^2 = 8, semi-axis 2 sqrt(8)
    # 9 columns of 1 mm around column 14: variance (9^2 - 1) / 12 = 20 / 3
    cord = block_cord()
    background = scan_background(np.where(cord, 50, 200).astype(np.float32), cord, (2.0, 0.9, 1.0))
    frame = background.frame
    rows = np.arange(40)
    has_cord = (rows >= 4) & (rows < 36)
    for values, expected in (
        (frame.x_mm, 10),
        (frame.y_mm, 14),
        (frame.rl_mm, 2 * np.sqrt(8)),
        (frame.ap_mm, 2 * np.sqrt(20 / 3)),
    ):
        np.testing.assert_allclose(values[has_cord], expected, atol=1e-9)
        assert np.isnan(values[~has_cord]).all()
    assert np.all(frame.region == np.where(has_cord, REGIONS.index("cervical"), -1))
    assert (background.cord_level, background.csf_level) == (50, 200)
    np.testing.assert_allclose(background.gain, 1)
    assert background.t1c is None


def test_semi_axes_of_an_elliptic_cord_are_read_off_its_mask():
    x, y = np.arange(41) - 20, np.arange(61) - 30
    ellipse = np.hypot(x[:, None, None] / 12, y[None, None, :] / 21) < 1
    cord = np.repeat(ellipse, 30, axis=1)
    frame = scan_background(np.where(cord, 50, 200).astype(np.float32), cord, (0.5, 1.0, 0.25)).frame
    assert frame.rl_mm[15] == pytest.approx(12 * 0.5, rel=0.02)
    assert frame.ap_mm[15] == pytest.approx(21 * 0.25, rel=0.02)


def test_gain_follows_a_coil_along_the_cord():
    cord = block_cord(slice(0, 40))
    t2 = np.where(cord, np.linspace(50, 150, 40)[None, :, None], 300).astype(np.float32)
    background = scan_background(t2, cord, (2.0, 0.9, 1.0))
    assert background.cord_level == pytest.approx(100, abs=2)
    assert np.all(np.diff(background.gain) > 0)
    assert background.gain[20] == pytest.approx(1.0, abs=0.03)


def test_rows_missing_from_a_cord_mask_are_bridged():
    cord = block_cord()
    cord[:, 18:21] = False
    frame = scan_background(np.where(cord, 50, 200).astype(np.float32), cord, (2.0, 0.9, 1.0)).frame
    np.testing.assert_allclose(frame.x_mm[4:36], 10)


@pytest.mark.parametrize("rows", [0, 19])
def test_a_cord_mask_that_is_too_short_is_refused(rows):
    with pytest.raises(ValueError, match=f"covers {rows} rows; at least 20"):
        scan_background(np.zeros((11, 40, 30), np.float32), block_cord(slice(4, 4 + rows)), (2.0, 0.9, 1.0))
    cord = block_cord(slice(4, 24))
    assert scan_background(np.where(cord, 1, 2).astype(np.float32), cord, (2.0, 0.9, 1.0)).cord_level == 1


def test_a_cord_mask_that_is_too_thin_is_refused():
    cord = block_cord()
    cord[:, :, 12:] = False
    with pytest.raises(ValueError, match="nowhere three voxels wide"):
        scan_background(np.zeros(cord.shape, np.float32), cord, (2.0, 0.9, 1.0))


def test_a_lesion_in_a_scan_keeps_the_scan_elsewhere():
    cord = block_cord(slice(0, 60), (11, 60, 40))
    t2 = np.where(cord, 50, 200).astype(np.float32)
    background = scan_background(t2, cord, (2.0, 0.9, 1.0))
    lesions = draw_lesions(np.random.default_rng(0), MS, background.frame, "cervical")
    after, mask = add_lesions(np.random.default_rng(0), background, lesions)
    np.testing.assert_array_equal(after.t2[mask == 0], t2[mask == 0])
    assert after.t2[mask > 0.9].mean() > 55


# The drawn spine


@pytest.mark.parametrize("level", FIELD_TOPS_MM)
def test_a_drawn_spine_shows_its_level_with_dark_cord_in_bright_fluid(level):
    background = procedural_background(
        np.random.default_rng(3), level=level, spacing_mm=(3.5, 2.5, 2.0), size=(9, 110, 90)
    )
    first, last = REGION_OF_LEVEL[level]
    region = background.frame.region
    assert ((region >= first) & (region <= last)).sum() > 20
    assert background.t2.shape == background.t1c.shape == (9, 110, 90)
    assert background.t2.min() >= 0
    rows = np.flatnonzero(region <= 2)[::10]
    frame = background.frame
    x, y = (np.round(c[rows] / s).astype(int) for c, s in ((frame.x_mm, 3.5), (frame.y_mm, 2.0)))
    assert 0.25 < background.t2[x, rows, y].mean() < 0.55  # white matter 0.3, grey matter up to 0.5
    full = (region > 0) & (np.arange(110) < frame.end_row - 11)  # the conus tapers over 25 mm
    assert 2.8 < frame.ap_mm[full].min() < frame.ap_mm[full].max() < 5


# Acquisition


def test_thick_slices_average_and_leave_out_the_gap():
    fine = np.arange(7, dtype=np.float32)[:, None, None] * np.ones((1, 2, 3), np.float32)
    assert thick_slices(fine, 2, 0)[:, 0, 0].tolist() == [0.5, 2.5, 4.5]
    assert thick_slices(fine, 2, 1)[:, 1, 2].tolist() == [0.5, 3.5]
    assert thick_slices(fine, 3, 1)[:, 0, 0].tolist() == [1, 5]
    np.testing.assert_array_equal(thick_slices(fine, 1, 0), fine)


@given(st.integers(2, 40), st.floats(1, 60), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_fields_are_centred_and_of_unit_variance(length, cell, seed):
    field = smooth_noise(np.random.default_rng(seed), (length, 12), (cell, 3.0))
    assert field.shape == (length, 12)
    assert field.dtype == np.float32
    assert field.mean() == pytest.approx(0, abs=1e-4)
    assert field.std() == pytest.approx(1, abs=1e-3)


def test_soft_edges_and_curves():
    assert inside(np.array([-1, -0.4, 0, 0.2, 0.4, 5])).tolist() == pytest.approx([0, 0, 0.5, 0.75, 1, 1])
    corner = rounded(np.array([5.0, 0, 1, 0, -1]), np.array([0.0, 5, 1, 0, -1]), 2.0)
    # off a corner the nearer border counts; in it the circle of 2 mm about the point 2 mm inside both
    assert corner.tolist() == pytest.approx([0, 0, 2 - 2**0.5, 2 - 8**0.5, 2 - 18**0.5])
    curve = smooth_curve(np.random.default_rng(0), 100, 5, 2.0)
    assert np.abs(np.diff(curve)).max() < 0.3
    assert curve.std() > 0.1
