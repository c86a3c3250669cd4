"""Where a map lies: one zone for each map, by hand and by property; regions and their means by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinal_tf.evaluation.activation import map_activation
from spinal_tf.results import Zone

SPACING_MM = (3.0, 1.0, 1.0)
REGIONS = ("core", "rim", "perilesional", "elsewhere")


def zone_of(heatmap, mask, spacing_mm):
    return map_activation(heatmap, mask, spacing_mm).zone


# Zones


def square():
    """A lesion of 4 x 5 pixels of 1 mm on the middle one of five slices; 2 x 3 of them are its core."""
    mask = np.zeros((5, 40, 42), bool)
    mask[2, 10:14, 10:15] = True
    return mask


def block(rows, columns, slices=slice(2, 3)):
    heatmap = np.zeros((5, 40, 42), np.float32)
    heatmap[slices, slice(*rows), slice(*columns)] = 0.7
    return heatmap


@pytest.mark.parametrize(
    ("heatmap", "zone"),
    [
        (block((11, 13), (11, 14)), Zone.CORE),
        (block((10, 14), (10, 15)), Zone.LESION),
        (block((10, 14), (10, 15)) - block((11, 13), (11, 14)), Zone.LESION),  # the rim is part of it
        (block((8, 16), (8, 17)), Zone.LESION),  # the lesion, and some of its surroundings
        (block((6, 10), (10, 15)), Zone.PERILESIONAL),  # on one side alone
        (block((6, 18), (6, 19)) - block((10, 14), (10, 15)), Zone.PERILESIONAL),  # all around
        (block((30, 34), (30, 35)), Zone.ELSEWHERE),
        (block((0, 40), (0, 42)), Zone.ELSEWHERE),  # everywhere is nowhere
        (block((10, 14), (10, 15), slices=slice(4, 5)), Zone.ELSEWHERE),  # 6 mm beside the lesion's slice
        (block((0, 0), (0, 0)), Zone.NONE),
    ],
)
def test_a_map_is_active_where_it_was_drawn(heatmap, zone):
    assert zone_of(heatmap, square(), SPACING_MM) is zone


@pytest.mark.parametrize(("rim", "zone"), [(0.49, Zone.CORE), (0.5, Zone.LESION), (0.51, Zone.LESION)])
def test_the_core_is_it_where_the_rim_is_below_half_of_it(rim, zone):
    heatmap = rim * square()
    heatmap[2, 11:13, 11:14] = 1
    assert zone_of(heatmap, square(), SPACING_MM) is zone


@pytest.mark.parametrize(("around", "zone"), [(0.59, Zone.LESION), (0.6, Zone.LESION), (0.61, Zone.PERILESIONAL)])
def test_the_surroundings_are_it_where_they_are_above_the_lesion(around, zone):
    # The band is 12 x 13 pixels without the lesion's and, at each corner, those further away than 5 mm: all of it lies
    # in this block, whose corners are elsewhere.
    heatmap = around * (block((5, 19), (5, 20)) > 0)
    heatmap[square()] = 0.6
    assert zone_of(heatmap, square(), SPACING_MM) is zone


def test_near_must_lie_more_than_halfway_from_chance_to_the_best():
    # On the slice of 40 x 42, near are 20 lesion pixels and a band of 90 + 4 c, where c pixels of a corner lie within
    # 5 mm. With 1 in the lesion and h in n pixels far away, n = 20 more than needed for the best, near's level is 20 of
    # all near, chance (20 + 20 h) of the slice, and best (20 + 20 h) of all near, while h is at most 1.
    corner = sum(a * a + b * b <= 25 for a in range(1, 6) for b in range(1, 6))
    near, slice_size = 20 + 90 + 4 * corner, 40 * 42
    # 20 / near - chance = (best - chance) / 2 where 20 / near = (20 + 20 h) (1 / near + 1 / slice) / 2.
    balance = 2 / near / (1 / near + 1 / slice_size) - 1
    for change, zone in ((-0.01, Zone.LESION), (0.01, Zone.ELSEWHERE)):
        heatmap = square().astype(float)
        heatmap[2, 30:34, 30:35] = balance + change
        assert zone_of(heatmap, square(), SPACING_MM) is zone


def test_a_lesion_too_thin_for_a_core_is_active_as_a_whole():
    mask = np.zeros((5, 40, 42), bool)
    mask[2, 10:12, 10:30] = True
    assert zone_of(mask.astype(float), mask, SPACING_MM) is Zone.LESION


def test_where_everything_is_near_nothing_is_elsewhere():
    mask = np.zeros((1, 6, 8), bool)
    mask[0, 2:4, 2:6] = True
    assert zone_of(np.ones(mask.shape), mask, SPACING_MM) is Zone.LESION
    assert zone_of(np.ones(mask.shape), np.ones(mask.shape, bool), SPACING_MM) is Zone.LESION
    assert zone_of(1.0 * ~mask, mask, SPACING_MM) is Zone.PERILESIONAL


def test_without_lesion_there_is_no_zone():
    assert zone_of(np.ones((5, 40, 42)), np.zeros((5, 40, 42), bool), SPACING_MM) is Zone.NONE


def test_slices_without_lesion_count_for_nothing():
    heatmap = block((10, 14), (10, 15))
    heatmap[[1, 3]] = 1  # beside the lesion; these slices were not explained
    assert zone_of(heatmap, square(), SPACING_MM) is Zone.LESION


def test_a_coarse_map_over_a_thin_lesion_is_the_lesions_although_most_of_it_lies_outside():
    mask = np.zeros((1, 160, 160), bool)
    mask[0, 60:100, 75:85] = True
    row, column = np.indices((160, 160))
    tent = np.clip(1 - np.hypot(row - 80, column - 88) / 40, 0, 1)[None]
    near = np.zeros_like(mask)
    near[0, 55:105, 70:90] = True
    assert tent[~near].sum() > tent[near].sum()
    assert zone_of(tent, mask, SPACING_MM) is Zone.LESION
    assert zone_of(np.roll(tent, 50, axis=2), mask, SPACING_MM) is Zone.ELSEWHERE


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_values_that_no_map_has_are_refused(value):
    heatmap = block((10, 14), (10, 15))
    heatmap[0, 0, 0] = value
    with pytest.raises(ValueError, match="negative or not finite"):
        zone_of(heatmap, square(), SPACING_MM)


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"heat map of shape \(5, 40, 41\) for a mask of shape \(5, 40, 42\)"):
        zone_of(block((10, 14), (10, 15))[..., 1:], square(), SPACING_MM)


def drawn(seed):
    """A smooth map and a lesion, both by chance; all five zones come up."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((3, 20, 24), bool)
    top, left = rng.integers(1, 12, 2)
    mask[1 : 1 + rng.integers(1, 3), top : top + rng.integers(2, 8), left : left + rng.integers(2, 8)] = True
    places = np.moveaxis(np.indices(mask.shape), 0, -1)
    centre = np.array([1, top + rng.integers(-4, 9), left + rng.integers(-4, 9)])
    heatmap = np.clip(1 - np.linalg.norm((places - centre) * (3, 1, 1), axis=-1) / rng.uniform(1, 8), 0, None)
    return heatmap * (rng.random() > 0.05), mask


