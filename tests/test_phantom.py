import csv
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from spinal_tf.cli.main import main
from spinal_tf.phantom import case as case_module
from spinal_tf.phantom import cohort
from spinal_tf.phantom.acquisition import acquire, thick_slices
from spinal_tf.phantom.case import REGION_OF_LEVEL, simulate_case
from spinal_tf.phantom.fields import inside, smooth_curve, smooth_noise
from spinal_tf.phantom.frame import REGIONS, Background, Frame
from spinal_tf.phantom.lesions import add_lesions, draw_lesions
from spinal_tf.phantom.parameters import DISEASES, NORMAL_SECTION_MM2
from spinal_tf.phantom.scan import scan_background
from spinal_tf.phantom.spine import FIELD_TOPS_MM, procedural_background
from spinal_tf.taxonomy import DEMYELINATING, TUMORS, Diagnosis
from spinal_tf.volume import read_aligned, read_mask, read_volume

A, E, M, N = Diagnosis.ASTROCYTOMA, Diagnosis.EPENDYMOMA, Diagnosis.MS, Diagnosis.NMOSD
SPACING_MM = (2.0, 1.5, 1.0)
SHAPE = (15, 120, 60)
VERTEBRA_MM = 18.0
AP_MM, RL_MM, CANAL_MM = 3.5, 6.0, 10.0
DRAWS = 200


def pipe(t1c=True):
    """A straight cord (0.3) in a round canal of fluid (1) in muscle (0.15); its middle is at 14 mm and 30 mm."""
    frame = Frame(
        spacing_mm=SPACING_MM,
        x_mm=np.full(SHAPE[1], 14.0),
        y_mm=np.full(SHAPE[1], 30.0),
        rl_mm=np.full(SHAPE[1], RL_MM),
        ap_mm=np.full(SHAPE[1], AP_MM),
        vertebra_mm=np.full(SHAPE[1], VERTEBRA_MM),
        region=np.full(SHAPE[1], 1),
    )
    dx = (np.arange(SHAPE[0]) * SPACING_MM[0] - 14)[:, None, None]
    dy = (np.arange(SHAPE[2]) * SPACING_MM[2] - 30)[None, None, :]
    t2 = np.where(np.hypot(dx, dy) < CANAL_MM, 1.0, 0.15) * np.ones(SHAPE)
    t2 = np.where(np.hypot(dx / RL_MM, dy / AP_MM) < 1, 0.3, t2).astype(np.float32)
    return Background(
        t2=t2,
        t1c=np.full(SHAPE, 0.5, np.float32) if t1c else None,
        frame=frame,
        cord_level=0.3,
        csf_level=1.0,
        gain=np.ones(SHAPE[1]),
    )


def draws(diagnosis, count=DRAWS):
    """Lesions of many cases, on a cord that is long enough for any."""
    frame = replace(pipe().frame, vertebra_mm=np.full(400, VERTEBRA_MM))
    return [draw_lesions(np.random.default_rng([1, n]), diagnosis, frame, np.arange(20, 380)) for n in range(count)]


def one_lesion(diagnosis, seed=0, **changes):
    """One lesion in the middle of the pipe."""
    lesion = draw_lesions(np.random.default_rng(seed), diagnosis, pipe().frame, np.arange(20, 100))[0]
    return replace(lesion, **{"centre_row": 60, "length_mm": 40.0, **changes})


def drawn(*lesions, t1c=True):
    return add_lesions(np.random.default_rng(5), pipe(t1c), lesions)


def implied_volume_ml(lesion):
    """Section times length times the mean of 1 - |t| ** ends."""
    return lesion.section * NORMAL_SECTION_MM2 * lesion.length_mm * lesion.ends / (lesion.ends + 1) / 1000


def cord_radius(background):
    """Distance from the cord's axis, 1 on its surface, of every voxel of the pipe."""
    dx = (np.arange(SHAPE[0]) * SPACING_MM[0] - 14)[:, None, None] / RL_MM
    dy = (np.arange(SHAPE[2]) * SPACING_MM[2] - 30)[None, None, :] / AP_MM
    return np.broadcast_to(np.hypot(dx, dy), background.t2.shape)


