import numpy as np
import pytest

from spinal_tf.phantom.contrast import near_cord, with_synthetic_t1c
from spinal_tf.phantom.scan import scan_background

SPACING_MM = (2.0, 1.0, 1.0)
SHAPE = (21, 60, 80)


def scan(rows=slice(0, 60), gain=None):
    """Cord 60 of 12 by 8 mm, fluid 200 up to 3 mm around it, muscle 30, fat 190 in the last columns, air before."""
    x, y = (np.arange(21) - 10) * 2.0, np.arange(80) - 40.0
    cord = (np.hypot(x[:, None] / 6, y / 4) < 1)[:, None, :] & np.ones(SHAPE, bool)
    canal = (np.hypot(x[:, None] / 9, y / 7) < 1)[:, None, :]
    t2 = np.where(cord, 60.0, np.where(canal, 200.0, 30.0))
    t2[:, :, 65:], t2[:, :, :10] = 190, 0
    t2 *= np.ones(60)[None, :, None] if gain is None else gain[None, :, None]
    cord[:, : rows.start] = cord[:, rows.stop :] = False
    return scan_background(t2.astype(np.float32), cord, SPACING_MM)


def test_fluid_becomes_dark_and_fat_bright_and_cord_is_half():
    t1c = with_synthetic_t1c(scan()).t1c
    assert t1c.dtype == np.float32
    assert t1c[10, 30, 40] == pytest.approx(0.5, abs=0.02)
    assert t1c[10, 30, 45] < 0.25  # fluid behind the cord
    assert t1c[10, 30, 70] > 0.85  # fat
    assert t1c[10, 30, 4] < 0.05  # air
    assert 0.25 < t1c[10, 30, 25] < 0.5  # muscle


def test_the_t2w_image_stays():
    before = scan()
    after = with_synthetic_t1c(before)
    np.testing.assert_array_equal(after.t2, before.t2)
    assert before.t1c is None


def test_shading_along_the_cord_is_taken_out():
    t1c = with_synthetic_t1c(scan(gain=np.linspace(0.6, 1.4, 60))).t1c
    np.testing.assert_allclose(t1c[10, 5:55, 40], 0.5, atol=0.05)


def test_near_the_cord_is_an_ellipse_beyond_its_surface_that_goes_on_at_its_ends():
    near = near_cord(scan(slice(10, 40)), (4.0, 3.0))
    frame = scan(slice(10, 40)).frame
    assert near[10, 0, 40] == near[10, 30, 40] == near[10, 59, 40] == 1
    inner = 40 + frame.ap_mm[20] + 3 - 2
    assert near[10, 20, round(inner)] == 1
    assert near[10, 20, round(inner) + 5] == 0
    assert near[0, 20, 40] == 0