def test_maps_by_chance_come_into_every_zone():
    assert {zone_of(*drawn(seed), SPACING_MM) for seed in range(200)} == set(Zone)


@given(seed=st.integers(0, 10_000), factor=st.floats(1e-6, 1e6))
def test_scaling_a_map_changes_nothing(seed, factor):
    heatmap, mask = drawn(seed)
    assert zone_of(factor * heatmap, mask, SPACING_MM) is zone_of(heatmap, mask, SPACING_MM)


@given(seed=st.integers(0, 10_000), flips=st.sets(st.integers(0, 2)), turned=st.booleans())
def test_moving_voxels_and_spacing_together_changes_nothing(seed, flips, turned):
    heatmap, mask = drawn(seed)
    expected = zone_of(heatmap, mask, (3.0, 0.8, 1.3))
    moved = [np.flip(array, tuple(flips)) for array in (heatmap, mask)]
    spacing_mm = (3.0, 0.8, 1.3)
    if turned:
        moved, spacing_mm = [array.swapaxes(1, 2) for array in moved], (3.0, 1.3, 0.8)
    assert zone_of(*moved, spacing_mm) is expected


# Means


def means_of(heatmap, mask, spacing_mm=SPACING_MM):
    return dict(map_activation(heatmap.astype(np.float32), mask, spacing_mm).means)


def voxels_of(mask, spacing_mm=SPACING_MM):
    """Number of voxels of each region, from what one voxel adds to its mean."""
    counts = dict.fromkeys(REGIONS, 0)
    for voxel in np.argwhere(np.broadcast_to(mask.any(axis=(1, 2), keepdims=True), mask.shape)):
        heatmap = np.zeros(mask.shape)
        heatmap[tuple(voxel)] = 1
        [region] = [name for name, mean in means_of(heatmap, mask, spacing_mm).items() if mean > 0]
        counts[region] += 1
    return counts


def test_regions_of_a_square_lesion_by_hand():
    # A 4 x 5 lesion on one slice, pixels of 1 mm: 2 x 3 core pixels and 14 of rim. 5 mm around it lie 5 pixels beyond
    # each side and, at the corners, the pixels with a^2 + b^2 <= 25.
    mask = np.zeros((3, 16, 17), bool)
    mask[1, 6:10, 6:11] = True
    corner = sum(a * a + b * b <= 25 for a in range(1, 6) for b in range(1, 6))
    band = 2 * 5 * (4 + 5) + 4 * corner
    assert voxels_of(mask) == {"core": 6, "rim": 14, "perilesional": band, "elsewhere": 16 * 17 - 20 - band}