def cord_area_mm2(background, row):
    """Section of what lies inside the ring of fluid."""
    fluid = background.t2[:, row] > 0.75
    return (ndimage.binary_fill_holes(fluid) & ~fluid).sum() * SPACING_MM[0] * SPACING_MM[2]


# Parameters


@pytest.mark.parametrize("disease", DISEASES.values(), ids=lambda d: f"{d.log_volume_ml}")
def test_probabilities_are_probabilities(disease):
    assert sum(disease.count) == pytest.approx(1)
    assert sum(disease.levels.values()) == pytest.approx(1)
    chances = ("cyst", "polar_cyst", "syrinx", "cap", "oedema", "bright_spots", "enhancing")
    assert all(0 <= getattr(disease, name) <= 1 for name in chances)


def test_every_level_can_be_drawn():
    assert {level for disease in DISEASES.values() for level in disease.levels} <= set(FIELD_TOPS_MM)
    assert set(FIELD_TOPS_MM) == set(REGION_OF_LEVEL)


def test_volume_and_share_that_enhances_are_those_of_table_1():
    table = {A: (2.26, 0.74, 0.76), E: (2.48, 0.69, 0.72), M: (-0.19, 0.97, 0.13), N: (0.76, 0.82, 0.16)}
    assert {d: (*DISEASES[d].log_volume_ml, DISEASES[d].enhancing) for d in Diagnosis} == table


# Lesions as drawn


@pytest.mark.parametrize("diagnosis", Diagnosis)
def test_the_same_seed_draws_the_same_lesions(diagnosis):
    assert draws(diagnosis, 5) == draws(diagnosis, 5)
    assert len({repr(lesions) for lesions in draws(diagnosis, 20)}) == 20


@pytest.mark.parametrize(("diagnosis", "quartiles"), [(A, (1, 1, 1)), (E, (1, 1, 1)), (M, (1, 2, 3)), (N, (1, 1, 2))])
def test_counts_follow_their_medians_and_quartiles(diagnosis, quartiles):
    # Table 1, training cohort
    shares = DISEASES[diagnosis].count
    assert tuple(1 + np.searchsorted(np.cumsum(shares), (0.25, 0.5, 0.75))) == quartiles
    counts = [len(lesions) for lesions in draws(diagnosis)]
    assert max(counts) <= len(shares)
    for count, share in enumerate(shares, start=1):
        assert abs(counts.count(count) / DRAWS - share) <= 3.5 * np.sqrt(share * (1 - share) / DRAWS)


@pytest.mark.parametrize("diagnosis", [A, E, N])
def test_total_volume_is_log_normal(diagnosis):
    mean, sd = DISEASES[diagnosis].log_volume_ml
    logarithms = np.log([sum(map(implied_volume_ml, lesions)) for lesions in draws(diagnosis)])
    assert np.median(logarithms) == pytest.approx(mean, abs=0.2)
    assert logarithms.std() == pytest.approx(sd, rel=0.2)
    assert logarithms.max() <= mean + 2 * sd + 1e-6


def test_ms_volume_is_limited_by_its_length_alone():
    mean, sd = DISEASES[M].log_volume_ml
    logarithms = np.log([sum(map(implied_volume_ml, lesions)) for lesions in draws(M)])
    assert np.median(logarithms) == pytest.approx(mean, abs=0.4)
    assert logarithms.max() <= mean + 2 * sd + 1e-6


@pytest.mark.parametrize("diagnosis", Diagnosis)
def test_parameters_stay_in_their_ranges(diagnosis):
    disease = DISEASES[diagnosis]
    for lesion in (lesion for lesions in draws(diagnosis) for lesion in lesions):
        assert 20 <= lesion.centre_row < 380
        assert 0.6 * disease.section[0] <= lesion.section <= 1.25 * disease.section[1]
        assert lesion.length_mm >= 4
        for name in ("t2", "softness", "ends", "remaining_cord"):
            low, high = getattr(disease, name)
            assert low <= getattr(lesion, name) <= high
        low, high = disease.eccentric
        assert low - 1e-9 <= np.hypot(lesion.offset_u, lesion.offset_v) <= high + 1e-9


