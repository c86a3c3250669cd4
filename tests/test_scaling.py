from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

from spinal_tf.errors import VolumeError
from spinal_tf.scaling import intensity_scale, normalise


@pytest.fixture
def data():
    return np.random.default_rng(3).gamma(2.0, 100.0, (7, 40, 48)).astype(np.float32)


def test_zscore_without_clip_has_mean_zero_and_population_sd_one():
    # mean 2, squared deviations 4 + 4 over 4 voxels: SD sqrt(2)
    result = normalise(np.array([[[0.0, 2.0]], [[2.0, 4.0]]]), intensity="zscore_no_clip", source="a.nii")
    np.testing.assert_allclose(result, np.array([[[-1, 0]], [[0, 1]]]) * math.sqrt(2), rtol=1e-6)
    assert result.dtype == np.float32


def test_minmax_spans_zero_to_one():
    result = normalise(np.array([[[-2.0, 0.0, 6.0]]]), intensity="minmax", source="a.nii")
    np.testing.assert_allclose(result, [[[0, 0.25, 1]]], rtol=1e-6)


def test_zscore_clip_without_outliers_equals_minmax():
    data = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_allclose(
        normalise(data, intensity="zscore_clip", source="a.nii"), data / 23, rtol=1e-6, atol=1e-7
    )


def test_zscore_clip_cuts_an_outlier_at_five_standard_deviations():
    # 99 voxels of 0 and one of 100: mean 1, variance 99, so that 0 lies at -1 / sqrt(99) and 100 is cut to 5.
    # A voxel of mean intensity would lie at (1 / sqrt(99)) / (5 + 1 / sqrt(99)).
    data = np.zeros((4, 5, 5))
    data[2, 3, 1] = 100
    result = normalise(data, intensity="zscore_clip", source="a.nii")
    assert result[2, 3, 1] == 1
    assert np.count_nonzero(result) == 1
    below = data.copy()
    below[0, 0, 0], below[0, 0, 1] = 1, -1  # keeps the mean; the SD becomes sqrt(99.02)
    sd = math.sqrt(99.02)
    result = normalise(below, intensity="zscore_clip", source="a.nii")
    assert result[0, 0, 1] == 0
    assert result[0, 0, 0] == pytest.approx(2 / (5 * sd + 2), rel=1e-5)


def test_zscore_clip_follows_the_published_steps(data):
    data[3, 4, 5] = 1e5
    z = (data.astype(np.float64) - data.mean(dtype=np.float64)) / data.std(dtype=np.float64)
    z = np.clip(z, -5, 5)
    expected = (z - z.min()) / (z.max() - z.min())
    np.testing.assert_allclose(normalise(data, intensity="zscore_clip", source="a.nii"), expected, atol=1e-6)


@pytest.mark.parametrize("intensity", ["zscore_clip", "zscore_no_clip", "minmax"])
def test_scale_and_offset_of_the_scanner_do_not_matter(data, intensity):
    np.testing.assert_allclose(
        normalise(data, intensity=intensity, source="a.nii"),
        normalise(data.astype(np.float64) * 7 + 1e6, intensity=intensity, source="a.nii"),
        atol=1e-5,
    )


@pytest.mark.parametrize("intensity", ["zscore_clip", "zscore_no_clip", "minmax"])
@pytest.mark.parametrize(("value", "fault"), [(0.1, "constant"), (math.nan, "finite"), (math.inf, "finite")])
def test_what_cannot_be_normalised_is_refused_by_name(data, intensity, value, fault):
    if fault == "constant":
        data[:] = value
    data[2, 1, 0] = value
    with pytest.raises(VolumeError, match=rf"sub-03\.nii\.gz: .*{fault}"):
        normalise(data, intensity=intensity, source="sub-03.nii.gz")


@pytest.mark.parametrize("intensity", ["zscore_clip", "zscore_no_clip", "minmax"])
def test_a_few_planes_come_to_the_scale_of_the_whole_volume(data, intensity):
    scale = intensity_scale(data, intensity=intensity, source="a.nii")
    np.testing.assert_array_equal(scale(data[[2, 0]]), normalise(data, intensity=intensity, source="a.nii")[[2, 0]])


def test_input_is_left_as_it_was_and_memory_stays_near_one_copy():
    data = np.random.default_rng(0).normal(size=(64, 64, 64)).astype(np.float32)
    before = data.copy()
    tracemalloc.start()
    normalise(data, intensity="zscore_clip", source="a.nii")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * data.nbytes
    np.testing.assert_array_equal(data, before)
