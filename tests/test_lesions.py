import math
from itertools import product

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from spinal_tf.images.volume import new_volume, read_volume
from spinal_tf.lesions import find_lesions, label_lesions, measure_lesions

SHAPE = (7, 40, 48)
SPACING_MM = (3.5, 0.8, 0.6)
VOXEL_ML = 3.5 * 0.8 * 0.6 / 1000
SMALL_MASKS = arrays(bool, (4, 5, 6), elements=st.booleans())


def oblique_affine(degrees=(10, -15, 20)):
    axes = np.array([[-1, 0, 0], [0, 0, -1], [0, -1, 0]])  # columns: slice to the left, row down, column to the back
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() @ axes * SPACING_MM
    affine[:3, 3] = 12, -34, 56
    return affine


AFFINE = oblique_affine()


def noise(shape=SHAPE):
    return np.random.default_rng(5).normal(100, 20, shape).astype(np.float32)


def measure(mask, data=None, affine=AFFINE):
    return measure_lesions(mask, new_volume(noise(mask.shape) if data is None else data, affine, source="t2.nii.gz"))


def measure_one(mask, **options):
    (lesion,) = measure(mask, **options)
    return lesion


def box(slices, rows, columns, shape=SHAPE):
    mask = np.zeros(shape, bool)
    mask[slices, rows, columns] = True
    return mask


def band(columns, width, shape=SHAPE, first_row=5, slices=slice(3, 4)):
    """A lesion whose row i starts at columns[i]."""
    mask = np.zeros(shape, bool)
    for row, column in enumerate(columns, start=first_row):
        mask[slices, row, column : column + width] = True
    return mask


def test_one_voxel_measures_one_voxel():
    lesion = measure_one(box(2, 7, 9))
    assert lesion.number == 1
    assert lesion.volume_ml == pytest.approx(VOXEL_ML)
    assert lesion.length_mm == pytest.approx(0.8)
    assert lesion.width_mm == pytest.approx(0.6)
    assert lesion.diameter_mm == pytest.approx(math.sqrt(3.5**2 + 0.8**2 + 0.6**2))
    assert lesion.centroid_mm == pytest.approx(tuple((AFFINE @ [2, 7, 9, 1])[:3]))
    assert not lesion.touches_border


def test_upright_box():
    # 2 slices, 5 rows, 3 columns: 7 x 4 x 1.8 mm
    lesion = measure_one(box(slice(2, 4), slice(10, 15), slice(20, 23)))
    assert lesion.volume_ml == pytest.approx(30 * VOXEL_ML)
    assert lesion.length_mm == pytest.approx(4.0)
    assert lesion.width_mm == pytest.approx(1.8)
    assert lesion.diameter_mm == pytest.approx(math.sqrt(49 + 16 + 3.24))
    assert lesion.centroid_mm == pytest.approx(tuple((AFFINE @ [2.5, 12, 21, 1])[:3]))


def test_tilted_band_is_measured_along_and_across_its_course():
    # one column (0.6 mm) a row (0.8 mm): steps of 1 mm; 5 columns are 3 mm across the row, 3 x 0.8 across the course
    lesion = measure_one(band(range(10, 20), width=5))
    assert lesion.length_mm == pytest.approx(10.0)
    assert lesion.width_mm == pytest.approx(2.4)