def test_no_ms_lesion_is_longer_than_two_vertebrae_and_nmosd_often_is_longer_than_three():
    assert max(lesion.length_mm for lesions in draws(M) for lesion in lesions) < 2 * VERTEBRA_MM
    longest = [max(lesion.length_mm for lesion in lesions) for lesions in draws(N)]
    assert np.mean(np.array(longest) > 3 * VERTEBRA_MM) > 0.3


def test_ms_lesions_lie_dorsally_or_at_a_side():
    lesions = [lesion for lesions in draws(M) for lesion in lesions]
    u, v = np.array([(lesion.offset_u, lesion.offset_v) for lesion in lesions]).T
    assert np.all(np.hypot(u, v) >= 0.75 - 1e-9)
    lateral = np.abs(u) > np.abs(v)
    assert np.mean(lateral | (v > 0)) > 0.95
    assert 0.25 < lateral.mean() < 0.75
    assert np.mean(u > 0) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("diagnosis", Diagnosis)
def test_chances_are_those_of_the_parameters(diagnosis):
    disease = DISEASES[diagnosis]
    firsts = [lesions[0] for lesions in draws(diagnosis)]
    wanted = {"syrinx_mm": disease.syrinx, "cap_mm": disease.cap, "oedema_mm": disease.oedema}
    wanted |= {"enhancement": disease.enhancing, "bright_spots": disease.bright_spots}
    wanted |= {"cysts": 1 - (1 - disease.cyst) * (1 - disease.polar_cyst)}
    for name, chance in wanted.items():
        found = np.mean([bool(getattr(lesion, name)) for lesion in firsts])
        assert abs(found - chance) <= 3.5 * np.sqrt(chance * (1 - chance) / DRAWS) + 1e-9, name


def test_all_lesions_of_a_case_enhance_or_none():
    for lesions in draws(M):
        assert len({lesion.enhancement > 0 for lesion in lesions}) == 1


def test_a_lesion_fits_into_a_short_cord():
    lesions = [draw_lesions(np.random.default_rng(n), A, pipe().frame, np.arange(30, 60))[0] for n in range(30)]
    assert max(lesion.length_mm for lesion in lesions) <= 0.9 * 30 * 1.5


# Lesions as painted


@pytest.mark.parametrize("diagnosis", Diagnosis)
def test_the_mask_lies_in_and_around_the_cord_and_nothing_changes_far_off(diagnosis):
    lesion = one_lesion(diagnosis)
    before = pipe()
    after, mask = drawn(lesion)
    grown = np.sqrt(max(1, (lesion.section + lesion.remaining_cord) * lesion.swelling))
    assert mask.min() >= 0
    assert mask.max() == pytest.approx(1)
    # the margin outside the cord is half a soft edge of 0.8 mm
    assert cord_radius(after)[mask > 0.5].max() <= 1.02 * grown + 0.8 / AP_MM
    rows = np.flatnonzero(mask.any(axis=(0, 2)))
    reach = 20 + max(lesion.oedema_mm, 0.1 * 40) + lesion.cap_mm
    assert np.all(np.abs(rows - 60) * 1.5 <= max(reach, 0.7 * 40))
    np.testing.assert_array_equal(after.t2[:, :10], before.t2[:, :10])
    np.testing.assert_array_equal(after.t2[:, :, -3:], before.t2[:, :, -3:])


def test_the_background_is_left_as_it_is():
    before = pipe()
    add_lesions(np.random.default_rng(0), before, (one_lesion(E),))
    np.testing.assert_array_equal(before.t2, pipe().t2)
    np.testing.assert_array_equal(before.t1c, pipe().t1c)


