import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from surface_distance import (
    compute_robust_hausdorff,
    compute_surface_dice_at_tolerance,
    compute_surface_distances,
    lookup_tables,
)

from spinal_tf.evaluation.surface import (
    CORNERS,
    element_areas_mm2,
    hausdorff_mm,
    normalised_surface_distance,
    surface_distances,
)
from spinal_tf.lesions import LENGTH_TOLERANCE_MM

SPACING_MM = (3.3, 0.7, 0.8)
SHAPE = (5, 9, 8)
SMALL_MASKS = arrays(bool, (4, 5, 6), elements=st.booleans())
SOME_MASKS = SMALL_MASKS.filter(np.any)
SPACINGS = st.tuples(*[st.sampled_from([0.4, 0.7, 1.0, 2.5, 4.0])] * 3)

# The package that this is checked against asks SciPy for names that will go away.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:surface_distance")


def box(slices, rows, columns, shape=SHAPE):
    mask = np.zeros(shape, bool)
    mask[slices, rows, columns] = True
    return mask


def area_mm2(mask, spacing_mm=SPACING_MM):
    return surface_distances(mask, mask, spacing_mm)[0].area_mm2.sum()


def faces_mm2(spacing_mm):
    a, b, c = spacing_mm
    return np.array([b * c, a * c, a * b])


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), SPACING_MM, (0.4, 5.0, 2.0)])
def test_areas_are_those_of_the_reference_implementation(spacing_mm):
    theirs = lookup_tables.create_table_neighbour_code_to_surface_area(spacing_mm)
    kernel = np.asarray(lookup_tables.ENCODE_NEIGHBOURHOOD_3D_KERNEL)
    for code, ours in enumerate(element_areas_mm2(spacing_mm)):
        inside = [corner for bit, corner in enumerate(CORNERS) if code >> bit & 1]
        assert ours == pytest.approx(theirs[sum(kernel[corner] for corner in inside)], abs=1e-12)


def test_area_of_one_voxel():
    # eight corners, each cut off by a triangle through the middles of three edges
    assert area_mm2(box(2, 3, 4)) == pytest.approx(np.linalg.norm(faces_mm2(SPACING_MM)))


def test_area_of_a_box():
    # 2 x 4 x 5 voxels: six faces, twelve bevelled edges, eight corners
    front, side, top = faces_mm2(SPACING_MM)
    faces = 2 * (3 * 4 * front + 1 * 4 * side + 1 * 3 * top)
    edges = 4 * (1 * math.hypot(side, top) + 3 * math.hypot(front, top) + 4 * math.hypot(front, side)) / 2
    corners = math.sqrt(front**2 + side**2 + top**2)
    assert area_mm2(box(slice(1, 3), slice(2, 6), slice(2, 7))) == pytest.approx(faces + edges + corners)


def test_a_mask_that_fills_its_array_has_a_surface_all_around():
    assert area_mm2(np.ones((2, 4, 5), bool)) == pytest.approx(
        area_mm2(box(slice(1, 3), slice(2, 6), slice(2, 7))),
    )


def test_a_ball_has_about_the_area_of_a_sphere():
    # a little more, as planes through the middles of edges follow the staircase of the voxels
    grid = np.ogrid[-12:13, -24:25, -20:21]
    ball = sum((axis * size) ** 2 for axis, size in zip(grid, (1.0, 0.5, 0.6), strict=True)) <= 10**2
    assert 1 < area_mm2(ball, (1.0, 0.5, 0.6)) / (4 * math.pi * 10**2) < 1.15


def test_inside_and_outside_have_the_same_surface():
    areas_mm2 = element_areas_mm2(SPACING_MM)
    assert areas_mm2 == pytest.approx(areas_mm2[::-1])
    assert areas_mm2[[0, 255]] == pytest.approx(0)


