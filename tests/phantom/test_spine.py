import numpy as np
import pytest

from spinal_tf.phantom.canal import draw_canal, grey_matter
from spinal_tf.phantom.course import Course, draw_course
from spinal_tf.phantom.frame import REGION_OF_LEVEL
from spinal_tf.phantom.painting import TISSUES, Band, Grain, Paint, Tissue, draw_tissues
from spinal_tf.phantom.skeleton import HEIGHTS_MM, L1, LOIN_MM, S1, S1_MM, draw_skeleton, place_in_tables, smooth_along
from spinal_tf.phantom.spine import FIELD_TOPS_MM, procedural_background

SEEDS = range(6)
SIZE, SPACING_MM = (9, 150, 120), (3.5, 2.0, 1.8)


def course(seed=0, top_mm=-30.0):
    return draw_course(np.random.default_rng(seed), top_mm=top_mm, size=SIZE, spacing_mm=SPACING_MM)


def arc(radius_mm=100.0):
    """A course that runs on a circle: at angle a, s = r a, z = r sin a, y = 150 - r cos a."""
    angle = np.linspace(-0.7, 0.9, 2001)
    return Course(
        s_mm=radius_mm * angle,
        z_mm=radius_mm * np.sin(angle),
        y_mm=150 - radius_mm * np.cos(angle),
        x_mm=np.full(angle.size, 15.0),
    )


# The course


def test_places_along_and_off_a_circle_are_found_by_hand():
    s, n = arc().straightened(70, 130, (1.0, 1.0))
    # The circle's centre lies at column 150: pixel (z, y) is at angle atan(z / (150 - y)) of it.
    z, y = np.mgrid[:70, :130].astype(float)
    near = (np.abs(100 - np.hypot(z, 150 - y)) < 30) & (np.arctan2(z, 150 - y) < 0.7)
    np.testing.assert_allclose(s[near], 100 * np.arctan2(z, 150 - y)[near], atol=0.6)
    np.testing.assert_allclose(n[near], (100 - np.hypot(z, 150 - y))[near], atol=0.3)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_course_goes_down_through_the_view_and_is_as_long_as_it_says(seed):
    drawn = course(seed)
    assert np.all(np.diff(drawn.z_mm) > 0)
    step = np.hypot(np.diff(drawn.z_mm), np.diff(drawn.y_mm))
    np.testing.assert_allclose(step, np.diff(drawn.s_mm), rtol=1e-6)
    s, x, y, _ = drawn.at_rows(SIZE[1], SPACING_MM[1])
    assert s[0] == pytest.approx(-30, abs=0.5)
    assert 0.1 * SIZE[2] * SPACING_MM[2] < y.min() < y.max() < 0.95 * SIZE[2] * SPACING_MM[2]
    assert np.abs(x - SIZE[0] * SPACING_MM[0] / 2).max() < 12


def test_spines_are_curved_each_in_its_way():
    slopes = np.array([course(seed).at_rows(SIZE[1], SPACING_MM[1])[3] for seed in range(30)])
    assert np.ptp(slopes, axis=1).min() > 0.05
    assert slopes.std(axis=0).min() > 0.04
    assert np.abs(slopes).max() < 1.2


def test_the_sacrum_tilts_backwards_and_curves_forward_again():
    tilts = []
    for seed in range(40):
        s1_mm = S1_MM * (0.9 + 0.005 * seed)  # of small and tall people
        drawn = draw_course(
            np.random.default_rng(seed), top_mm=s1_mm - 240, size=(9, 310, 230), spacing_mm=(4, 1, 1), s1_mm=s1_mm
        )
        angle = np.degrees(np.arctan(np.gradient(drawn.y_mm, drawn.z_mm)))
        places = s1_mm * (1 + np.array([-120, 45, 110]) / S1_MM)
        tilts.append([angle[np.abs(drawn.s_mm - place) < 10].mean() for place in places])
    l3, s2, s5 = np.transpose(tilts)
    # sacra of public lumbar scans tilt by 40 to 50 degrees
    assert 38 <= np.median(s2) <= 48
    assert np.all(s2 > l3 + 20)
    assert np.all(s5 < s2 - 15)


def test_the_tables_of_the_lower_spine_follow_a_persons_sacrum():
    s1_mm = 1.1 * S1_MM
    assert place_in_tables(np.array([-50.0, 200, LOIN_MM, s1_mm, s1_mm + 110]), s1_mm).tolist() == [
        *(-50, 200, LOIN_MM, S1_MM),
        pytest.approx(S1_MM + 100),
    ]
    s = np.arange(LOIN_MM - 50, s1_mm + 150)
    assert np.all(np.diff(place_in_tables(s, s1_mm)) > 0)