@pytest.mark.parametrize("diagnosis", Diagnosis)
def test_lesions_are_brighter_than_cord_and_darker_than_fluid_on_average(diagnosis):
    for seed in range(4):
        after, mask = drawn(one_lesion(diagnosis, seed, cap_mm=0.0, cysts=()))
        assert 0.36 < after.t2[mask > 0.9].mean() < 0.95


@pytest.mark.parametrize("diagnosis", TUMORS)
def test_tumours_widen_the_cord_to_their_own_section_and_the_cord_around(diagnosis):
    lesion = one_lesion(diagnosis, cysts=(), t2=0.5, patchy=0.0, roughness=0.0, section=2.0, remaining_cord=0.5)
    after, _ = drawn(lesion)
    assert cord_area_mm2(after, 60) == pytest.approx(2.5 * np.pi * RL_MM * AP_MM, rel=0.08)
    assert cord_area_mm2(after, 5) == cord_area_mm2(pipe(), 60)


@pytest.mark.parametrize("diagnosis", DEMYELINATING)
def test_demyelinating_lesions_replace_cord(diagnosis):
    after, mask = drawn(one_lesion(diagnosis, swelling=1.0, patchy=0.0, bright_spots=False))
    assert cord_area_mm2(after, 60) == cord_area_mm2(pipe(), 60)
    outside = cord_radius(after) > 1.3
    np.testing.assert_array_equal(after.t2[outside], pipe().t2[outside])
    assert not mask[outside].any()


def test_a_swollen_cord_is_wider():
    after, _ = drawn(one_lesion(N, swelling=1.3, patchy=0.0, bright_spots=False))
    assert cord_area_mm2(after, 60) > 1.1 * cord_area_mm2(pipe(), 60)


def test_the_painted_section_is_the_drawn_one():
    # half the length of a blunt lesion has nearly the full section
    lesion = one_lesion(N, section=0.5, roughness=0.0, swelling=1.0, ends=5.0, offset_u=0.0, offset_v=0.0, softness=0.3)
    _, mask = drawn(lesion)
    area_mm2 = mask.sum(axis=(0, 2)) * SPACING_MM[0] * SPACING_MM[2]
    assert area_mm2[60] == pytest.approx(0.5 * np.pi * RL_MM * AP_MM, rel=0.1)
    # 10 rows of 1.5 mm off the middle of 40 mm: 1 - 0.75^5 of it
    assert area_mm2[70] == pytest.approx((1 - 0.75**5) * area_mm2[60], rel=0.1)


def test_ms_lesions_are_peripheral_and_nmosd_central():
    radius = {}
    for diagnosis in (M, N):
        masks = [drawn(one_lesion(diagnosis, seed))[1] > 0.5 for seed in range(6)]
        radius[diagnosis] = np.mean([cord_radius(pipe())[mask].mean() for mask in masks])
    assert radius[M] > 0.6 > radius[N]


def test_oedema_cysts_and_cap_belong_to_the_mask_and_a_syrinx_does_not():
    bare = one_lesion(A, roughness=0.0, patchy=0.0, syrinx_mm=0.0, oedema_mm=0.0, cap_mm=0.0, cysts=())
    plain, mask = drawn(bare)
    with_syrinx, same = drawn(replace(bare, syrinx_mm=20.0))
    assert (with_syrinx.t2 - plain.t2).max() > 0.3
    np.testing.assert_allclose(same, mask, atol=1e-3)
    for changes in ({"oedema_mm": 15.0}, {"cap_mm": 3.0}, {"cysts": ((1.0, 0.4),)}):
        _, larger = drawn(replace(bare, **changes))
        assert larger.sum() > 1.01 * mask.sum()
        assert np.all(larger >= mask - 1e-6)


def test_a_cap_is_darker_than_cord_and_a_cyst_as_bright_as_fluid():
    lesion = one_lesion(E, cysts=((0.0, 0.3),), cap_mm=4.0, syrinx_mm=0.0)
    after, _ = drawn(lesion)
    assert after.t2[7, 60, 30] > 0.85
    assert after.t2[7, :, 30].min() < 0.2


