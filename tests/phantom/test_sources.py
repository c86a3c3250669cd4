from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from spinal_tf.errors import VolumeError
from spinal_tf.phantom import sources
from spinal_tf.phantom.frame import REGION_OF_LEVEL, REGIONS, View, region_of_level
from spinal_tf.phantom.scan import scan_background
from spinal_tf.phantom.simulated_case import simulate_case
from spinal_tf.phantom.sources import drawn_spine, from_scans, from_template, read_scan, read_template
from spinal_tf.phantom.template import Template, template_background
from spinal_tf.phantom.vary import vary_background
from spinal_tf.taxonomy import ASTROCYTOMA, MS

SPACING_MM = (2.0, 0.9, 1.0)
SHAPE = (21, 80, 90)
SEEDS = range(12)


def scan(shape=SHAPE):
    """A cord (60) on a slanting course in a canal of fluid (200) in muscle that gets brighter downwards (20 to 40)."""
    x, y = np.arange(shape[0]) - 10, np.arange(shape[2])
    middle = 40 + 0.1 * np.arange(shape[1])
    dx, dy = x[:, None, None] * SPACING_MM[0], (y[None, :] - middle[:, None])[None]
    muscle = np.linspace(20, 40, shape[1])[None, :, None] * np.ones(shape)
    cord = np.hypot(dx / 6, dy / 4) < 1
    t2 = np.where(cord, 60, np.where(np.hypot(dx / 11, dy / 8) < 1, 200, muscle)).astype(np.float32)
    return scan_background(t2, cord, SPACING_MM)


def varied(seed, background=None):
    return vary_background(np.random.default_rng(seed), background or scan())


def view(level="cervical", fine_mm=1.75, fine_slices=26, with_t1c=False):
    return View(level=level, fine_mm=fine_mm, fine_slices=fine_slices, with_t1c=with_t1c)


# Other people of the same background


@pytest.mark.parametrize("seed", SEEDS)
def test_the_frame_still_runs_through_the_middle_of_the_cord(seed):
    person = varied(seed)
    frame = person.frame
    for row in range(3, person.t2.shape[1] - 3, 9):
        section = person.cord[:, row]
        x = (section.sum(1) @ np.arange(section.shape[0])) / section.sum() * frame.spacing_mm[0]
        y = (section.sum(0) @ np.arange(section.shape[1])) / section.sum() * frame.spacing_mm[2]
        # the course of the scan was smoothed and is shown on a grid of 2 mm by 1 mm
        assert frame.x_mm[row] == pytest.approx(x, abs=0.4)
        assert frame.y_mm[row] == pytest.approx(y, abs=0.4)


