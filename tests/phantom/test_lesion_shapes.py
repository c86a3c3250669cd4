from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from spinal_tf.phantom.frame import REGION_OF_LEVEL, Background, Frame
from spinal_tf.phantom.lesion_paint import add_lesions
from spinal_tf.phantom.lesion_shapes import LARGEST_DEVIATE, NARROWEST, WIDEST, _lens, draw_lesions
from spinal_tf.phantom.parameters import DISEASES
from spinal_tf.phantom.spine import FIELD_TOPS_MM
from spinal_tf.taxonomy import ASTROCYTOMA, EPENDYMOMA, MS, NMOSD, tree

A, E, M, N = ASTROCYTOMA, EPENDYMOMA, MS, NMOSD
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
        level=np.full(SHAPE[1], 5),
    )
    dx = (np.arange(SHAPE[0]) * SPACING_MM[0] - 14)[:, None, None]
    dy = (np.arange(SHAPE[2]) * SPACING_MM[2] - 30)[None, None, :]
    t2 = np.where(np.hypot(dx, dy) < CANAL_MM, 1.0, 0.15) * np.ones(SHAPE)
    cord = (np.hypot(dx / RL_MM, dy / AP_MM) < 1) & np.ones(SHAPE, bool)
    t2 = np.where(cord, 0.3, t2).astype(np.float32)
    return Background(
        t2=t2,
        t1c=np.full(SHAPE, 0.5, np.float32) if t1c else None,
        cord=cord.astype(np.float32),
        frame=frame,
        cord_level=0.3,
        csf_level=1.0,
        gain=np.ones(SHAPE[1]),
    )


def draws(diagnosis, count=DRAWS):
    """Lesions of many cases, on a cord that is long enough for any."""
    frame = replace(
        pipe().frame,
        **{
            name: np.full(400, value)
            for name, value in (("x_mm", 14), ("y_mm", 30), ("rl_mm", RL_MM), ("ap_mm", AP_MM))
        },
        vertebra_mm=np.full(400, VERTEBRA_MM),
        region=np.full(400, 1),
        level=np.full(400, 5),
    )
    return [draw_lesions(np.random.default_rng([1, n]), diagnosis, frame, "cervical") for n in range(count)]


def one_lesion(diagnosis, seed=0, **changes):
    """One lesion in the middle of the pipe."""
    lesion = draw_lesions(np.random.default_rng(seed), diagnosis, pipe().frame, "cervical")[0]
    return replace(lesion, **{"centre_row": 60, "length_mm": 40.0, "haemorrhage": False, **changes})


def drawn(*lesions, t1c=True):
    return add_lesions(np.random.default_rng(5), pipe(t1c), lesions)


def implied_volume_ml(lesion):
    """Section times length times the mean of 1 - |t| ** ends; cysts and oedema beyond it not counted."""
    return lesion.section * np.pi * RL_MM * AP_MM * lesion.length_mm * lesion.ends / (lesion.ends + 1) / 1000


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
    chances = ("cyst", "polar_cyst", "syrinx", "cap", "haemorrhage", "oedema", "bright_spots", "enhancing", "contrast")
    assert all(0 <= getattr(disease, name) <= 1 for name in chances)


def test_every_level_can_be_drawn():
    assert {level for disease in DISEASES.values() for level in disease.levels} <= set(FIELD_TOPS_MM)
    assert set(FIELD_TOPS_MM) == set(REGION_OF_LEVEL)


def test_volume_and_share_that_enhances_are_those_of_table_1():
    # volume: mean and SD of the training cohort as those of a log-normal; enhancement: all three cohorts
    means = {A: (12.64, 10.77), E: (15.08, 11.71), M: (1.32, 1.64), N: (2.99, 2.95)}
    for diagnosis, (mean, sd) in means.items():
        sigma = np.sqrt(np.log(1 + (sd / mean) ** 2))
        expected = np.log(mean) - sigma**2 / 2, sigma
        assert DISEASES[diagnosis].log_volume_ml == pytest.approx(expected, abs=0.01)
    enhancing = {A: (60, 18, 24, 79, 22, 29), E: (71, 19, 33, 99, 24, 42), M: (7, 0, 2, 54, 15, 21)}
    for diagnosis, cases in (enhancing | {N: (10, 4, 6, 61, 16, 30)}).items():
        assert DISEASES[diagnosis].enhancing == pytest.approx(sum(cases[:3]) / sum(cases[3:]))


# Lesions as drawn


@pytest.mark.parametrize("diagnosis", tree().diagnoses)
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
def test_total_volume_of_the_solid_parts_is_near_log_normal(diagnosis):
    disease = DISEASES[diagnosis]
    mean, sd = disease.log_volume_ml
    logarithms = np.log([sum(map(implied_volume_ml, lesions)) for lesions in draws(diagnosis)])
    # oedema and polar cysts take some of it
    assert mean - 0.35 < np.median(logarithms) < mean - np.log(disease.kept) + 0.2
    assert logarithms.std() == pytest.approx(sd, rel=0.2)
    assert logarithms.max() <= mean - np.log(disease.kept) + LARGEST_DEVIATE * sd + 1e-6