def test_enhancement_is_seen_on_t1c_alone_and_only_where_there_is_one():
    bare = one_lesion(A, enhancement=0.0, cysts=())
    dark, mask = drawn(bare)
    bright, _ = drawn(replace(bare, enhancement=1.0))
    lesion = mask > 0.9
    assert dark.t1c[lesion].mean() < 0.5 < 0.6 < bright.t1c[lesion].mean()
    np.testing.assert_array_equal(bright.t2, dark.t2)
    assert drawn(bare, t1c=False)[0].t1c is None


def test_a_lesion_at_the_end_of_the_view_stays_inside():
    after, mask = drawn(one_lesion(N, centre_row=1), one_lesion(M, centre_row=118))
    assert mask[:, 0].any()
    assert mask[:, -1].any()
    assert np.isfinite(after.t2).all()


def test_levels_follow_the_scale_and_the_gain_of_a_scan():
    # cord 40 and fluid 110: level 0.65 lies half way, twice as bright on the second row
    scan = replace(pipe(), cord_level=40.0, csf_level=110.0, gain=np.array([1.0, 2.0]))
    assert scan.intensity(0.65, slice(0, 2)).ravel().tolist() == pytest.approx([75, 150])


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
    lesions = draw_lesions(np.random.default_rng(0), M, background.frame, np.arange(25, 35))
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
    assert background.t2[x, rows, y].mean() == pytest.approx(0.32, abs=0.1)
    assert 2.8 < frame.ap_mm[region > 0].min() < frame.ap_mm[region > 0].max() < 5


# Acquisition


def test_thick_slices_average_and_leave_out_the_gap():
    fine = np.arange(7, dtype=np.float32)[:, None, None] * np.ones((1, 2, 3), np.float32)
    assert thick_slices(fine, 2, 0)[:, 0, 0].tolist() == [0.5, 2.5, 4.5]
    assert thick_slices(fine, 2, 1)[:, 1, 2].tolist() == [0.5, 3.5]
    assert thick_slices(fine, 3, 1)[:, 0, 0].tolist() == [1, 5]
    np.testing.assert_array_equal(thick_slices(fine, 1, 0), fine)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_scan_is_not_negative_and_keeps_its_shape(seed):
    image = pipe().t2[:3, :50]
    scanned = acquire(np.random.default_rng(seed), image, SPACING_MM)
    assert scanned.shape == image.shape
    assert scanned.dtype == np.float32
    assert np.isfinite(scanned).all()
    assert scanned.min() >= 0
    assert scanned[:, :, 22:38].mean() == pytest.approx(image[:, :, 22:38].mean(), rel=0.5)


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
    curve = smooth_curve(np.random.default_rng(0), 100, 5, 2.0)
    assert np.abs(np.diff(curve)).max() < 0.3
    assert curve.std() > 0.1


# Cases


def coarse_background(seed=0):
    return procedural_background(
        np.random.default_rng(seed), level="cervical", spacing_mm=(1.75, 2.0, 1.6), size=(15, 120, 80)
    )


@pytest.fixture(scope="module")
def cases():
    background = coarse_background()
    return {d: simulate_case(np.random.default_rng(2), d, background) for d in Diagnosis}


def contents(case):
    return case.t2.tobytes(), case.t1c.tobytes(), case.mask.tobytes(), case.lesions


@pytest.mark.parametrize("diagnosis", Diagnosis)
def test_a_case_is_whole(cases, diagnosis):
    case = cases[diagnosis]
    assert case.diagnosis is diagnosis
    assert case.t2.shape == case.t1c.shape == case.mask.shape
    assert case.t2.dtype == case.t1c.dtype == np.float32
    assert case.mask.dtype == bool
    assert case.mask.any()
    assert case.t2.min() >= 0
    assert case.spacing_mm[0] in (1.75, 3.5)
    cord = np.median(case.t2[case.mask])
    assert 50 < cord < 1200


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(cases):
    same = simulate_case(np.random.default_rng(2), M, coarse_background())
    assert contents(same) == contents(cases[M])
    other = simulate_case(np.random.default_rng(3), M, coarse_background())
    assert contents(other)[0] != contents(cases[M])[0]


