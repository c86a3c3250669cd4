"""Which voxels a file's values mark: 0 and one other value, a label, a threshold; everything else is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy import ndimage

from spinal_tf.errors import VolumeError
from spinal_tf.images.mask_values import distinct_values, marked_voxels
from spinal_tf.prediction_options import MaskValues

ANY = MaskValues()
DRAWN = np.zeros((4, 12, 12), bool)
DRAWN[1:3, 4:8, 5:9] = True
CORD = np.zeros_like(DRAWN)
CORD[:, :, 4:10] = True
LABELS = np.where(DRAWN, 2, CORD).astype(np.float32)
SOFT = ndimage.zoom(DRAWN.astype(np.float32), (1, 1.5, 1.5), order=1)
SPLINE = ndimage.zoom(DRAWN.astype(np.float32), (1, 1.5, 1.5), order=3)


def marked(data, values=ANY):
    return marked_voxels(np.asarray(data, np.float32), source="m.nii", values=values)


def refusal(data, values=ANY):
    with pytest.raises(VolumeError) as error:
        marked(data, values)
    return str(error.value)


@pytest.mark.parametrize("value", [1, 255, 0.5, 1e-3, 1.0000001, 0.9999999, 40000])
@pytest.mark.parametrize("values", [ANY, None])
def test_zero_and_one_other_value_are_a_mask(value, values):
    np.testing.assert_array_equal(marked(np.where(DRAWN, value, 0), values), DRAWN)


def test_values_that_differ_by_rounding_are_one():
    data = np.where(DRAWN, 1, 0).astype(np.float32)
    data[1, 4, 5] = 1.0000001
    data[2, 4, 5] = np.nextafter(np.float32(1), np.float32(0))
    data[0, 0, 0], data[0, 0, 1] = -0.0, 1e-7  # slope and intercept in single precision
    np.testing.assert_array_equal(marked(data), DRAWN)


def test_an_empty_mask_is_empty_however_it_is_read():
    for values in (ANY, None, MaskValues(mask_label=3), MaskValues(mask_threshold=0.5)):
        assert not marked(np.zeros(DRAWN.shape), values).any()


def test_a_label_map_asks_for_the_label():
    assert refusal(LABELS) == "m.nii: holds the values 0, 1 and 2; say which one is the lesion with --mask-label"
    np.testing.assert_array_equal(marked(LABELS, MaskValues(mask_label=2)), DRAWN)
    np.testing.assert_array_equal(marked(LABELS * np.float32(1.0000001), MaskValues(mask_label=2)), DRAWN)
    np.testing.assert_array_equal(marked(np.where(DRAWN, 255, 0), MaskValues(mask_label=255)), DRAWN)
    expected = "m.nii: holds the values 0, 1 and 2, but not 3; name one of them with --mask-label"
    assert refusal(LABELS, MaskValues(mask_label=3)) == expected
    assert "holds the values 0 and 1, but not 2" in refusal(DRAWN, MaskValues(mask_label=2))


def test_many_labels_are_counted():
    levels = np.arange(21).repeat(10)
    assert refusal(levels) == "m.nii: holds 21 values from 0 to 20; say which one is the lesion with --mask-label"
    np.testing.assert_array_equal(marked(levels, MaskValues(mask_label=7)), levels == 7)


def test_a_soft_mask_asks_for_the_threshold():
    count = len(np.unique(SOFT))
    expected = (
        f"m.nii: holds {count} values from 0 to 1, like a probability map: choose --mask-threshold, for example 0.5"
    )
    assert refusal(SOFT) == expected
    np.testing.assert_array_equal(marked(SOFT, MaskValues(mask_threshold=0.5)), SOFT >= 0.5)
    assert refusal(SOFT, MaskValues(mask_label=1)).endswith("for example 0.5; --mask-label is for label maps")


def test_a_mask_resampled_by_splines_is_read_with_a_threshold():
    assert SPLINE.min() < 0
    assert "but the background of a mask is 0" in refusal(SPLINE)
    np.testing.assert_array_equal(marked(SPLINE, MaskValues(mask_threshold=0.5)), SPLINE >= 0.5)


@pytest.mark.parametrize(("background", "shown"), [(-1, "-1 and 1"), (1e-6, "1e-06 and 1"), (2, "1 and 2")])
def test_another_background_than_zero_is_refused(background, shown):
    message = refusal(np.where(DRAWN, 1, background))
    if background == 2:
        message = refusal(np.where(DRAWN, 2, 1))
    assert message.startswith(f"m.nii: holds the values {shown}, but the background of a mask is 0")


def test_a_scan_is_no_mask():
    scan = np.random.default_rng(0).integers(0, 1500, 3000)
    assert re.match(r"m\.nii: holds \d{3,} values from 0 to 1\.5e\+03, like a scan: name", refusal(scan))
    assert "--mask-label is for label maps" in refusal(scan, MaskValues(mask_label=7))


def test_a_threshold_on_a_label_map_is_refused():
    expected = "m.nii: holds the values 0, 1 and 2, like a label map, but --mask-threshold is for soft masks"
    assert refusal(LABELS, MaskValues(mask_threshold=0.5)).startswith(expected)
    np.testing.assert_array_equal(marked(DRAWN, MaskValues(mask_threshold=0.5)), DRAWN)


@pytest.mark.parametrize(("scale", "threshold"), [(1, 50), (100, 0.5), (255, 0.5)])
def test_a_threshold_on_another_scale_is_refused(scale, threshold):
    data = np.rint(SOFT * scale) if scale == 255 else SOFT * scale
    assert f"a scale on which {threshold:g} is no threshold" in refusal(data, MaskValues(mask_threshold=threshold))
    np.testing.assert_array_equal(marked(data, MaskValues(mask_threshold=scale / 2)), data >= scale / 2)
    if scale == 1:  # a threshold that a mask of 0 and 1 cannot reach
        assert "no threshold" in refusal(DRAWN, MaskValues(mask_threshold=threshold))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("values", [ANY, None, MaskValues(mask_label=1), MaskValues(mask_threshold=0.5)])
def test_voxels_that_are_not_numbers_are_refused(value, values):
    data = DRAWN.astype(np.float32)
    data[0, 0, 0] = value
    assert "voxels that are not numbers" in refusal(data, values)


def test_a_mask_without_a_choice_offers_none():
    expected = "m.nii: holds the values 0, 1 and 2, but this mask may hold 0 and one other value alone; export it so"
    assert refusal(LABELS, None) == expected
    assert "--mask" not in refusal(SOFT, None)


@pytest.mark.parametrize(
    "chosen",
    [
        {"mask_label": 1, "mask_threshold": 0.5},
        {"mask_label": 0},
        {"mask_label": -1},
        {"mask_threshold": 0},
        {"mask_threshold": np.nan},
    ],
)
def test_choices_that_select_the_background_are_refused(chosen):
    with pytest.raises(ValueError, match="label|threshold"):
        MaskValues(**chosen)


def test_distinct_values_are_made_whole_but_for_rounding():
    np.testing.assert_array_equal(distinct_values(np.float32([0, 1, 1.0000001, 2])), [0, 1, 2])
    assert len(distinct_values(np.float32([0, 1e-6, 1]))) == 3
