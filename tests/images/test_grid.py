"""Equal grids are accepted, others are refused with what differs and by how much."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813, its own documentation's name

from spinal_tf.errors import VolumeError
from spinal_tf.images.grid import GRID_TOLERANCE
from spinal_tf.images.volume import new_volume, read_aligned, read_mask, read_volume

SHAPE = (7, 40, 48)
DRAWN = np.indices(SHAPE).sum(axis=0) % 3 > 0
ACCEPTED_MM = GRID_TOLERANCE * 0.7  # the phantom's smallest voxel side
UPRIGHT = np.array([[-1.0, 0, 0, 10], [0, 0, -1, 20], [0, -1, 0, 30], [0, 0, 0, 1]]) @ np.diag([3.3, 0.7, 0.8, 1])


@pytest.fixture
def refused(tmp_path, write_nifti):
    """The reason why a mask on another grid is refused."""

    def reason(affine, *, shape=SHAPE, like, axes="PSR"):
        """The sform alone: a qform cannot say all of it."""
        path = write_nifti(tmp_path / "mask.nii", np.ones(shape, np.uint8), affine, axes=axes, codes=(0, 1))
        with pytest.raises(VolumeError) as caught:
            read_mask(path, like=like)
        start = "mask.nii: its grid differs from that of the scan: "
        end = f"; export it again on the grid of {like.source}"
        message = str(caught.value)
        assert message.startswith(start)
        assert message.endswith(end)
        return message.removeprefix(start).removesuffix(end)

    return reason


@pytest.fixture
def upright():
    """A scan along the axes of the body, whose center is not the origin."""
    return new_volume(np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE), UPRIGHT, source="scan.nii")


def moved(affine, *shift_mm):
    result = affine.copy()
    result[:3, 3] += shift_mm
    return result


def rotated(affine, degrees, axis=0):
    angles = [0.0, 0.0, 0.0]
    angles[axis] = np.radians(degrees)
    turn = np.eye(4)
    turn[:3, :3] = nib.eulerangles.euler2mat(*angles)
    return about_the_center(affine, turn)


def about_the_center(affine, change):
    centre = affine @ [*((np.array(SHAPE) - 1) / 2), 1]
    there, back = np.eye(4), np.eye(4)
    there[:3, 3], back[:3, 3] = centre[:3], -centre[:3]
    return there @ change @ back @ affine


@pytest.mark.parametrize("axes", ["LIP", "PSR", "RAS"])
@pytest.mark.parametrize("share", [0.9, 1.1])
def test_the_tolerance_is_a_share_of_the_smallest_voxel_side(tmp_path, write_nifti, phantom_volume, axes, share):
    affine = moved(phantom_volume.affine, 0, 0, share * ACCEPTED_MM)
    path = write_nifti(tmp_path / "mask.nii", DRAWN.astype(np.uint8), affine, axes=axes)
    if share < 1:
        np.testing.assert_array_equal(read_mask(path, like=phantom_volume), DRAWN)
    else:
        with pytest.raises(VolumeError, match=r"shifted by 0\.0385 mm along S"):
            read_mask(path, like=phantom_volume)


@pytest.mark.parametrize("share", [0.9, 1.1])
def test_only_the_far_corner_shows_a_small_turn(refused, tmp_path, write_nifti, phantom_volume, share):
    affine = phantom_volume.affine.copy()
    affine[0, 2] += share * ACCEPTED_MM / 47  # the last column; nothing at the first
    path = write_nifti(tmp_path / "mask.nii", DRAWN.astype(np.uint8), affine)
    if share < 1:
        np.testing.assert_array_equal(read_mask(path, like=phantom_volume), DRAWN)
    else:
        assert refused(affine, like=phantom_volume)


@pytest.mark.parametrize("axes", ["LIP", "PSR", "RAS", "SAL"])
def test_a_mask_and_t1c_saved_by_itk_fit_a_scan_with_cosines_of_four_decimals(
    tmp_path, write_nifti, phantom_data, oblique_affine, axes
):
    affine = oblique_affine.copy()
    affine[:3, :3] = np.round(affine[:3, :3] / (3.3, 0.7, 0.8), 4) * (3.3, 0.7, 0.8)
    data = np.pad(phantom_data, ((0, 0), (0, 160), (0, 152)))  # the farther the corners, the farther apart
    scan = write_nifti(tmp_path / "scan.nii.gz", data, affine, axes=axes)
    image = sitk.ReadImage(str(scan))
    sitk.WriteImage(image, str(tmp_path / "t1c.nii.gz"))
    sitk.WriteImage(sitk.Cast(image > 400, sitk.sitkUInt8), str(tmp_path / "mask.nii.gz"))
    assert np.abs(nib.load(scan).affine - nib.load(tmp_path / "mask.nii.gz").affine).max() > 1e-6
    volume = read_volume(scan)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii.gz", like=volume), data > 400)
    np.testing.assert_array_equal(read_aligned(tmp_path / "t1c.nii.gz", like=volume).data, data)


@pytest.mark.parametrize(
    ("shift_mm", "words"),
    [
        ((0, 0, 3.2), "shifted by 3.2 mm along S"),
        ((0, 0, -3.2), "shifted by 3.2 mm along I"),
        ((-12, 0, 0), "shifted by 12 mm along L"),
        ((2, -3, 0), "shifted by 2 mm along R and 3 mm along P"),
    ],
)
@pytest.mark.parametrize("axes", ["LIP", "PSR", "RAS"])
def test_a_shift_is_named(refused, upright, shift_mm, words, axes):
    assert refused(moved(UPRIGHT, *shift_mm), like=upright, axes=axes) == words


@pytest.mark.parametrize("degrees", [4.1, -4.1])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_rotation_is_named(refused, upright, degrees, axis):
    assert refused(rotated(UPRIGHT, degrees, axis), like=upright) == "rotated by 4.1 degrees"


def test_a_rotation_and_a_shift_are_both_named(refused, upright):
    affine = moved(rotated(UPRIGHT, 4.1), 0, 0, 3.2)
    assert refused(affine, like=upright) == "rotated by 4.1 degrees and shifted by 3.2 mm along S"


def test_another_voxel_size_is_named(refused, upright):
    affine = UPRIGHT @ np.diag([4 / 3.3, 1, 0.5 / 0.8, 1])
    assert refused(affine, like=upright) == "voxel size 4 x 0.7 x 0.5 against 3.3 x 0.7 x 0.8 mm"


def test_sizes_that_differ_little_are_shown_with_enough_digits(refused, upright):
    affine = UPRIGHT @ np.diag([1, 1, 0.8011 / 0.8, 1])
    assert refused(affine, like=upright) == "voxel size 3.3 x 0.7 x 0.801 against 3.3 x 0.7 x 0.8 mm"


def test_another_number_of_voxels_is_named_in_the_order_of_the_scan(refused, phantom_volume):
    """The phantom's file runs posterior, superior, right; the mask comes in another order."""
    words = refused(phantom_volume.affine, shape=(8, 40, 48), like=phantom_volume, axes="LIP")
    assert words == "48 x 40 x 8 voxels against 48 x 40 x 7"
    affine = phantom_volume.affine @ np.diag([0.5, 1, 1, 1])
    words = refused(affine, shape=(14, 40, 48), like=phantom_volume, axes="LIP")
    assert words == "48 x 40 x 14 voxels against 48 x 40 x 7 and voxel size 0.8 x 0.7 x 1.65 against 0.8 x 0.7 x 3.3 mm"