# Bones


@pytest.mark.parametrize("seed", SEEDS)
def test_vertebrae_stand_one_below_the_other_and_differ(seed):
    bones = draw_skeleton(np.random.default_rng(seed))
    heights = np.diff(bones.edges)
    assert heights.size == len(HEIGHTS_MM)
    assert np.all(heights > 10)
    assert heights.sum() == pytest.approx(sum(HEIGHTS_MM), rel=0.25)
    assert np.std(heights[2:7]) > 0.1
    middles = (bones.edges[:-1] + bones.edges[1:]) / 2
    index, share, height = bones.vertebra(middles.astype(np.float32))
    assert index.tolist() == list(range(len(HEIGHTS_MM)))
    np.testing.assert_allclose(share, 0.5, atol=1e-4)
    np.testing.assert_allclose(height, heights, rtol=1e-5)


def test_the_anatomy_has_its_landmarks():
    bones = draw_skeleton(np.random.default_rng(0))
    assert L1 == 19
    assert S1 == 24
    assert bones.depth[L1] > bones.depth[3]
    assert bones.spinous_slope[13] > 3 * bones.spinous_slope[4]  # T7 and C5
    assert np.all((bones.wetness >= 0) & (bones.wetness <= 1))
    assert np.all(bones.bulge <= 2.2)
    assert np.all(np.diff(bones.depth[S1:]) < 0)
    assert bones.depth[-1] < 0.4 * bones.depth[S1]


def test_values_of_vertebrae_become_a_smooth_curve():
    edges, values = np.array([0.0, 10, 20, 30]), np.array([1.0, 2, 3])
    assert smooth_along(edges, values, np.array([5.0, 15, 25]), 0.5).tolist() == pytest.approx([1, 2, 3], abs=0.1)


# Canal and cord


def test_the_cord_tapers_to_its_tip_and_is_as_large_as_published():
    s = np.arange(-60.0, 500, 0.5)
    sizes = [draw_canal(np.random.default_rng(seed), s, 440.0) for seed in range(20)]
    c5, t8 = np.searchsorted(s, 75), np.searchsorted(s, 240)
    # C5: 7.4 x 13.3 mm, T8: 6.3 x 8.3 mm
    for index, depth, width in ((c5, 7.4, 13.3), (t8, 6.3, 8.3)):
        assert np.mean([2 * one.cord_ap[index] for one in sizes]) == pytest.approx(depth, rel=0.08)
        assert np.mean([2 * one.cord_rl[index] for one in sizes]) == pytest.approx(width, rel=0.13)
    taper = sizes[0].taper(np.array([100.0, 415, 427.5, 440, 460]))
    assert taper.tolist() == pytest.approx([1, 1, 0.5**0.5, 0.02**0.5, 0.02**0.5])
    for one in sizes:
        assert np.all(one.canal_ap[s > 0] > one.cord_ap[s > 0])


def test_the_dural_sac_ends_in_the_middle_of_the_sacrum():
    s1_mm = 600.0
    s = np.arange(300.0, 800, 0.5)
    for seed in range(10):
        sac = draw_canal(np.random.default_rng(seed), s, 440.0, s1_mm).canal_ap
        l5, s2, s4 = (sac[np.searchsorted(s, s1_mm + below)] for below in (-15, 45, 90))
        assert l5 > 5
        assert 0.35 * l5 < s2 < 0.8 * l5
        assert s4 < 0.25 * l5


def test_grey_matter_is_a_butterfly():
    assert grey_matter(np.array([0.36, -0.36, 0.0]), np.array([0.4, 0.4, 0.0])).tolist() == [1, 1, 1]
    assert grey_matter(np.array([0.0, 0.8, 0.36]), np.array([0.4, 0.0, 0.9])).tolist() == [0, 0, 0]


# Painting


def test_paint_blends_both_images_and_texture_multiplies():
    paint = Paint(np.zeros(3, np.float32), np.ones(3, np.float32))
    paint.paint(np.array([0, 0.5, 1], np.float32), Tissue(0.8, 0.4), np.array([1, 1, 0.5], np.float32))
    np.testing.assert_allclose(paint.t2, [0, 0.4, 0.4])
    np.testing.assert_allclose(paint.t1, [1, 0.7, 0.2], rtol=1e-6)
    Paint(np.zeros(3, np.float32), None).paint(np.ones(3, np.float32), Tissue(1, 1))


