import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinal_tf.errors import VolumeError, WeightsError
from spinal_tf.preprocess import (
    MAXIMUM_INPUT_SIDE,
    Placement,
    Preprocessing,
    from_input,
    in_slabs,
    neighbour_index,
    place,
    slab_weights,
    to_input,
)

SIDES = st.integers(2, 70)
SPACINGS = st.floats(0.3, 2.0)
FITS = st.sampled_from(
    [
        Preprocessing(size=(32, 48)),
        Preprocessing(fit="pad", size=(48, 48)),
        Preprocessing(fit="spacing", spacing_mm=0.8),
    ]
)


@pytest.mark.parametrize(
    "record",
    [
        Preprocessing(),
        Preprocessing(intensity="minmax", fit="pad", size=(192, 256)),
        Preprocessing(intensity="zscore_no_clip", fit="spacing", spacing_mm=0.8, multiple=32),
    ],
)
def test_record_survives_json(record):
    assert Preprocessing.from_dict(json.loads(json.dumps(record.to_dict()))) == record


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": 1}, "colour"),
        ({"intensity": "histogram"}, "histogram"),
        ({"fit": "crop"}, "crop"),
        ({"size": [256]}, "size"),
        ({"size": [0, 256]}, "size"),
        ({"size": [MAXIMUM_INPUT_SIDE + 1, 256]}, "size"),
        ({"size": 256}, "int"),
        ({"multiple": 0}, "multiple"),
        ({"multiple": True}, "multiple"),
        ({"spacing_mm": 0.8}, "spacing_mm"),
        ({"fit": "spacing"}, "spacing_mm"),
        ({"fit": "spacing", "spacing_mm": 0}, "spacing_mm"),
        ({"fit": "spacing", "spacing_mm": math.nan}, "spacing_mm"),
        ({"fit": "spacing", "spacing_mm": "0.8"}, "spacing_mm"),
    ],
)
def test_record_that_is_not_understood_is_refused(change, named):
    with pytest.raises(WeightsError, match=named):
        Preprocessing.from_dict({**Preprocessing().to_dict(), **change})


def test_record_that_lacks_an_entry_is_refused():
    record = Preprocessing().to_dict()
    del record["fit"]
    with pytest.raises(WeightsError, match="fit"):
        Preprocessing.from_dict(record)


def test_stretch_fills_the_input():
    placement = place((40, 80), (1.0, 0.5), Preprocessing(size=(20, 160)))
    assert placement.resized_shape == placement.input_shape == (20, 160)
    assert placement.spacing_mm == (2.0, 0.25)


def test_pad_keeps_the_aspect_in_mm_and_centres_the_plane():
    # 40 mm high, 30 mm wide, into 64 x 64: 1.6 pixels per mm, 64 x 48
    placement = place((80, 30), (0.5, 1.0), Preprocessing(fit="pad", size=(64, 64)))
    assert placement.resized_shape == (64, 48)
    assert (placement.row_padding, placement.column_padding) == ((0, 0), (8, 8))
    assert placement.spacing_mm == (0.625, 0.625)


def test_spacing_resamples_and_pads_to_the_multiple():
    # 44 mm and 33.6 mm at 0.8 mm: 55 and 42 pixels; next multiples of 16 are 64 and 48
    placement = place((40, 48), (1.1, 0.7), Preprocessing(fit="spacing", spacing_mm=0.8))
    assert placement.resized_shape == (55, 42)
    assert (placement.row_padding, placement.column_padding) == ((4, 5), (3, 3))
    assert placement.input_shape == (64, 48)
    assert placement.spacing_mm == pytest.approx((0.8, 0.8))


def test_spacing_after_rounding_is_recorded_as_it_is():
    # 10 pixels of 1.04 mm at 1 mm are 10.4 pixels: 10 remain, each of 1.04 mm
    placement = place((10, 10), (1.04, 1.0), Preprocessing(fit="spacing", spacing_mm=1.0))
    assert placement.resized_shape == (10, 10)
    assert placement.spacing_mm == pytest.approx((1.04, 1.0))


@pytest.mark.parametrize("spacing_mm", [(5.0, 1.0), (1.0, 1e30)])
def test_absurd_size_is_refused_by_name(spacing_mm):
    with pytest.raises(VolumeError, match=r"sub-03\.nii: .*spacing"):
        place((512, 512), spacing_mm, Preprocessing(fit="spacing", spacing_mm=0.5), source="sub-03.nii")