def test_staircase_of_voxels_does_not_lengthen_a_lesion():
    # 1.2 mm to the side every sixth row of 0.8 mm
    lesion = measure_one(band([10 + row // 6 * 2 for row in range(30)], width=6))
    assert lesion.length_mm == pytest.approx(30 * math.hypot(0.8, 0.2), rel=0.01)


def test_course_follows_the_voxels_so_that_a_thin_tip_hardly_bends_it():
    # rows of 1, 4 and 4 voxels, centred on columns 20, 21.5 and 21.5: weighted slope 2 / 4 column a row, 0.3 mm
    mask = box(3, 10, 20) | box(3, slice(11, 13), slice(20, 24))
    assert measure_one(mask).length_mm == pytest.approx(3 * math.hypot(0.8, 0.3))


def test_a_lesion_that_moves_across_thick_slices_is_not_longer():
    mask = band([20] * 6, width=4) | band([20] * 6, width=4, first_row=8, slices=slice(4, 5))
    assert measure_one(mask).length_mm == pytest.approx(9 * 0.8)


def plane_mm(rows, columns):
    """Row and column position of every pixel, in mm from the middle of the plane."""
    return np.meshgrid(
        (np.arange(rows) - rows / 2 + 0.5) * 0.8, (np.arange(columns) - columns / 2 + 0.5) * 0.6, indexing="ij"
    )


def test_curved_lesion_is_measured_along_the_arc():
    # an arc of 50 mm radius, 3 mm thick, from -40 to 40 degrees: 69.8 mm, and 6.4 mm less from tip to tip
    down_mm, back_mm = plane_mm(100, 60)
    mask = np.zeros((3, 100, 60), bool)
    mask[1] = (np.abs(np.hypot(down_mm, back_mm + 45) - 50) < 1.5) & (np.abs(down_mm) < 50 * math.sin(math.radians(40)))
    lesion = measure_one(mask)
    assert lesion.length_mm == pytest.approx(math.radians(80) * 50, rel=0.02)
    assert lesion.width_mm == pytest.approx(3.0, abs=0.6)


def test_tilted_ellipse_is_as_long_as_its_highest_point_is_from_its_lowest():
    # semi-axes 20 and 3.5 mm at 30 degrees. Height sqrt(20^2 cos^2 + 3.5^2 sin^2) = 17.41 mm above the middle, and
    # (20^2 - 3.5^2) sin cos / 17.41 = 9.64 mm behind it: 2 x 19.90 mm. Across: row of 2 x 20 x 3.5 / 17.41 = 8.04 mm,
    # times 17.41 / 19.90
    down_mm, back_mm = plane_mm(60, 60)
    along_mm = down_mm * math.cos(math.radians(30)) + back_mm * math.sin(math.radians(30))
    across_mm = back_mm * math.cos(math.radians(30)) - down_mm * math.sin(math.radians(30))
    mask = np.zeros((3, 60, 60), bool)
    mask[1] = (along_mm / 20) ** 2 + (across_mm / 3.5) ** 2 < 1
    lesion = measure_one(mask)
    assert lesion.length_mm == pytest.approx(39.8, rel=0.02)
    assert lesion.width_mm == pytest.approx(7.03, abs=0.6)


def test_a_flat_lesion_is_taken_to_run_at_sixty_degrees_at_most():
    # two rows, ten columns apart: their centroids are 6 mm apart, yet each row counts 0.8 / cos 60 mm
    mask = band([20], width=11) | band([30], width=11, first_row=6)
    assert measure_one(mask).length_mm == pytest.approx(2 * 1.6)


def test_width_is_the_widest_row_of_one_slice():
    # two slices side by side: neither alone is wider than 4 columns, gaps within a row count
    mask = box(2, slice(10, 20), slice(20, 24)) | box(3, slice(10, 20), slice(23, 26))
    mask[2, 12, 21] = False
    assert measure_one(mask).width_mm == pytest.approx(4 * 0.6, rel=1e-3)


@given(SMALL_MASKS.filter(np.any))
def test_diameter_is_the_largest_distance_between_voxel_corners(mask):
    labels, _ = label_lesions(mask)
    for lesion in measure(mask):
        voxels = np.argwhere(labels == lesion.number)
        corners = np.concatenate([voxels + corner for corner in product((-0.5, 0.5), repeat=3)])
        assert lesion.diameter_mm == pytest.approx(pdist(corners * SPACING_MM).max())


def test_contrast_is_the_difference_in_standard_deviations_of_the_shell():
    # lesion and shell lie evenly on both sides of row 20: shell of 1 and 3, mean 2, SD 1
    data = np.full(SHAPE, 1.0, np.float32)
    data[:, 20:] = 3
    mask = box(3, slice(18, 22), slice(20, 26))
    data[mask] = 10
    assert measure_one(mask, data=data).contrast == pytest.approx(8.0)


def test_contrast_is_negative_where_the_lesion_is_dark():
    mask = box(slice(2, 5), slice(18, 22), slice(20, 26))
    data = noise()
    data[mask] = 40
    assert measure_one(mask, data=data).contrast == pytest.approx(-3, abs=0.5)


def test_shell_ends_at_three_mm_and_stays_on_the_lesions_slices():
    # columns 5 and 6 beyond the lesion lie 3.0 and 3.6 mm away, rows 3 and 4 2.4 and 3.2 mm
    mask = box(3, slice(18, 22), slice(20, 26))
    data = noise()
    before = measure_one(mask, data=data).contrast
    for index in [(3, 20, 31), (3, 20, 14), (3, 25, 22), (3, 14, 22), (2, 20, 22), (4, 20, 27)]:
        data[index] += 1000
    assert measure_one(mask, data=data).contrast == before
    for index in [(3, 20, 30), (3, 20, 15), (3, 24, 22), (3, 15, 22)]:
        changed = data.copy()
        changed[index] += 1000
        assert measure_one(mask, data=changed).contrast != before


def test_another_lesion_is_no_surrounding_tissue():
    mask = box(3, slice(18, 22), slice(20, 26))
    neighbour = box(3, slice(18, 20), slice(28, 30))
    data = noise()
    first, _ = measure(mask | neighbour, data=data)
    data[neighbour] = 1e4
    assert measure(mask | neighbour, data=data)[0].contrast == first.contrast


def test_contrast_is_undefined_without_spread_or_without_surroundings():
    assert measure_one(box(3, 20, 20), data=np.ones(SHAPE, np.float32)).contrast is None
    assert measure_one(np.ones(SHAPE, bool)).contrast is None


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("end", [0, -1])
def test_each_face_of_the_field_of_view_is_a_border(axis, end):
    index = [3, 20, 24]
    index[axis] = end
    assert measure_one(box(*index)).touches_border
    index[axis] = 1 if end == 0 else SHAPE[axis] - 2
    assert not measure_one(box(*index)).touches_border


def test_slices_are_numbered_as_in_the_file(tmp_path):
    # the file's axes run to the back, down and to the right, so that its last slice is the package's first
    package_from_file = np.array([[0, 0, -1, 6], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    path = tmp_path / "t2.nii.gz"
    nib.save(nib.Nifti1Image(noise().transpose(2, 1, 0)[:, :, ::-1], AFFINE @ package_from_file), path)
    (lesion,) = measure_lesions(box(slice(1, 3), 10, 10), read_volume(path))
    assert lesion.slices == (4, 5)
    assert lesion.centroid_mm == pytest.approx(tuple((AFFINE @ [1.5, 10, 10, 1])[:3]), abs=1e-4)


def test_lesions_are_numbered_by_descending_volume_as_their_labels_are():
    small, large, middle = box(1, 3, 3), box(slice(2, 5), slice(10, 20), 10), box(3, slice(30, 35), 30)
    mask = small | large | middle
    labels, count = label_lesions(mask)
    assert count == 3
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, large * 1 + middle * 2 + small * 3)
    lesions = measure(mask)
    assert [lesion.number for lesion in lesions] == [1, 2, 3]
    assert [lesion.volume_ml for lesion in lesions] == pytest.approx([30 * VOXEL_ML, 5 * VOXEL_ML, VOXEL_ML])


@pytest.mark.parametrize("step", [(0, 0, 1), (0, 1, 1), (1, 1, 1), (1, -1, 1)])
def test_voxels_that_share_a_corner_are_one_lesion(step):
    start = np.array([3, 20, 20])
    mask = box(*start)
    mask[tuple(start + step)] = True
    assert label_lesions(mask)[1] == 1
    mask[tuple(start + step)] = False
    mask[tuple(start + 2 * np.array(step))] = True
    assert label_lesions(mask)[1] == 2


def test_no_lesion_is_a_result():
    empty = np.zeros(SHAPE, bool)
    labels, count = label_lesions(empty)
    assert count == 0
    assert not labels.any()
    assert measure(empty) == ()
    assert not chosen(empty, minimum_volume_ml=0.01, voxel_volume_ml=VOXEL_ML).any()


def chosen(mask, **volumes):
    return find_lesions(mask.astype(np.float32), threshold=0.5, minimum_peak=0.5, **volumes)


@pytest.mark.parametrize(("minimum_peak", "kept"), [(0.0, [1, 2, 3]), (0.5, [1, 2, 3]), (0.7, [1, 2]), (0.71, [2])])
def test_a_lesion_reaches_the_peak_somewhere(minimum_peak, kept):
    lesions = [box(1, 3, slice(3, 5)), box(3, 20, slice(20, 23)), box(5, 30, slice(30, 34))]
    probability = sum(lesion * np.float32(0.55) for lesion in lesions)
    probability[1, 3, 4], probability[3, 20, 21] = 0.7, 0.9
    found = find_lesions(
        probability, threshold=0.5, minimum_peak=np.float32(minimum_peak), minimum_volume_ml=0, voxel_volume_ml=VOXEL_ML
    )
    np.testing.assert_array_equal(found, np.any([lesions[number - 1] for number in kept], axis=0))


def test_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"t2\.nii\.gz"):
        measure(np.zeros((7, 40, 47), bool), data=noise())


def test_specks_below_the_least_volume_go_and_those_of_it_stay():
    # in floating point three voxels of 0.1 mL make a least volume of more than 0.3 mL, and 0.3 / 0.1 less than three
    two, three, four = box(1, 3, slice(3, 5)), box(3, 20, slice(20, 23)), box(5, 30, slice(30, 34))
    for minimum_volume_ml in (0.3, 0.1 * 3):
        kept = chosen(two | three | four, minimum_volume_ml=minimum_volume_ml, voxel_volume_ml=0.1)
        np.testing.assert_array_equal(kept, three | four)


def test_nothing_goes_at_a_least_volume_of_zero():
    mask = noise() > 130
    kept = chosen(mask, minimum_volume_ml=0, voxel_volume_ml=VOXEL_ML)
    np.testing.assert_array_equal(kept, mask)


@given(SMALL_MASKS)
def test_volumes_add_up_to_the_mask(mask):
    assert sum(lesion.volume_ml for lesion in measure(mask)) == pytest.approx(mask.sum() * VOXEL_ML)


@given(SMALL_MASKS, st.sampled_from([(0,), (1,), (2,), (0, 1), (0, 1, 2)]))
def test_flips_change_no_measure(mask, axes):
    def sizes(mask):
        found = [
            (lesion.volume_ml, lesion.length_mm, lesion.width_mm, lesion.diameter_mm, lesion.touches_border)
            for lesion in measure(mask, data=np.ones(mask.shape, np.float32))
        ]
        return sorted(tuple(round(value, 9) for value in values) for values in found)

    assert label_lesions(np.flip(mask, axes))[1] == label_lesions(mask)[1]
    np.testing.assert_allclose(sizes(np.flip(mask, axes)), sizes(mask), atol=1e-8)


@given(st.tuples(*[st.floats(-20, 20)] * 3))
def test_turning_the_patient_changes_no_measure_but_the_centroid(degrees):
    mask = band([10, 10, 11, 13, 13, 14, 16], width=5, slices=slice(2, 4))
    upright, turned = (
        measure_one(mask, affine=affine) for affine in (oblique_affine((0, 0, 0)), oblique_affine(degrees))
    )
    for name in ("volume_ml", "length_mm", "width_mm", "diameter_mm", "contrast"):
        assert getattr(turned, name) == pytest.approx(getattr(upright, name), rel=1e-5)


@given(SMALL_MASKS, st.integers(1, 6))
def test_what_remains_is_the_lesions_of_that_volume(mask, voxels):
    kept = chosen(mask, minimum_volume_ml=voxels * VOXEL_ML, voxel_volume_ml=VOXEL_ML)
    assert not (kept & ~mask).any()
    expected = [lesion.volume_ml for lesion in measure(mask) if round(lesion.volume_ml / VOXEL_ML) >= voxels]
    assert [lesion.volume_ml for lesion in measure(kept)] == pytest.approx(expected)
