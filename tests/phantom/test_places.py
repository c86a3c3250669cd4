import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinal_tf.phantom.frame import REGION_OF_LEVEL, Frame
from spinal_tf.phantom.mask_facts import SPECK_VOXELS, extent_vertebrae, level_of_mask, without_specks
from spinal_tf.phantom.places import APART_VERTEBRAE, place_lesions

ROWS = 300
ROW_MM = 2.0


def spine(top_region_rows=(50, 100, 100, 50), row_mm=ROW_MM):
    """Rows of oblongata, cervical, thoracic and lumbar regions; vertebrae of 20 mm."""
    region = np.repeat(np.arange(4), top_region_rows)
    rows = region.size
    return Frame(
        spacing_mm=(3.0, row_mm, 1.0),
        x_mm=np.full(rows, 15.0),
        y_mm=np.full(rows, 20.0),
        rl_mm=np.full(rows, 6.0),
        ap_mm=np.full(rows, 3.5),
        vertebra_mm=np.full(rows, 20.0),
        region=region,
        level=np.select([region == 1, region == 2, region == 3], [4, 12, 21], 0),
    )


def places(level, lengths, seed=0, longest=99.0, frame=None):
    lengths = np.asarray(lengths, float)
    return place_lesions(np.random.default_rng(seed), frame or spine(), level, lengths, longest=longest)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([key for key, (a, b) in REGION_OF_LEVEL.items() if a == b]), st.integers(0, 999), st.integers(1, 5)
)
def test_lesions_of_one_region_stay_in_it_and_apart(level, seed, count):
    lengths = np.random.default_rng(seed).uniform(0.4, 1.9, count)
    found = sorted(places(level, lengths, seed), key=lambda place: place.first_row)
    region = spine().region
    for place in found:
        assert set(region[place.first_row : place.last_row + 1]) == {REGION_OF_LEVEL[level][0]}
        assert place.first_row <= place.centre_row <= place.last_row
    for upper, lower in zip(found, found[1:], strict=False):
        if lengths.sum() < 3:  # else there may be no room for the whole gap
            assert (lower.first_row - upper.last_row) * ROW_MM >= APART_VERTEBRAE * 20 - 2 * ROW_MM
        assert lower.first_row > upper.last_row


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([key for key, (a, b) in REGION_OF_LEVEL.items() if a != b]), st.integers(0, 999), st.integers(1, 3)
)
def test_lesions_of_two_regions_lie_in_both(level, seed, count):
    found = places(level, np.random.default_rng(seed).uniform(1.0, 3.0, count), seed)
    touched = {region for place in found for region in spine().region[place.first_row : place.last_row + 1]}
    assert touched == set(REGION_OF_LEVEL[level])


def test_lengths_are_in_vertebrae_and_cut_where_they_do_not_fit():
    (place,) = places("cervical", [3.0])
    assert place.length_mm == pytest.approx(60, abs=0.1)
    assert (place.last_row - place.first_row) * ROW_MM == pytest.approx(60, abs=ROW_MM)
    (place,) = places("cervical", [30.0])
    assert 180 < place.length_mm <= 200


def test_room_ends_at_the_longest_and_at_the_region():
    (place,) = places("cervical", [1.0], longest=1.9)
    assert place.length_mm <= place.room_mm <= 1.9 * 20 + 1e-6
    (place,) = places("cervical", [9.0])
    assert place.room_mm <= 200


def test_a_level_out_of_view_is_replaced_by_what_is_there():
    frame = spine((0, 300, 0, 0))
    for level in ("thoracic", "cervical-thoracic"):
        (place,) = places(level, [2.0], frame=frame)
        assert place.length_mm == pytest.approx(40, abs=0.1)


def test_no_lesion_lies_where_no_cord_is_known():
    frame = spine((0, 300, 0, 0))
    frame.x_mm[:120] = np.nan
    for seed in range(10):
        (place,) = places("cervical", [2.0], seed, frame=frame)
        assert place.first_row >= 120


# Masks


def mask_of(*spans, shape=(5, ROWS, 9)):
    mask = np.zeros(shape, bool)
    for number, (first, last) in enumerate(spans):
        mask[1:3, first:last, 2 + 4 * (number % 2) : 4 + 4 * (number % 2)] = True
    return mask


def test_extent_is_rounded_for_each_lesion_and_summed():
    # rows of 2 mm, vertebrae of 20 mm: 10 rows are a vertebra
    assert extent_vertebrae(mask_of((100, 124)), spine()) == 2
    assert extent_vertebrae(mask_of((100, 126)), spine()) == 3
    assert extent_vertebrae(mask_of((100, 102)), spine()) == 1
    assert extent_vertebrae(mask_of((100, 126), (110, 121), (200, 203)), spine()) == 3 + 1 + 1


@pytest.mark.parametrize(
    ("spans", "level"),
    [
        ([(60, 90)], "cervical"),
        ([(160, 190)], "thoracic"),
        ([(260, 290)], "lumbar"),
        ([(140, 160)], "cervical-thoracic"),
        ([(240, 270)], "thoracic-lumbar"),
        ([(40, 60)], "oblongata-cervical"),
        ([(20, 30)], "oblongata-cervical"),
        ([(60, 70), (160, 170)], "cervical-thoracic"),
        ([(61, 151)], "cervical"),  # a hundredth in the next region
        ([(80, 90), (160, 180), (260, 290)], "thoracic-lumbar"),
    ],
)
def test_the_level_names_the_regions_that_hold_a_tenth_of_the_rows(spans, level):
    assert level_of_mask(mask_of(*spans), spine()) == level


def test_specks_go_and_the_largest_part_stays():
    mask = mask_of((100, 120))
    mask[4, 10, 4] = True
    cleaned = without_specks(mask)
    assert not cleaned[4, 10, 4]
    np.testing.assert_array_equal(cleaned[:4], mask[:4])
    only = np.zeros((3, 9, 9), bool)
    only[1, 4, 4] = True
    np.testing.assert_array_equal(without_specks(only), only)
    two = np.zeros((3, 40, 9), bool)
    two[1, 2 : 2 + SPECK_VOXELS, 4] = two[1, 20 : 20 + SPECK_VOXELS, 4] = True
    np.testing.assert_array_equal(without_specks(two), two)