def test_a_plane_thinner_than_a_pixel_keeps_one():
    placement = place((4, 40), (0.1, 1.0), Preprocessing(fit="spacing", spacing_mm=1.0))
    assert placement.resized_shape == (1, 40)
    assert placement.spacing_mm == pytest.approx((0.4, 1.0))


@given(rows=SIDES, columns=SIDES, row_mm=SPACINGS, column_mm=SPACINGS, preprocessing=FITS)
def test_extent_is_kept_and_the_input_is_a_multiple(rows, columns, row_mm, column_mm, preprocessing):
    placement = place((rows, columns), (row_mm, column_mm), preprocessing)
    extent_mm = np.multiply(placement.resized_shape, placement.spacing_mm)
    np.testing.assert_allclose(extent_mm, [rows * row_mm, columns * column_mm])
    assert all(side % 16 == 0 for side in placement.input_shape)
    for before, after in (placement.row_padding, placement.column_padding):
        assert 0 <= after - before <= 1


def plain(plane_shape, resized_shape, row_padding=(0, 0), column_padding=(0, 0)):
    return Placement(
        plane_shape=plane_shape,
        resized_shape=resized_shape,
        row_padding=row_padding,
        column_padding=column_padding,
        spacing_mm=(1.0, 1.0),
    )


def test_images_are_interpolated_between_pixel_centres():
    # output centres lie at -0.25, 0.25, 0.75, 1.25 of the input's; outside the outer centres the value stays
    result = to_input(np.array([[[0.0, 1.0]]], np.float32), plain((1, 2), (1, 4)))
    np.testing.assert_allclose(result, [[[0, 0.25, 0.75, 1]]])
    assert result.dtype == np.float32


def test_shrinking_does_not_antialias():
    # four to one: output centres lie at 1.5 and 5.5, so that only pixels 1, 2, 5 and 6 count
    result = to_input(np.array([[[9.0, 1, 3, 9, 9, 5, 7, 9]]], np.float32), plain((1, 8), (1, 2)))
    np.testing.assert_allclose(result, [[[2, 6]]])


def test_labels_take_the_pixel_that_the_centre_falls_in():
    # five to three: centres at 0.83, 2.5, 4.17 pixels, hence pixels 0, 2 and 4
    for pixel, expected in enumerate([[1, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]]):
        label = np.zeros((1, 1, 5), bool)
        label[0, 0, pixel] = True
        result = to_input(label, plain((1, 5), (1, 3)), label=True)
        assert result.dtype == bool
        assert result[0, 0].tolist() == [bool(value) for value in expected]


def test_padding_is_the_planes_own_minimum_and_no_label():
    planes = np.array([[[3.0, 5.0]], [[-2.0, 4.0]]], np.float32)
    placement = plain((1, 2), (1, 2), (1, 0), (0, 2))
    np.testing.assert_array_equal(
        to_input(planes, placement), [[[3, 3, 3, 3], [3, 5, 3, 3]], [[-2, -2, -2, -2], [-2, 4, -2, -2]]]
    )
    labels = to_input(np.ones((1, 1, 2), bool), placement, label=True)
    np.testing.assert_array_equal(labels, [[[False] * 4, [True, True, False, False]]])


def test_the_way_back_crops_the_padding_and_interpolates():
    # cropped to 0 and 1 without the padding of 9, then enlarged as above
    placement = plain((1, 4), (1, 2), (1, 0), (2, 1))
    maps = np.full((1, 2, 5), 9.0, np.float32)
    maps[0, 1, 2:4] = 0, 1
    np.testing.assert_allclose(from_input(maps, placement), [[[0, 0.25, 0.75, 1]]])


@pytest.mark.parametrize("count", [0, 3])
def test_number_of_planes_is_kept(count):
    placement = plain((4, 5), (8, 9))
    assert to_input(np.zeros((count, 4, 5), np.float32), placement).shape == (count, 8, 9)
    assert to_input(np.zeros((count, 4, 5), bool), placement, label=True).shape == (count, 8, 9)
    assert from_input(np.zeros((count, 8, 9), np.float32), placement).shape == (count, 4, 5)