def test_the_mask_is_where_at_least_half_of_a_voxel_is_lesion(monkeypatch):
    background = coarse_background()
    fraction = np.zeros(background.t2.shape, np.float32)
    fraction[:, 40, 30], fraction[:, 40, 31], fraction[:, 40, 32] = 0.49, 0.5, 0.51
    monkeypatch.setattr(case_module, "add_lesions", lambda rng, background, lesions: (background, fraction))
    mask = simulate_case(np.random.default_rng(0), M, background).mask
    assert np.unique(np.argwhere(mask)[:, 1:], axis=0).tolist() == [[40, 31], [40, 32]]
    assert mask.any(axis=(1, 2)).all()


def test_the_affine_is_in_package_order_and_centred(cases):
    case = cases[A]
    centre = case.affine @ [*((np.array(case.t2.shape) - 1) / 2), 1]
    np.testing.assert_allclose(centre, [0, 0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(case.affine @ [1, 0, 0, 0], [-case.spacing_mm[0], 0, 0, 0])
    np.testing.assert_allclose(case.affine @ [0, 1, 0, 0], [0, 0, -2.0, 0])
    np.testing.assert_allclose(case.affine @ [0, 0, 1, 0], [0, -1.6, 0, 0])


def test_a_background_without_t1c_gives_a_case_without():
    case = simulate_case(np.random.default_rng(0), N, replace(coarse_background(), t1c=None))
    assert case.t1c is None
    assert case.mask.any()


def test_levels_are_drawn_with_their_published_shares(monkeypatch):
    asked = []

    def background(rng, *, level, spacing_mm, size):
        asked.append((level, spacing_mm, size))
        raise StopIteration

    monkeypatch.setattr(case_module, "procedural_background", background)
    for seed in range(DRAWS):
        with pytest.raises(StopIteration):
            simulate_case(np.random.default_rng(seed), E)
    levels = [level for level, _, _ in asked]
    for level, share in DISEASES[E].levels.items():
        assert abs(levels.count(level) / DRAWS - share) < 3.5 * np.sqrt(share * (1 - share) / DRAWS)
    for _, spacing_mm, size in asked:
        assert spacing_mm[0] == 1.75
        assert 0.6 <= spacing_mm[1] == spacing_mm[2] <= 0.95
        assert 23 <= size[0] <= 28
        assert 229 <= size[1] * spacing_mm[1] <= 341


@pytest.mark.parametrize("diagnosis", [A, M])
def test_without_a_background_the_lesion_lies_at_the_drawn_level(monkeypatch, diagnosis):
    made = {}

    def coarser(rng, *, level, spacing_mm, size):
        made["level"] = level
        made["background"] = procedural_background(
            rng,
            level=level,
            spacing_mm=(1.75, 3 * spacing_mm[1], 3 * spacing_mm[2]),
            size=(12, size[1] // 3, size[2] // 3),
        )
        return made["background"]

    monkeypatch.setattr(case_module, "procedural_background", coarser)
    case = simulate_case(np.random.default_rng(4), diagnosis)
    first, last = REGION_OF_LEVEL[made["level"]]
    regions = [made["background"].frame.region[lesion.centre_row] for lesion in case.lesions]
    assert all(first <= region <= last for region in regions)
    assert case.mask.any()


# Cohorts on disk


@pytest.fixture
def coarse(monkeypatch):
    """Cases of the cohort on a coarse background, which takes a tenth of the time."""
    background = coarse_background()
    monkeypatch.setattr(cohort, "simulate_case", lambda rng, diagnosis: simulate_case(rng, diagnosis, background))
    return background


def simulate(*arguments):
    return CliRunner().invoke(main, ["simulate", *map(str, arguments)])


def snapshot(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_simulate_writes_cases_that_can_be_read_and_a_table(coarse, tmp_path):
    out = tmp_path / "new" / "cohort"
    result = simulate(out, "--cases", 5, "--seed", 7)
    assert result.exit_code == 0, result.output
    assert "[5/5]" in result.output
    with (out / "cohort.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["diagnosis"] for row in rows] == ["astrocytoma", "ependymoma", "ms", "nmosd", "astrocytoma"]
    assert [row["case"] for row in rows] == [row["patient"] for row in rows] == [f"sim-{n:04d}" for n in range(1, 6)]
    assert {row["split"] for row in rows} == {"test"}
    expected = simulate_case(np.random.default_rng([7, 3]), M, coarse)
    t2 = read_volume(out / rows[2]["t2"])
    np.testing.assert_array_equal(t2.data, np.round(expected.t2))
    np.testing.assert_allclose(t2.affine, expected.affine, atol=1e-4)
    np.testing.assert_array_equal(read_mask(out / rows[2]["mask"], like=t2), expected.mask)
    np.testing.assert_array_equal(read_aligned(out / rows[2]["t1c"], like=t2).data, np.round(expected.t1c))
    record = json.loads((out / "sim-0003" / "parameters.json").read_text(encoding="utf-8"))
    assert "nothing about patients" in record["notice"]
    assert record["diagnosis"] == "ms"
    assert record["lesions"] == json.loads(json.dumps([asdict(lesion) for lesion in expected.lesions]))


def test_simulate_keeps_what_exists_unless_told_to_replace_it(coarse, tmp_path):
    assert simulate(tmp_path, "--cases", 2, "--diagnosis", "ms").exit_code == 0
    before = snapshot(tmp_path)
    refused = simulate(tmp_path, "--cases", 2, "--seed", 1)
    assert refused.exit_code == 3
    assert "cohort.csv: already exists and was kept; add --overwrite" in refused.output
    assert snapshot(tmp_path) == before
    assert simulate(tmp_path, "--cases", 2, "--seed", 1, "--overwrite").exit_code == 0
    after = snapshot(tmp_path)
    assert after.keys() == before.keys()
    assert after["sim-0001/t2.nii.gz"] != before["sim-0001/t2.nii.gz"]


def test_an_existing_case_is_kept_and_no_table_appears(coarse, tmp_path):
    (tmp_path / "sim-0001").mkdir()
    (tmp_path / "sim-0001" / "mask.nii.gz").write_text("a person's work")
    result = simulate(tmp_path, "--cases", 2)
    assert result.exit_code == 3
    assert "mask.nii.gz: already exists" in result.output
    assert list(snapshot(tmp_path)) == ["sim-0001/mask.nii.gz"]


def test_a_longer_run_begins_with_the_same_cases(coarse, tmp_path):
    simulate(tmp_path / "short", "--cases", 1, "--diagnosis", "nmosd")
    simulate(tmp_path / "long", "--cases", 2, "--diagnosis", "nmosd")
    short, long = snapshot(tmp_path / "short"), snapshot(tmp_path / "long")
    for name in ("t2.nii.gz", "t1c.nii.gz", "mask.nii.gz", "parameters.json"):
        assert short[f"sim-0001/{name}"] == long[f"sim-0001/{name}"]
        assert long[f"sim-0001/{name}"] != long[f"sim-0002/{name}"]


def test_a_case_without_t1c_leaves_its_column_empty(monkeypatch, tmp_path):
    background = replace(coarse_background(), t1c=None)
    monkeypatch.setattr(cohort, "simulate_case", lambda rng, diagnosis: simulate_case(rng, diagnosis, background))
    list(cohort.write_cohort(tmp_path, [M], cases=1, seed=0, overwrite=False))
    header, row = (tmp_path / "cohort.csv").read_text(encoding="utf-8").splitlines()
    assert header == "case,patient,t2,t1c,mask,diagnosis,split"
    assert row == "sim-0001,sim-0001,sim-0001/t2.nii.gz,,sim-0001/mask.nii.gz,ms,test"
    assert not (tmp_path / "sim-0001" / "t1c.nii.gz").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    result = simulate(tmp_path / "file" / "cohort")
    assert result.exit_code == 3
    assert "cannot be made" in result.output