def test_large_lesions_are_long_and_many():
    lesions = draws(M)
    volume = [sum(map(implied_volume_ml, case)) for case in lesions]
    assert np.corrcoef(volume, [len(case) for case in lesions])[0, 1] > 0.4
    assert np.corrcoef(volume, [sum(lesion.length_mm for lesion in case) for case in lesions])[0, 1] > 0.6


@pytest.mark.parametrize("radius", [0.2, 0.6, 1.0, 1.3])
@pytest.mark.parametrize("distance", [0.0, 0.3, 0.8, 1.1])
def test_what_a_circle_covers_of_another_by_counting(radius, distance):
    y, x = np.mgrid[-1:1:801j, -1:1:801j]
    unit = np.hypot(x, y) < 1
    covered = (np.hypot(x - distance, y) < radius) & unit
    assert _lens(radius, distance) == pytest.approx(covered.sum() / unit.sum(), abs=4e-3)


@pytest.mark.parametrize("diagnosis", tree().diagnoses)
def test_parameters_stay_in_their_ranges(diagnosis):
    disease = DISEASES[diagnosis]
    for lesion in (lesion for lesions in draws(diagnosis) for lesion in lesions):
        assert 20 <= lesion.centre_row < 380
        if diagnosis is not M:  # of those the part outside the cord counts, too
            assert (
                NARROWEST * disease.section[0] <= lesion.section <= 1.02 * WIDEST * disease.section[1]
            )  # the cord has 66 mm2
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


@pytest.mark.parametrize("diagnosis", tree().diagnoses)
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
    region = np.where((np.arange(SHAPE[1]) >= 30) & (np.arange(SHAPE[1]) < 60), 1, 2)
    frame = replace(pipe().frame, region=region)
    lesions = [draw_lesions(np.random.default_rng(n), A, frame, "cervical")[0] for n in range(30)]
    assert max(lesion.length_mm for lesion in lesions) <= 30 * 1.5
    assert all(30 <= lesion.centre_row < 60 for lesion in lesions)


# Lesions as painted


@pytest.mark.parametrize("diagnosis", tree().diagnoses)
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


@pytest.mark.parametrize("diagnosis", tree().diagnoses)
def test_lesions_are_brighter_than_cord_and_darker_than_fluid_on_average(diagnosis):
    for seed in range(4):
        after, mask = drawn(one_lesion(diagnosis, seed, cap_mm=0.0, cysts=()))
        assert 0.36 < after.t2[mask > 0.9].mean() < 0.95


@pytest.mark.parametrize("diagnosis", [ASTROCYTOMA, EPENDYMOMA])
def test_tumours_widen_the_cord_to_their_own_section_and_the_cord_around(diagnosis):
    lesion = one_lesion(diagnosis, cysts=(), t2=0.5, patchy=0.0, roughness=0.0, section=2.0, remaining_cord=0.5)
    after, _ = drawn(lesion)
    assert cord_area_mm2(after, 60) == pytest.approx(2.5 * np.pi * RL_MM * AP_MM, rel=0.08)
    assert cord_area_mm2(after, 5) == cord_area_mm2(pipe(), 60)


@pytest.mark.parametrize("diagnosis", [MS, NMOSD])
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


def test_old_blood_is_dark_and_lies_within_the_lesion():
    bare = one_lesion(A, cysts=(), cap_mm=0.0, oedema_mm=0.0, syrinx_mm=0.0)
    plain, mask = drawn(bare)
    bled, same = drawn(replace(bare, haemorrhage=True))
    np.testing.assert_array_equal(same, mask)
    darker = plain.t2 - bled.t2 > 0.2
    assert darker.any()
    assert not darker[mask < 0.05].any()
    assert bled.t2[darker].min() < 0.25


def test_t1c_shows_the_same_border_as_t2w():
    bare = one_lesion(A, cysts=(), cap_mm=0.0, oedema_mm=0.0, syrinx_mm=0.0, enhancement=1.0, roughness=0.2)
    after, mask = drawn(bare)
    before, _ = drawn(replace(bare, enhancement=0.0))
    brighter = after.t1c - before.t1c
    assert brighter[mask > 0.9].mean() > 0.2
    assert np.abs(brighter[mask < 0.02]).max() < 0.02


def test_a_lesion_at_the_end_of_the_view_stays_inside():
    after, mask = drawn(one_lesion(N, centre_row=1), one_lesion(M, centre_row=118))
    assert mask[:, 0].any()
    assert mask[:, -1].any()
    assert np.isfinite(after.t2).all()


def test_levels_follow_the_scale_and_the_gain_of_a_scan():
    # cord 40 and fluid 110: level 0.65 lies half way, twice as bright on the second row
    scan = replace(pipe(), cord_level=40.0, csf_level=110.0, gain=np.array([1.0, 2.0]))
    assert scan.intensity(0.65, slice(0, 2)).ravel().tolist() == pytest.approx([75, 150])