@pytest.mark.parametrize(
    ("slice_mm", "step"), [(0.9, 3), (1.0, 3), (1.2, 3), (2.0, 2), (2.4, 1), (3.0, 1), (3.5, 1), (4.4, 1), (9.0, 1)]
)
def test_neighbours_lie_about_three_millimetres_away_and_at_least_one_slice(slice_mm, step):
    seen = neighbour_index(20, slice_mm, 3.0)
    assert seen[10].tolist() == [10 - step, 10, 10 + step]
    assert seen[0].tolist() == [0, 0, step]
    assert seen[19].tolist() == [19 - step, 19, 19]


def test_rounding_of_the_spacing_does_not_decide_a_tie():
    # 1.2 mm goes 2.5 times into 3 mm
    steps = {neighbour_index(20, spacing, 3.0)[10, 2] for spacing in (1.2, np.nextafter(1.2, 2), np.float32(1.2))}
    assert steps == {13}


def test_a_slice_may_be_seen_alone():
    assert neighbour_index(3, 1.0, None).tolist() == [[0], [1], [2]]
    assert Preprocessing().slices_seen == 1
    assert Preprocessing(neighbour_mm=3.0).slices_seen == 3


@pytest.mark.parametrize("name", ["neighbour_mm", "slab_mm"])
@pytest.mark.parametrize("length", [0, -1.0, float("nan"), float("inf"), True])
def test_an_absurd_distance_of_slices_is_refused(name, length):
    with pytest.raises(ValueError, match=name):
        Preprocessing(**{name: length})


@pytest.mark.parametrize(
    ("slice_mm", "weights"),
    [
        (1.0, [1 / 3, 1 / 3, 1 / 3]),
        (0.8, [0.1, 0.8 / 3, 0.8 / 3, 0.8 / 3, 0.1]),
        (2.0, [1 / 6, 2 / 3, 1 / 6]),
        (3.0, [1]),
        (4.4, [1]),
    ],
)
def test_a_slab_weighs_slices_by_what_they_have_in_common(slice_mm, weights):
    np.testing.assert_allclose(slab_weights(slice_mm, 3.0), weights, atol=1e-12)
    assert slab_weights(slice_mm, None).tolist() == [1]


def test_thin_slices_are_averaged_and_the_outermost_repeated():
    data = np.array([3.0, 0, 0, 6, 0], np.float32)[:, np.newaxis, np.newaxis] * np.ones((1, 2, 3), np.float32)
    slabs = in_slabs(data, 1.0, 3.0)
    assert (slabs.dtype, slabs.shape) == (np.float32, data.shape)
    np.testing.assert_allclose(slabs[:, 1, 2], [2, 1, 2, 2, 2], atol=1e-6)
    assert in_slabs(data, 3.5, 3.0) is data


def test_planes_of_another_shape_are_refused():
    placement = plain((4, 5), (8, 9))
    with pytest.raises(ValueError, match="expected"):
        to_input(np.zeros((2, 5, 4), np.float32), placement)
    with pytest.raises(ValueError, match="expected"):
        from_input(np.zeros((8, 9), np.float32), placement)


@given(rows=SIDES, columns=SIDES, row_mm=SPACINGS, column_mm=SPACINGS, preprocessing=FITS)
def test_there_and_back_is_the_same_place(rows, columns, row_mm, column_mm, preprocessing):
    # a ramp is reproduced by bilinear interpolation wherever no edge is near
    placement = place((rows, columns), (row_mm, column_mm), preprocessing)
    ramp = (np.arange(rows)[:, np.newaxis] * 2.0 + np.arange(columns)).astype(np.float32)[np.newaxis]
    back = from_input(to_input(ramp, placement), placement)
    row_edge, column_edge = (
        math.ceil(max(1, plane / resized))
        for plane, resized in zip(placement.plane_shape, placement.resized_shape, strict=True)
    )
    inner = np.s_[:, row_edge:-row_edge, column_edge:-column_edge]
    np.testing.assert_allclose(back[inner], ramp[inner], atol=1e-3)


@given(preprocessing=FITS, row=st.integers(8, 28), column=st.integers(8, 36))
def test_image_and_label_stay_aligned(preprocessing, row, column):
    label = np.zeros((1, 40, 48), bool)
    label[0, row - 4 : row + 4, column - 4 : column + 4] = True
    placement = place((40, 48), (1.1, 0.7), preprocessing)
    image = to_input(label.astype(np.float32), placement)
    resized = to_input(label, placement, label=True)
    assert resized[image > 0.99].all()
    assert not resized[image < 0.01].any()
    assert resized.any()