@pytest.mark.parametrize(
    ("flips", "words"),
    [
        ((-1, 1, 1), "mirrored left to right"),
        ((1, -1, 1), "mirrored front to back"),
        ((1, 1, -1), "mirrored top to bottom"),
        ((-1, -1, 1), "mirrored left to right and front to back"),
    ],
)
@pytest.mark.parametrize("axes", ["LIP", "PSR", "RAS"])
def test_a_mirrored_grid_is_named(refused, upright, phantom_volume, flips, words, axes):
    """About the origin, as if axes of ITK and NIfTI were mixed up, also in an oblique scan."""
    for volume in (upright, phantom_volume):
        assert refused(np.diag([*flips, 1]) @ volume.affine, like=volume, axes=axes) == words


@pytest.mark.parametrize(("axis", "words"), [(0, "front to back"), (1, "top to bottom"), (2, "left to right")])
def test_a_grid_with_one_axis_of_its_affine_reversed_is_named(tmp_path, phantom_volume, axis, words):
    """The first voxel stays where it is; the phantom's file runs posterior, superior, right."""
    flips = np.ones(4)
    flips[axis] = -1
    affine = phantom_volume.grid.affine @ np.diag(flips)
    nib.save(nib.Nifti1Image(np.ones(phantom_volume.grid.shape, np.uint8), affine), tmp_path / "mask.nii")
    with pytest.raises(VolumeError, match=f"differs from that of the scan: mirrored {words}; export"):
        read_mask(tmp_path / "mask.nii", like=phantom_volume)


def test_a_sheared_grid_is_described_by_its_corners(refused, upright):
    shear = np.eye(4)
    shear[0, 1] = shear[1, 0] = 0.005  # symmetric: no rotation; about the center: no shift
    assert refused(about_the_center(UPRIGHT, shear), like=upright) == "its corners lie up to 0.11 mm elsewhere"