@pytest.mark.parametrize(("axis", "size_mm"), list(enumerate(SPACING_MM)))
def test_one_voxel_shifted_by_one(axis, size_mm):
    # of eight elements four are shared; the other four are one voxel away
    one = box(2, 3, 4)
    surfaces = surface_distances(one, np.roll(one, 1, axis), SPACING_MM)
    assert sorted(surfaces[0].distance_mm) == pytest.approx([0] * 4 + [size_mm] * 4)
    assert normalised_surface_distance(*surfaces, tolerance_mm=size_mm - 0.01) == pytest.approx(0.5)
    assert normalised_surface_distance(*surfaces, tolerance_mm=size_mm) == pytest.approx(1)
    assert hausdorff_mm(*surfaces, percentile=95) == pytest.approx(size_mm)
    assert hausdorff_mm(*surfaces, percentile=50) == 0


def test_percentile_is_weighted_by_area():
    # a plate of 20 x 20 voxels, and a voxel above it whose elements lie 5 and 6 mm from the plate's
    plate = box(0, slice(0, 20), slice(0, 20), (8, 20, 20))
    speck = box(6, 10, 10, (8, 20, 20))
    there, back = surface_distances(plate | speck, plate, (1.0, 1.0, 1.0))
    assert there.area_mm2[there.distance_mm > 0].sum() == pytest.approx(math.sqrt(3))
    share = 1 - math.sqrt(3) / there.area_mm2.sum()
    assert hausdorff_mm(there, back, 100 * share - 0.01) == 0
    assert hausdorff_mm(there, back, 100 * share + 0.01) == pytest.approx(5)
    assert hausdorff_mm(there, back, 100) == pytest.approx(6)


def test_hausdorff_is_the_larger_direction():
    small, large = box(2, 4, 4), box(2, 4, slice(1, 8))
    there, back = surface_distances(small, large, SPACING_MM)
    assert there.distance_mm.max() == pytest.approx(0)
    assert hausdorff_mm(there, back, 95) == hausdorff_mm(back, there, 95) == pytest.approx(3 * 0.8)


def test_a_distance_that_headers_round_up_is_within_the_tolerance():
    spacing_mm = (3.3, float(np.float32(0.1)), 0.8)  # ten rows are 1.0000000149 mm
    one = box(2, 1, 4, (5, 14, 8))
    surfaces = surface_distances(one, np.roll(one, 10, axis=1), spacing_mm)
    assert surfaces[0].distance_mm.max() > 1
    assert normalised_surface_distance(*surfaces, tolerance_mm=1) == pytest.approx(1)


def test_one_empty_mask():
    surfaces = surface_distances(box(2, 3, 4), np.zeros(SHAPE, bool), SPACING_MM)
    assert normalised_surface_distance(*surfaces, tolerance_mm=2) == 0
    assert hausdorff_mm(*surfaces, percentile=95) == math.inf


def test_two_empty_masks():
    surfaces = surface_distances(np.zeros(SHAPE, bool), np.zeros(SHAPE, bool), SPACING_MM)
    assert math.isnan(normalised_surface_distance(*surfaces, tolerance_mm=2))
    assert math.isnan(hausdorff_mm(*surfaces, percentile=95))


@given(SOME_MASKS, SOME_MASKS, SPACINGS)
@settings(deadline=None, max_examples=100)
def test_the_reference_implementation_measures_the_same(prediction, reference, spacing_mm):
    theirs = compute_surface_distances(reference, prediction, spacing_mm)
    there, back = surface_distances(prediction, reference, spacing_mm)
    assert np.sort(there.distance_mm) == pytest.approx(theirs["distances_pred_to_gt"])
    assert np.sort(back.distance_mm) == pytest.approx(theirs["distances_gt_to_pred"])
    assert there.area_mm2.sum() == pytest.approx(theirs["surfel_areas_pred"].sum())
    for tolerance_mm in (1, 2):
        their_nsd = compute_surface_dice_at_tolerance(theirs, tolerance_mm + LENGTH_TOLERANCE_MM)
        assert normalised_surface_distance(there, back, tolerance_mm) == pytest.approx(their_nsd)
    # where the percentile falls between two elements, theirs goes by the rounding of a sum
    near = [compute_robust_hausdorff(theirs, 95 + way * 1e-6) for way in (-1, 1)]
    assert min(near) - 1e-9 <= hausdorff_mm(there, back, 95) <= max(near) + 1e-9
