from dataclasses import replace

import numpy as np
import pytest

from spinal_tf.phantom.fade import faded
from spinal_tf.phantom.frame import View
from spinal_tf.phantom.scanner import draw_degradations
from spinal_tf.phantom.sources import drawn_spine

HAPPENED = draw_degradations(np.random.default_rng(0))


@pytest.fixture(scope="module")
def spine():
    view = View(level="cervical", fine_mm=2.0, fine_slices=20, with_t1c=False)
    return drawn_spine(np.random.default_rng(3), view)


def losing(share, **where):
    return replace(HAPPENED, **{"fade": share, "fade_from": 0.4, "fade_over": 0.4, "fade_up": False, **where})


def contrast(spine, t2):
    """Brightest 15 % of the shell around the cord over the cord, for each tenth of the height."""
    frame, (slices, rows, columns) = spine.frame, t2.shape
    across = (np.arange(slices) * frame.spacing_mm[0] - frame.x_mm[:, None]) / frame.rl_mm[:, None]
    deep = (np.arange(columns) * frame.spacing_mm[2] - frame.y_mm[:, None]) / frame.ap_mm[:, None]
    radius, by_row = np.hypot(across[:, :, None], deep[:, None]), np.moveaxis(t2, 0, 1)
    found = []
    for tenth in np.array_split(np.arange(rows), 10):
        image, near = by_row[tenth], radius[tenth]
        found.append(np.percentile(image[(near > 1.2) & (near < 1.6)], 85) / np.median(image[near < 0.7]))
    return np.array(found)


def test_what_does_not_fade_is_the_same_image(spine):
    assert faded(spine, losing(0.0)) is spine.t2


def test_fluid_fades_towards_the_cord_and_the_cord_stays(spine):
    before = contrast(spine, spine.t2)
    t2 = faded(spine, losing(0.8))
    after = contrast(spine, t2)
    np.testing.assert_allclose(after[:4], before[:4], rtol=1e-6)
    # a fifth is left of what fluid is brighter than the cord
    np.testing.assert_allclose(after[8:] - 1, 0.2 * (before[8:] - 1), rtol=0.25)
    assert np.all(np.diff(after[4:9]) < 0)
    cord = spine.cord == 1
    np.testing.assert_array_equal(t2[cord], spine.t2[cord])
    assert np.all(t2 <= spine.t2)


def test_it_may_come_from_below(spine):
    before, after = (contrast(spine, t2) for t2 in (spine.t2, faded(spine, losing(0.8, fade_up=True))))
    np.testing.assert_allclose(after[6:], before[6:], rtol=1e-6)
    assert np.all(after[:2] < 0.5 * before[:2])


def test_far_from_the_cord_nothing_changes(spine):
    t2 = faded(spine, losing(0.8))
    deep_mm = np.abs(np.arange(t2.shape[2]) * spine.frame.spacing_mm[2] - np.nanmean(spine.frame.y_mm))
    far = deep_mm > 60
    assert far.any()
    np.testing.assert_array_equal(t2[:, :, far], spine.t2[:, :, far])