def test_the_band_reaches_into_the_next_slice_that_holds_lesion_and_no_further():
    # A lesion of 4 x 5 pixels, and a pixel far away on the next slice, 3 mm on: there the band is the lesion's own
    # outline and what lies within 4 mm of it in the plane. The slices beyond are not explained.
    mask = np.zeros((4, 30, 31), bool)
    mask[1, 6:10, 6:11] = mask[2, 25, 26] = True
    own, rest = np.zeros((2, *mask.shape))
    own[2, 6:10, 6:11] = rest[0] = rest[3] = 1
    corner = sum(a * a + b * b <= 16 for a in range(1, 5) for b in range(1, 5))
    next_slice = 20 + 2 * 4 * (4 + 5) + 4 * corner
    counts = voxels_of(mask)
    alone, pixel = voxels_of(mask[1:2]), voxels_of(mask[2:3])
    # The far pixel's band lies within 4 mm in the lesion's slice: 4 to each side, and the corners.
    into_the_first = 1 + 4 * 4 + 4 * corner
    assert counts["perilesional"] == alone["perilesional"] + pixel["perilesional"] + next_slice + into_the_first
    assert means_of(own, mask)["perilesional"] == pytest.approx(20 / counts["perilesional"])
    assert set(means_of(rest, mask).values()) == {0.0}


def test_a_mean_is_over_the_voxels_of_its_region():
    mask = square()
    heatmap = 0.2 * np.ones(mask.shape) + 0.3 * mask
    heatmap[2, 11:13, 11:14] = 1  # the core
    heatmap[2, 30, 30] = 1
    elsewhere = voxels_of(mask[2:3])["elsewhere"]
    expected = {"core": 1, "rim": 0.5, "perilesional": 0.2, "elsewhere": 0.2 + 0.8 / elsewhere}
    assert means_of(heatmap, mask) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("voxel", "region"),
    [
        ((2, 11, 12), "core"),
        ((2, 10, 12), "rim"),
        ((2, 13, 14), "rim"),
        ((2, 9, 12), "perilesional"),
        ((2, 5, 12), "perilesional"),
        ((2, 4, 12), "elsewhere"),
        ((3, 11, 12), None),  # beside the lesion, on a slice that is not explained
        ((4, 11, 12), None),
    ],
)
def test_activation_at_one_voxel_belongs_to_one_region(voxel, region):
    mask = np.zeros((5, 24, 26), bool)
    mask[2, 10:14, 10:15] = True
    heatmap = np.zeros(mask.shape)
    heatmap[voxel] = 0.3
    assert [name for name, mean in means_of(heatmap, mask).items() if mean > 0] == ([region] if region else [])


@pytest.mark.parametrize(
    ("pixel_mm", "core_rows"), [(0.4, 10 - 2 * 2), (0.5, 10 - 2 * 2), (0.7, 10 - 2 * 1), (1.3, 10 - 2 * 1)]
)
def test_the_rim_is_a_millimeter_deep_but_at_least_a_pixel(pixel_mm, core_rows):
    # Core rows lie further than max(1 mm, a pixel) from the row outside: row k is (k + 1) pixels away.
    mask = np.zeros((1, 14, 14), bool)
    mask[0, 2:12, 2:12] = True
    counts = voxels_of(mask, (3.0, pixel_mm, pixel_mm))
    assert (counts["core"], counts["rim"]) == (core_rows**2, 100 - core_rows**2)


def test_a_lesion_too_thin_for_a_core_is_all_rim():
    mask = np.zeros((3, 10, 10), bool)
    mask[1, 4:6, 2:8] = True
    means = means_of(mask, mask)
    assert means["rim"] == 1
    assert np.isnan(means["core"])


def test_the_edge_of_the_image_is_not_the_edge_of_the_lesion():
    mask = np.zeros((1, 4, 6), bool)
    mask[0, :, :3] = True
    counts = voxels_of(mask)
    assert (counts["core"], counts["rim"]) == (8, 4)
    assert means_of(np.ones((1, 4, 6)), np.ones((1, 4, 6), bool))["core"] == 1


def test_an_empty_map_has_means_of_zero():
    mask = square()
    assert set(means_of(np.zeros(mask.shape), mask).values()) == {0.0}


def test_without_lesion_no_region_has_a_voxel():
    means = means_of(np.ones((2, 3, 4)), np.zeros((2, 3, 4), bool))
    assert tuple(means) == REGIONS
    assert np.isnan(list(means.values())).all()


@given(seed=st.integers(0, 1000), lesions=st.floats(0.01, 1))
def test_core_and_rim_are_the_lesion_whatever_the_map_and_mask(seed, lesions):
    rng = np.random.default_rng(seed)
    heatmap, mask = rng.random((3, 7, 9)), rng.random((3, 7, 9)) < lesions
    found = {name: mean for name, mean in means_of(heatmap, mask, (3.3, 0.6, 0.9)).items() if not np.isnan(mean)}
    assert all(0 <= mean <= 1 for mean in found.values())
    inside = [found[name] for name in ("core", "rim") if name in found]
    assert not mask.any() or min(inside) - 1e-6 <= heatmap[mask].mean() <= max(inside) + 1e-6
