from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from spinal_tf.images.anatomy_map import AXIS, BODY, CANAL, CORD, DISC, SACRUM, UNKNOWN
from spinal_tf.phantom.anatomy import FULL, Anatomy, blank_anatomy
from spinal_tf.phantom.lesion_paint import add_lesions
from spinal_tf.phantom.lesion_shapes import draw_lesions
from spinal_tf.phantom.simulated_case import simulate_case
from spinal_tf.phantom.skeleton import HEIGHTS_MM
from spinal_tf.phantom.spine import procedural_background
from spinal_tf.taxonomy import EPENDYMOMA, MS

SPACING_MM, SIZE = (3.0, 1.5, 1.2), (13, 190, 150)
LEVELS = ("cervical", "thoracic", "lumbar")


@pytest.fixture(scope="module")
def spines():
    return {
        level: procedural_background(np.random.default_rng(4), level=level, spacing_mm=SPACING_MM, size=SIZE)
        for level in LEVELS
    }


def maps(background):
    return background.anatomy.label_maps(1, 0, background.cord >= 0.5)


def voxels_of(background, value):
    return background.t2[maps(background)[0] == value]


# Label maps


def test_labels_are_what_fills_half_of_a_thick_slice_and_the_cord_goes_first():
    anatomy = blank_anatomy((4, 1, 7))
    # columns: canal, half canal, bone, disc, sacral bone, sacral disc, canal under cord
    for index in range(4):
        anatomy.record(0, index, np.array([0, 6]), np.ones(2, np.float32))
        anatomy.record(1, index, np.array([2, 4]), np.ones(2, np.float32))
        anatomy.record(2, index, np.array([3, 5]), np.ones(2, np.float32))
    anatomy.record(0, 0, np.array([1]), np.array([1.0]))
    anatomy.record(0, 2, np.array([1]), np.array([0.9]))
    anatomy.level[:] = [[20, 20, 24, 24, 25, 26, 20]]
    cord = np.zeros((2, 1, 7), bool)
    cord[..., 6] = True
    labels, vertebrae = anatomy.label_maps(2, 0, cord)
    assert labels[0, 0].tolist() == [CANAL, CANAL, BODY, DISC, SACRUM, SACRUM, CORD]
    assert labels[1, 0].tolist() == [CANAL, 0, BODY, DISC, SACRUM, SACRUM, CORD]
    assert vertebrae[0, 0].tolist() == [0, 0, 24, 0, 25, 26, 0]
    assert labels.dtype == vertebrae.dtype == np.uint8


def test_c2_has_a_label_of_its_own_and_what_is_a_matter_of_convention_is_unknown():
    anatomy = blank_anatomy((1, 1, 5))
    # columns: arch of C1, dens or body of C2, body of C3, beside the cord above C1, cord there
    anatomy.record(1, 0, np.array([0, 1, 2]), np.ones(3, np.float32))
    anatomy.record(3, 0, np.array([3, 4]), np.ones(2, np.float32))
    anatomy.level[:] = [[1, 2, 3, 0, 0]]
    labels, vertebrae = anatomy.label_maps(1, 0, np.array([[[False, False, False, False, True]]]))
    assert labels[0, 0].tolist() == [UNKNOWN, AXIS, BODY, UNKNOWN, CORD]
    assert vertebrae[0, 0].tolist() == [1, 2, 3, 0, 0]


def test_tissue_that_a_lesion_moves_takes_its_label_along():
    anatomy = blank_anatomy((1, 2, 4))
    anatomy.parts[1, 0, 0, 1] = FULL
    box = slice(0, 1), slice(0, 1), slice(0, 4)
    moved = anatomy.moved(box, lambda image: np.roll(image, 1, axis=2))
    assert moved.parts[1, 0, 0].tolist() == [0, 0, FULL, 0]
    assert anatomy.parts[1, 0, 0].tolist() == [0, FULL, 0, 0]


# Drawn spines


@pytest.mark.parametrize("level", LEVELS)
def test_each_label_lies_on_its_tissue(spines, level):
    background = spines[level]
    labels, _ = maps(background)
    also = {"cervical": {AXIS, UNKNOWN}, "thoracic": set(), "lumbar": {SACRUM}}
    assert set(np.unique(labels)) - {UNKNOWN} == {0, CORD, CANAL, BODY, DISC} | also[level] - {UNKNOWN}
    assert (UNKNOWN in labels) == (level == "cervical")
    fluid, cord, bone, disc = (voxels_of(background, value) for value in (CANAL, CORD, BODY, DISC))
    assert np.median(fluid) > 0.6
    assert 0.25 < np.median(cord) < 0.5
    t1c = background.t1c
    assert np.median(t1c[labels == CANAL]) < 0.3 < np.median(t1c[labels == BODY])
    assert bone.size > disc.size
    np.testing.assert_array_equal(labels == CORD, background.cord >= 0.5)


@pytest.mark.parametrize("level", LEVELS)
def test_the_cord_lies_in_the_canal_and_the_bodies_in_front_of_it(spines, level):
    background = spines[level]
    labels, _ = maps(background)
    middle = round(float(background.frame.x_mm.mean()) / SPACING_MM[0])
    for row in range(10, SIZE[1] - 10, 9):
        line = labels[middle, row]
        if background.frame.level[row] < 2 or background.frame.level[row] > 22:
            continue
        canal = np.flatnonzero((line == CORD) | (line == CANAL))
        assert np.ptp(canal) == canal.size - 1
        front = np.flatnonzero(np.isin(line, (BODY, AXIS, DISC)))
        assert front.size
        assert front.max() < canal.min()