@pytest.mark.parametrize("seed", SEEDS)
def test_sizes_and_spacing_scale_together_and_the_sides_are_cut(seed):
    before, after = scan().frame, varied(seed).frame
    scale = after.spacing_mm[1] / before.spacing_mm[1]
    assert 0.8 <= scale <= 1.2
    assert after.spacing_mm == pytest.approx((2.0, 0.9 * scale, 1.0 * scale))
    np.testing.assert_allclose(after.ap_mm, before.ap_mm * scale)
    np.testing.assert_allclose(after.rl_mm, before.rl_mm)
    np.testing.assert_allclose(after.vertebra_mm, before.vertebra_mm * scale)
    assert SHAPE[0] - 2 * 3 <= varied(seed).t2.shape[0] <= SHAPE[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_another_contrast_keeps_the_order_of_tissues_and_the_level_of_fluid(seed):
    person = varied(seed)
    assert person.csf_level == 200
    assert 25 < person.cord_level < 150
    core = ndimage.binary_erosion(person.cord > 0.99, iterations=2)
    assert np.median(person.t2[core]) == pytest.approx(person.cord_level, rel=1e-3)
    assert person.gain == pytest.approx(np.ones(person.gain.size), rel=0.05)
    assert person.t2.dtype == np.float32
    assert person.t2.min() >= 0


def test_people_differ_and_the_same_seed_gives_the_same_one():
    one, same, other = varied(0), varied(0), varied(1)
    np.testing.assert_array_equal(one.t2, same.t2)
    assert one.t2.shape != other.t2.shape or not np.array_equal(one.t2, other.t2)


def test_the_background_that_is_varied_stays_as_it_is():
    background = scan()
    before = background.t2.copy(), background.cord.copy(), background.frame.y_mm.copy()
    varied(3, background)
    for kept, now in zip(before, (background.t2, background.cord, background.frame.y_mm), strict=True):
        np.testing.assert_array_equal(kept, now)


# An average spine


def average_spine():
    """A straight cord of 220 mm, C3 to T7 in steps of 20 mm, on a grid of 2 x 1 x 1 mm with air in the corner."""
    shape = (17, 220, 70)
    dx = (np.arange(17)[:, None, None] - 8) * 2.0
    dy = (np.arange(70)[None, None, :] - 35) * 1.0
    cord = (np.hypot(dx / 6, dy / 4) < 1) & np.ones(shape, bool)
    canal = (np.hypot(dx / 10, dy / 7) < 1) & np.ones(shape, bool)
    t2 = np.where(cord, 30.0, np.where(canal, 100.0, 50.0)).astype(np.float32)
    t2[:, :, :8] = 0
    levels = np.where(cord, 3 + np.arange(220)[None, :, None] // 20, 0)
    return Template(t2=t2, cord=cord, levels=levels.astype(np.uint8), spacing_mm=(2.0, 1.0, 1.0))


def cut(seed, **wanted):
    return template_background(np.random.default_rng(seed), average_spine(), view(**wanted))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_view_of_the_template_has_the_wanted_grid_and_shows_the_wanted_region(seed):
    background = cut(seed, level="thoracic")
    slice_mm, row_mm, column_mm = background.frame.spacing_mm
    assert slice_mm == 1.75
    assert 0.6 <= row_mm == column_mm <= 0.95
    assert background.t2.shape[0] * 1.75 == pytest.approx(17 * 2.0, abs=1.75)
    assert (background.frame.region == REGIONS.index("thoracic")).any()
    middle = background.t2.shape[1] // 2
    assert background.frame.level[middle] >= 1


@pytest.mark.parametrize("seed", SEEDS)
def test_cord_and_fluid_keep_their_levels_and_the_rest_is_painted_anew(seed):
    background = cut(seed)
    core = ndimage.binary_erosion(background.cord > 0, iterations=2)
    assert background.t2[core].mean() == pytest.approx(30, rel=0.1)
    assert background.csf_level == pytest.approx(100, rel=0.15)
    muscle = background.t2[0, :, background.t2.shape[2] // 2]
    assert muscle.std() >= 0
    assert background.t2.dtype == np.float32


def test_tissues_outside_the_canal_differ_from_person_to_person():
    levels = [np.median(cut(seed).t2[0]) for seed in range(8)]
    assert np.ptp(levels) > 15


def test_levels_of_the_template_lie_where_they_lay():
    background = cut(2)
    level = background.frame.level[np.isfinite(background.frame.x_mm)]
    assert np.all(np.diff(level) >= 0)
    assert 3 <= level.min() <= level.max() <= 13
    # 20 mm of one level at the spacing of the rows
    rows = np.bincount(level)[level.min() + 1 : level.max()]
    np.testing.assert_allclose(rows * background.frame.spacing_mm[1], 20, atol=1.5)
    expected = region_of_level(background.frame.level[background.frame.level > 0])
    np.testing.assert_array_equal(background.frame.region[background.frame.level > 0], expected)


def test_region_of_level_by_hand():
    # C1, C7, T1, T12, L1, S1
    assert region_of_level(np.array([1, 7, 8, 19, 20, 25])).tolist() == [1, 1, 2, 2, 3, 3]
    assert [REGIONS[i] for i in region_of_level(np.array([7, 8, 20]))] == ["cervical", "thoracic", "lumbar"]


# Sources


def test_a_source_of_scans_uses_all_of_them():
    dark, bright = scan(), scan()
    bright = scan_background(bright.t2 * 10, bright.cord > 0, SPACING_MM)
    source = from_scans([dark, bright])
    levels = {source(np.random.default_rng(seed), view()).csf_level for seed in range(20)}
    assert levels == {200, 2000}
    case = simulate_case(np.random.default_rng(0), MS, source)
    assert case.mask.any()


def test_a_source_of_a_template_follows_the_level_and_the_thickness():
    background = from_template(average_spine())(np.random.default_rng(0), view("thoracic", 1.25))
    assert background.frame.spacing_mm[0] == 1.25
    first, last = REGION_OF_LEVEL["thoracic"]
    assert ((background.frame.region >= first) & (background.frame.region <= last)).sum() > 20


def test_a_drawn_spine_has_the_size_that_is_usual_for_its_level(monkeypatch):
    asked = []
    monkeypatch.setattr(sources, "procedural_background", lambda rng, **given: asked.append(given))
    for seed in range(40):
        drawn_spine(np.random.default_rng(seed), view("thoracic", 1.75, 26, with_t1c=True))
    for given in asked:
        spacing_mm, size = given["spacing_mm"], given["size"]
        assert spacing_mm[0] == 1.75
        assert 0.6 <= spacing_mm[1] == spacing_mm[2] <= 0.95
        assert size[0] == 26
        assert 259 <= size[1] * spacing_mm[1] <= 341
        assert given["with_t1c"]


# Reading


def write_scan(folder, write_nifti, cord=None):
    folder.mkdir()
    background = scan()
    # Fluid of a single value would count as padding.
    noise = np.random.default_rng(0).normal(1, 0.02, SHAPE).astype(np.float32)
    background = replace(background, t2=background.t2 * noise)
    affine = np.array([[-2.0, 0, 0, 10], [0, 0, -1.0, 20], [0, -0.9, 0, 30], [0, 0, 0, 1]])
    write_nifti(folder / "t2.nii.gz", background.t2, affine)
    drawn = (background.cord > 0 if cord is None else cord).astype(np.uint8)
    write_nifti(folder / "t2_cord-manual.nii.gz", drawn, affine)
    return background


def test_a_scan_is_read_with_its_cord_mask(tmp_path, write_nifti):
    written = write_scan(tmp_path / "one", write_nifti)
    read = read_scan(tmp_path / "one")
    np.testing.assert_array_equal(read.t2, written.t2)
    np.testing.assert_array_equal(read.cord, written.cord)
    assert read.frame.spacing_mm == pytest.approx(SPACING_MM)


@pytest.mark.parametrize("count", [0, 2])
def test_a_scan_needs_exactly_one_cord_mask(tmp_path, write_nifti, count):
    write_scan(tmp_path / "one", write_nifti)
    mask = tmp_path / "one" / "t2_cord-manual.nii.gz"
    if count:
        (tmp_path / "one" / "t2_cord.nii.gz").write_bytes(mask.read_bytes())
    else:
        mask.unlink()
    with pytest.raises(VolumeError, match=rf"holds {count or 'no'} files t2_cord.*but one is needed"):
        read_scan(tmp_path / "one")


def test_a_scan_whose_cord_is_too_short_is_named(tmp_path, write_nifti):
    short = np.zeros(SHAPE, bool)
    short[8:13, 4:10, 38:45] = True
    write_scan(tmp_path / "short", write_nifti, short)
    with pytest.raises(VolumeError, match=rf"^{tmp_path}/short: the cord mask covers 6 rows; at least 20"):
        read_scan(tmp_path / "short")


def test_an_unusable_image_is_named_with_its_folder(tmp_path, write_nifti):
    one = tmp_path / "one"
    write_scan(one, write_nifti)
    (one / "t2_cord-manual.nii.gz").write_bytes(b"")
    with pytest.raises(VolumeError, match=rf"^{one}/t2_cord-manual\.nii\.gz: is empty"):
        read_scan(one)
    for name in ("a_t2", "a_cord", "a_levels"):
        (tmp_path / f"{name}.nii.gz").write_bytes(b"")
    with pytest.raises(VolumeError, match=rf"^{tmp_path}/a_t2\.nii\.gz: is empty"):
        read_template(tmp_path)


def test_a_template_is_read_with_labels_of_the_cord_alone(tmp_path, write_nifti):
    spine = average_spine()
    affine = np.array([[-2.0, 0, 0, 10], [0, 0, -1.0, 20], [0, -1.0, 0, 30], [0, 0, 0, 1]])
    wide = np.where(spine.cord.any(axis=(0, 2))[None, :, None], spine.levels.max(axis=(0, 2))[None, :, None], 0)
    write_nifti(tmp_path / "x_t2.nii.gz", spine.t2, affine)
    write_nifti(tmp_path / "x_cord.nii.gz", spine.cord.astype(np.uint8), affine)
    write_nifti(tmp_path / "x_levels.nii.gz", (wide * np.ones(spine.t2.shape)).astype(np.uint8), affine)
    read = read_template(tmp_path)
    np.testing.assert_array_equal(read.t2, spine.t2)
    np.testing.assert_array_equal(read.levels, spine.levels)
    assert read.spacing_mm == pytest.approx(spine.spacing_mm)


@pytest.mark.real_data
def test_lesions_are_drawn_into_the_public_scans_and_template(real_data):
    scans = from_scans([read_scan(real_data / "real" / name) for name in ("errsm11", "sct_example")])
    for source in (scans, from_template(read_template(real_data / "template"))):
        case = simulate_case(np.random.default_rng(1), ASTROCYTOMA, source)
        assert case.mask.any()
        inside, outside = case.t2[case.mask].mean(), case.t2[case.cord & ~case.mask].mean()
        assert inside > outside
