from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinal_tf.phantom import scanner as acquisition
from spinal_tf.phantom.scanner import CHANCES, METAL_FROM_CORD_MM, acquire, draw_degradations

SPACING_MM = (3.0, 1.5, 1.0)
SHAPE = (5, 80, 100)

PERFECT = replace(
    draw_degradations(np.random.default_rng(0)),
    blur_mm=0.01,
    coil_mm=1e9,
    coil_drop=0.0,
    bright_skin=0.0,
    noise=0.0,
    ringing=0.0,
    ghost=0.0,
    wrap=0.0,
    metal_mm=0.0,
    fade=0.0,
)


def stripe():
    """Level 1 in 20 columns behind the middle, 0.15 elsewhere."""
    image = np.full(SHAPE, 0.15, np.float32)
    image[:, :, 55:75] = 1
    return image


@pytest.fixture
def even(monkeypatch):
    """Coils without their random unevenness, so that values can be told beforehand."""
    monkeypatch.setattr(acquisition, "smooth_noise", lambda rng, shape, cells: np.zeros(shape, np.float32))


def scanned(image=None, cord=None, **happened):
    image = stripe() if image is None else image
    return acquire(np.random.default_rng(1), image.copy(), SPACING_MM, replace(PERFECT, **happened), cord=cord)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_scan_is_not_negative_and_keeps_its_shape(seed):
    rng = np.random.default_rng(seed)
    seen = acquire(rng, stripe(), SPACING_MM, draw_degradations(rng))
    assert seen.shape == SHAPE
    assert seen.dtype == np.float32
    assert np.isfinite(seen).all()
    assert seen.min() >= 0
    assert 0.3 < np.median(seen[:, :, 58:72]) < 4


def test_without_degradations_the_image_is_as_it_was(even):
    np.testing.assert_allclose(scanned(), stripe(), rtol=1e-4)


def test_each_degradation_comes_as_often_as_said():
    drawn = [draw_degradations(np.random.default_rng(seed)) for seed in range(600)]
    names = {name: name for name in ("ringing", "ghost", "bright_skin", "wrap", "fade")} | {"metal": "metal_mm"}
    assert names.keys() == CHANCES.keys()
    for name, attribute in names.items():
        share = np.mean([getattr(happened, attribute) > 0 for happened in drawn])
        assert abs(share - CHANCES[name]) < 4 * np.sqrt(CHANCES[name] * (1 - CHANCES[name]) / 600)


def test_a_scan_that_is_shaded_already_gets_little_more():
    plain, shaded = (
        [draw_degradations(np.random.default_rng(seed), shaded=shaded) for seed in range(50)]
        for shaded in (False, True)
    )
    assert all(happened.bright_skin == happened.fade == 0 for happened in shaded)
    assert [happened.coil_mm * 4 for happened in plain] == [happened.coil_mm for happened in shaded]


def test_blur_spreads_a_line_by_its_width(even):
    line = np.zeros(SHAPE, np.float32)
    line[:, :, 50] = 1
    profile = scanned(line, blur_mm=2.0)[2, 40]
    columns = np.arange(SHAPE[2]) * SPACING_MM[2]
    spread = np.sqrt((profile * (columns - 50) ** 2).sum() / profile.sum())
    assert spread == pytest.approx(2.0, rel=0.05)


def test_a_coil_fades_from_the_back_and_skin_may_be_bright(even):
    flat = np.ones(SHAPE, np.float32)
    faded = scanned(flat, coil_mm=50.0)[2, 40]
    # columns of 1 mm
    assert faded[90] / faded[40] == pytest.approx(np.exp(1), rel=1e-3)
    bright = scanned(flat, bright_skin=1.0)[2, 40]
    assert bright[95] > 1.5
    assert bright[10] < 1.1


def test_noise_makes_air_brighter_than_nothing(even):
    air = scanned(np.zeros(SHAPE, np.float32), noise=0.03)
    # mean of a Rayleigh distribution
    assert air.mean() == pytest.approx(0.03 * np.sqrt(np.pi / 2), rel=0.15)


def test_ringing_crosses_its_axis_alone(even):
    rings = scanned(ringing=0.6, ringing_axis=2)
    assert np.abs(rings[:, :, 40:54] - 0.15).max() > 0.01
    np.testing.assert_allclose(scanned(ringing=0.6, ringing_axis=1), stripe(), atol=1e-3)


def test_a_ghost_stands_at_its_distance(even):
    ghost = scanned(ghost=0.05, ghost_shift=0.2, ghost_axis=2)
    # columns 55 to 75 moved 20 of 100 columns to either side, with opposite signs
    assert ghost[2, 40, 85] - 0.15 == pytest.approx(0.05 * (1 - 0.15), abs=1e-3)
    assert ghost[2, 40, 45] - 0.15 == pytest.approx(-0.05 * (1 - 0.15), abs=1e-3)
    np.testing.assert_allclose(scanned(ghost=0.05, ghost_shift=0.2, ghost_axis=1), stripe(), rtol=0.05)


def test_wrap_around_adds_one_end_to_the_other_and_leaves_the_middle(even):
    image = stripe()
    image[:, :10] = 1
    folded = scanned(image, wrap=0.5, wrap_share=0.1, wrap_axis=1)
    np.testing.assert_allclose(folded[:, 12:68], image[:, 12:68], rtol=1e-4)
    assert folded[2, -1, 20] == pytest.approx(0.15 + 0.5 * 1, rel=1e-3)
    assert np.all(np.diff(folded[2, 72:, 20]) > 0)


def test_metal_leaves_a_void_with_a_rim_and_keeps_off_the_cord(even):
    flat = np.ones(SHAPE, np.float32)
    spoiled = scanned(flat, metal_mm=8.0, metal_at=(0.5, 0.8))
    assert spoiled[2, 40, 80] < 0.05
    assert spoiled.max() > 1.3
    np.testing.assert_allclose(spoiled[:, :, :50], 1, rtol=1e-3)
    cord = np.zeros(SHAPE, bool)
    cord[2, :, 80 - int(METAL_FROM_CORD_MM) + 3] = True
    np.testing.assert_allclose(scanned(flat, cord, metal_mm=8.0, metal_at=(0.5, 0.8)), 1, rtol=1e-3)