def test_tissues_lie_in_their_ranges():
    tissues = draw_tissues(np.random.default_rng(0))
    for name, (t2, t1) in TISSUES.items():
        assert t2[0] <= tissues[name].t2 <= t2[1]
        assert t1[0] <= tissues[name].t1 <= t1[1]


def test_grain_has_unit_variance_and_changes_gradually_across_slices():
    grain = Grain(np.random.default_rng(0), (200, 150), (3, 3), 10.0)
    slices = [grain.at(x) for x in (20.0, 22.0, 55.0)]
    assert all(field.shape == (200, 150) for field in slices)
    assert slices[0].std() == pytest.approx(1, abs=0.15)
    near, far = (np.corrcoef(slices[0].ravel(), other.ravel())[0, 1] for other in slices[1:])
    assert near > 0.9
    assert abs(far) < 0.2


def test_grain_in_a_band_is_the_same_wherever_it_is_asked_for():
    s, n = np.meshgrid(np.arange(60, dtype=np.float32), np.arange(30, dtype=np.float32), indexing="ij")
    flat = np.arange(s.size, dtype=np.int32)
    band = Band(pixels=flat, s=s.ravel(), n=n.ravel(), x=np.zeros(s.size, np.float32))
    part = Band(pixels=flat[:600], s=band.s[:600], n=band.n[:600], x=band.x[:600])
    whole, some = (each.grain(np.random.default_rng(2), 8, 3, 5).at(4.0) for each in (band, band))
    np.testing.assert_array_equal(whole, some)
    assert part.grain(np.random.default_rng(2), 8, 3, 5).at(4.0).shape == (600,)
    field = whole.reshape(60, 30)
    along, across = (np.abs(np.diff(field, axis=axis)).mean() for axis in (0, 1))
    assert along < 0.7 * across


# The whole spine


def drawn(level="cervical", seed=0, **given):
    return procedural_background(np.random.default_rng(seed), level=level, spacing_mm=SPACING_MM, size=SIZE, **given)


@pytest.mark.parametrize("level", FIELD_TOPS_MM)
def test_the_cord_lies_where_the_frame_says(level):
    background = drawn(level)
    frame, cord = background.frame, background.cord
    assert cord.dtype == background.t2.dtype == background.t1c.dtype == np.float32
    assert 0 <= cord.min() <= cord.max() <= 1
    for row in range(5, SIZE[1] - 5, 12):
        section = cord[:, row]
        if row > frame.end_row - 4:  # the last mm of the tip
            assert section.sum() < 3
            continue
        x = (section.sum(1) @ np.arange(SIZE[0])) / section.sum() * SPACING_MM[0]
        y = (section.sum(0) @ np.arange(SIZE[2])) / section.sum() * SPACING_MM[2]
        assert frame.x_mm[row] == pytest.approx(x, abs=0.8)
        assert frame.y_mm[row] == pytest.approx(y, abs=0.8)
        area = section.sum() * SPACING_MM[0] * SPACING_MM[2]
        assert area == pytest.approx(np.pi * frame.rl_mm[row] * frame.ap_mm[row], rel=0.3)


def test_levels_follow_one_another_and_name_their_region():
    frame = drawn("cervical-thoracic").frame
    known = frame.level[frame.level > 0]
    assert np.all(np.isin(np.diff(known), (0, 1)))
    assert set(frame.region[(frame.level >= 1) & (frame.level <= 7)]) == {1}
    assert set(frame.region[(frame.level >= 8) & (frame.level <= 19)]) == {2}
    assert set(frame.region[frame.level == 0]) <= {0}


def test_fluid_is_bright_on_t2w_and_dark_on_t1c_and_fat_bright_on_both():
    background = drawn("thoracic")
    frame = background.frame
    middle = round(float(frame.x_mm.mean()) / SPACING_MM[0])
    row = SIZE[1] // 2
    beside = round((frame.y_mm[row] + frame.ap_mm[row] + 1.5) / SPACING_MM[2])
    assert background.t2[middle, row, beside] > 0.6
    assert background.t1c[middle, row, beside] < 0.4
    assert background.t2[middle].max() > 0.4


def test_without_t1c_the_t2w_image_is_the_same():
    with_it, without = drawn(), drawn(with_t1c=False)
    assert without.t1c is None
    np.testing.assert_array_equal(with_it.t2, without.t2)


def test_every_level_has_its_field_of_view():
    assert FIELD_TOPS_MM.keys() == REGION_OF_LEVEL.keys()