def test_bodies_are_numbered_from_above_and_each_is_one_piece(spines):
    found = set()
    for level in LEVELS:
        labels, vertebrae = maps(spines[level])
        known = labels != UNKNOWN
        np.testing.assert_array_equal((vertebrae > 0)[known], np.isin(labels, (BODY, AXIS, SACRUM))[known])
        np.testing.assert_array_equal(vertebrae == 2, labels == AXIS)
        assert np.all(labels[vertebrae == 1] == UNKNOWN)
        assert np.all((vertebrae >= 25) == (labels == SACRUM))
        numbers = np.unique(vertebrae[vertebrae > 0])
        assert np.all(np.diff(numbers) == 1)
        middles = [np.argwhere(vertebrae == number)[:, 1].mean() for number in numbers if number > 1]
        assert np.all(np.diff(middles) > 0)
        for number in numbers[2:-2]:
            pieces, count = ndimage.label(vertebrae == number)
            assert np.bincount(pieces.ravel())[1:].max() > 0.97 * (pieces > 0).sum(), (number, count)
        found |= set(numbers.tolist())
    assert found >= set(range(1, 28))
    assert max(found) <= len(HEIGHTS_MM)


def test_numbers_of_bodies_agree_with_the_levels_of_the_cord(spines):
    background = spines["cervical"]
    vertebrae = maps(background)[1]
    for number in range(4, 9):
        rows = np.argwhere(vertebrae == number)[:, 1]
        assert background.frame.level[round(rows.mean())] == number


def test_the_dens_belongs_to_c2_and_c1_has_its_arch_in_front(spines):
    background = spines["cervical"]
    vertebrae = maps(background)[1]
    arch, axis = (np.argwhere(vertebrae == number) for number in (1, 2))
    rows = np.flatnonzero(background.frame.level == 1)
    assert len(arch) > 5
    assert np.ptp(axis[:, 1]) * SPACING_MM[1] > 25  # dens and body
    assert axis[:, 1].min() < rows[-1]
    dens = axis[np.isin(axis[:, 1], arch[:, 1])]
    assert arch[:, 2].mean() < dens[:, 2].mean() - 3


def test_nothing_but_cord_is_labeled_above_c1_and_what_surrounds_it_is_unknown(spines):
    background = spines["cervical"]
    above = np.flatnonzero(background.frame.level == 0)[:-12]  # the spine is tilted, so leave some mm
    assert above.size > 5
    labels = maps(background)[0][:, above]
    assert set(np.unique(labels)) == {0, CORD, UNKNOWN}
    assert np.median(background.t2[:, above][labels == UNKNOWN]) > 0.6  # fluid
    around = ndimage.binary_dilation(labels == CORD, np.ones((1, 1, 3))) & (labels != CORD)
    assert (labels[around] == UNKNOWN).mean() > 0.9


def test_recording_changes_no_image_and_no_cord(spines):
    again = procedural_background(np.random.default_rng(4), level="lumbar", spacing_mm=SPACING_MM, size=SIZE)
    np.testing.assert_array_equal(again.t2, spines["lumbar"].t2)
    np.testing.assert_array_equal(again.anatomy.parts, spines["lumbar"].anatomy.parts)


# Cases


def test_lesions_count_as_cord_and_press_the_canal_outwards(spines):
    background = spines["cervical"]
    rng = np.random.default_rng(0)
    lesion = replace(draw_lesions(rng, EPENDYMOMA, background.frame, "cervical")[0], section=3.0, remaining_cord=0.6)
    after, mask = add_lesions(rng, background, (lesion,))
    labels, _ = maps(after)
    assert np.all(labels[mask >= 0.5] == CORD)
    inside = [np.isin(maps(one)[0][:, lesion.centre_row], (CORD, CANAL)).sum() for one in (background, after)]
    assert inside[1] > 1.1 * inside[0]
    untouched = slice(0, lesion.centre_row - round((lesion.length_mm + 60) / 2 / SPACING_MM[1]))
    np.testing.assert_array_equal(after.anatomy.parts[:, :, untouched], background.anatomy.parts[:, :, untouched])


def test_a_lesion_that_replaces_cord_copies_no_anatomy(spines):
    background = spines["cervical"]
    rng = np.random.default_rng(0)
    after, _ = add_lesions(rng, background, draw_lesions(rng, MS, background.frame, "cervical"))
    assert after.anatomy is background.anatomy


def test_a_case_has_its_labels_on_its_own_grid(spines):
    background = spines["lumbar"]
    case = simulate_case(np.random.default_rng(1), EPENDYMOMA, lambda rng, view: background)
    assert case.anatomy.shape == case.vertebrae.shape == case.t2.shape
    assert case.anatomy.dtype == case.vertebrae.dtype == np.uint8
    np.testing.assert_array_equal(case.anatomy == CORD, case.cord)
    unknown = replace(background, anatomy=None)
    case = simulate_case(np.random.default_rng(1), EPENDYMOMA, lambda rng, view: unknown)
    assert case.anatomy is case.vertebrae is None


def test_an_anatomy_holds_a_byte_for_each_voxel_and_part():
    assert blank_anatomy((3, 4, 5)).parts.nbytes == 4 * 60
    assert isinstance(blank_anatomy((3, 4, 5)), Anatomy)
