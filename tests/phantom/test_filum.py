"""Lesions at and below the tip of the cord."""

from dataclasses import replace

import numpy as np
import pytest

from spinal_tf.phantom.lesion_paint import add_lesions
from spinal_tf.phantom.lesion_shapes import draw_lesions
from spinal_tf.phantom.mask_facts import level_of_mask
from spinal_tf.phantom.spine import procedural_background
from spinal_tf.taxonomy import ASTROCYTOMA, EPENDYMOMA, MS, NMOSD

SPACING_MM, SIZE = (3.0, 1.8, 1.5), (15, 165, 130)
SEEDS = range(3)
DRAWS = 30


def lower_spine(level, seed):
    return procedural_background(np.random.default_rng(seed), level=level, spacing_mm=SPACING_MM, size=SIZE)


@pytest.fixture(scope="module", params=[(level, seed) for level in ("lumbar", "thoracic-lumbar") for seed in SEEDS])
def below(request):
    """Level and background of a lower spine."""
    return request.param[0], lower_spine(*request.param)


@pytest.fixture(scope="module")
def lumbar():
    return lower_spine("lumbar", 1)


def ends(lesion):
    """First and last row of the solid part."""
    reach = lesion.length_mm / 2 / SPACING_MM[1]
    return lesion.centre_row - reach, lesion.centre_row + reach


def lesions_of(diagnosis, level, background, draws=DRAWS):
    for seed in range(draws):
        rng = np.random.default_rng([2, seed])
        yield from draw_lesions(rng, diagnosis, background.frame, level, background.filum)


def painted(background, lesion):
    return add_lesions(np.random.default_rng(0), background, (lesion,))


def section_mm2(image):
    """Area of an image of fractions in every row."""
    return image.sum(axis=(0, 2)) * SPACING_MM[0] * SPACING_MM[2]


def test_the_frame_tapers_with_the_cord_to_its_tip(below):
    _, background = below
    frame, end = background.frame, background.frame.end_row
    assert 20 < end < SIZE[1] - 20
    assert frame.level[end] in (19, 20, 21)  # T12 to L2
    area = np.pi * frame.rl_mm * frame.ap_mm
    above = end - round(30 / SPACING_MM[1])
    assert area[end] < 0.03 * area[above]
    assert not background.cord[:, end + 1 :].any()
    assert np.all(np.isfinite(frame.x_mm))


def test_the_canal_below_the_tip_ends_at_the_sacrum(below):
    filum, end = below[1].filum, below[1].frame.end_row
    rows = np.flatnonzero(np.isfinite(filum.x_mm))
    assert rows[0] in (end, end + 1)
    assert np.all(np.diff(rows) == 1)
    assert set(filum.level[rows]) <= set(range(19, 25))
    assert np.all((filum.ap_mm[rows] > 4) & (filum.rl_mm[rows] > 7))


@pytest.mark.parametrize("diagnosis", [ASTROCYTOMA, MS, NMOSD])
def test_no_lesion_of_the_cord_lies_below_its_tip(below, diagnosis):
    level, background = below
    lesions = list(lesions_of(diagnosis, level, background))
    assert not any(lesion.filum for lesion in lesions)
    assert max(ends(lesion)[1] for lesion in lesions) <= background.frame.end_row + 1
    for lesion in lesions[:2]:
        _, mask = painted(background, lesion)
        assert section_mm2(mask)[background.frame.end_row + 1 :].max() < 3


def test_a_lumbar_ependymoma_is_a_mass_below_the_tip_and_others_are_not(below):
    level, background = below
    lesions = list(lesions_of(EPENDYMOMA, level, background))
    end = background.frame.end_row
    if level == "lumbar":
        assert all(lesion.filum for lesion in lesions)
        assert min(ends(lesion)[0] for lesion in lesions) >= end - 1
        assert np.ptp([lesion.centre_row for lesion in lesions]) > 10
        assert max(background.frame.level[lesion.centre_row] for lesion in lesions) <= 24
    else:
        assert not any(lesion.filum for lesion in lesions)
        assert max(ends(lesion)[1] for lesion in lesions) <= end + 1


def test_a_mass_of_the_filum_is_sized_by_the_canal_and_stays_in_it(lumbar):
    canal_mm2 = np.pi * lumbar.filum.rl_mm * lumbar.filum.ap_mm
    for lesion in list(lesions_of(EPENDYMOMA, "lumbar", lumbar, 6)):
        after, mask = painted(lumbar, replace(lesion, cysts=()))
        share = section_mm2(mask) / canal_mm2
        assert share.max() <= 1
        assert share[lesion.centre_row] == pytest.approx(lesion.section, rel=0.2)
        assert 0.3 <= lesion.section <= 0.91
        assert (lesion.remaining_cord, lesion.oedema_mm, lesion.syrinx_mm, lesion.cap_mm) == (0, 0, 0, 0)
        rows = mask.any(axis=(0, 2))
        assert np.all(np.isfinite(lumbar.filum.x_mm[rows]))
        assert level_of_mask(mask > 0.5, lumbar.frame) == "lumbar"
        np.testing.assert_array_equal(after.t2[:, ~rows], lumbar.t2[:, ~rows])
        assert np.all(after.cord >= mask)


def test_masses_of_the_filum_have_the_drawn_volumes_or_fill_the_canal(lumbar):
    volumes = [
        section_mm2(painted(lumbar, lesion)[1]).sum() * 1.8e-3
        for lesion in lesions_of(EPENDYMOMA, "lumbar", lumbar, 12)
    ]
    # Table 1, training cohort: 15 ± 12 mL, in our cut log-normal a median of 12
    assert 6 < np.median(volumes) < 18
    assert max(volumes) < 40


def test_without_a_canal_below_the_cord_ependymomas_lie_in_the_cord(lumbar):
    for seed in range(5):
        (lesion,) = draw_lesions(np.random.default_rng(seed), EPENDYMOMA, lumbar.frame, "lumbar")
        assert not lesion.filum
        assert ends(lesion)[1] <= lumbar.frame.end_row + 1
    out_of_view = replace(lumbar.filum, x_mm=np.full(SIZE[1], np.nan))
    (lesion,) = draw_lesions(np.random.default_rng(0), EPENDYMOMA, lumbar.frame, "lumbar", out_of_view)
    assert not lesion.filum
