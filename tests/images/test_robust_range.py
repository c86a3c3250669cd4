"""The range of a scan does not hang on a few voxels, and that of a sound scan is its minimum and maximum."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from spinal_tf.images.robust_range import SAMPLE, robust_range, sampled
from spinal_tf.images.volume import read_volume
from spinal_tf.phantom.simulated_case import simulate_case
from spinal_tf.phantom.sources import drawn_spine
from spinal_tf.taxonomy import tree

FAR = {
    "30 times the maximum": lambda scan: 30 * scan.max(),
    "three times the maximum": lambda scan: 3 * scan.max(),
    "a million times the maximum": lambda scan: 1e6 * scan.max(),
    "the end of single precision": lambda scan: 3e38,
    "its negative": lambda scan: -3e38,
    "the least 16-bit integer": lambda scan: -32768,
    "the value of air in CT": lambda scan: -1024,
}


def tissue(shape=(9, 60, 70), *, seed=0, most=900):
    """A body in noise: air in the corners, tissue with a tail of bright fat and vessels, whole numbers."""
    rng = np.random.default_rng(seed)
    _, rows, columns = np.indices(shape)
    body = (rows / shape[1] - 0.5) ** 2 + (columns / shape[2] - 0.5) ** 2 < 0.2
    inside = ndimage.gaussian_filter(rng.gamma(2.0, 1.0, shape), (0, 1, 1))
    data = np.where(body, inside, 0.03) + np.abs(rng.normal(0, 0.02, shape))
    return np.round(data / data.max() * most).astype(np.float32)


def ends(scan):
    return float(scan.min()), float(scan.max())


def scattered(scan, share, *values, seed=0):
    """The scan with a share of its voxels, at least one, set to each value; its own ends are kept."""
    rng = np.random.default_rng(seed)
    spoiled = scan.copy()
    between = np.flatnonzero((scan > scan.min()) & (scan < scan.max()))
    places = rng.choice(between, len(values) * max(1, int(share * scan.size)), replace=False)
    for part, value in zip(np.split(places, len(values)), values, strict=True):
        spoiled.flat[part] = value
    return spoiled


@pytest.mark.parametrize("share", [0, 1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("far", FAR)
def test_outliers_do_not_count(far, share):
    scan = tissue()
    assert robust_range(scattered(scan, share, FAR[far](scan), seed=1)) == ends(scan)


@pytest.mark.parametrize("share", [0.005, 0.01])
def test_outliers_on_both_sides_do_not_count(share):
    scan = tissue()
    assert robust_range(scattered(scan, share, -32768, 1e6)) == ends(scan)


@settings(max_examples=40)
@given(
    shape=st.tuples(st.integers(5, 9), st.integers(40, 60), st.integers(40, 60)),
    share=st.floats(0, 0.015),
    above=st.floats(3, 1e6),
    below=st.floats(-1e6, -1.2),
    padding=st.sampled_from([0.0, 0.5]),
    seed=st.integers(0, 2**31),
)
def test_outliers_of_any_number_and_size_do_not_count(shape, share, above, below, padding, seed):
    scan = tissue(shape, seed=seed)
    scan[:, :, : int(padding * shape[2])] = 0
    spoiled = scattered(scan, share, above * scan.max(), below * scan.max(), seed=seed)
    assert robust_range(scan) == ends(scan)
    assert robust_range(spoiled) == ends(scan)


@pytest.mark.parametrize("share", [0.3, 0.5])
@pytest.mark.parametrize(("value", "offset"), [(-1024, 0), (-32768, 0), (0, 1000), (32767, 0), (1e5, 0)])
def test_padding_far_away_does_not_count(value, offset, share):
    scan = tissue() + np.float32(offset)
    scan[:, :, : int(share * scan.shape[2])] = scan.min()
    padded = scan.copy()
    padded[:, :, : int(share * scan.shape[2])] = value
    assert robust_range(padded) == ends(scan)


@pytest.mark.parametrize("value", [-1024.0, -32768.0])
def test_padding_of_a_resampled_scan_has_an_edge_and_does_not_count(value):
    scan = tissue((9, 120, 130), most=300)
    low, high = scan[:, 51:].min(), scan[:, 51:].max()
    scan[:, 50] = (scan[:, 50] + value) / 2
    scan[:, :50] = value
    assert robust_range(scan) == (pytest.approx(low, abs=50), high)


@pytest.mark.parametrize("share", [1e-3, 1e-2])
def test_outliers_without_a_gap_hardly_count(share):
    scan = tissue((9, 120, 130))
    values = np.random.default_rng(3).uniform(1, 30, scan.size).astype(np.float32) * scan.max()
    spoiled = np.where(np.random.default_rng(4).random(scan.shape) < share, values.reshape(scan.shape), scan)
    low, high = robust_range(spoiled)
    assert low == scan.min()
    assert 0.6 * scan.max() < high < 1.3 * scan.max()


def test_a_corner_too_bright_by_a_coil_hardly_counts():
    scan = tissue((9, 120, 130))
    bright = scan.copy()
    bright[:, 50:62, 60:72] *= 30
    low, high = robust_range(bright)
    assert bright.max() > 10 * scan.max()
    assert low == scan.min()
    assert 0.6 * scan.max() < high < 1.5 * scan.max()


@pytest.mark.slow
@pytest.mark.parametrize("diagnosis", [*tree().diagnoses, None])
def test_simulated_scans_keep_minimum_and_maximum(diagnosis):
    for seed in range(2):
        case = simulate_case(np.random.default_rng(seed), diagnosis, drawn_spine)
        assert robust_range(case.t2) == ends(case.t2)
        if case.t1c is not None:
            assert robust_range(case.t1c) == ends(case.t1c)


@pytest.mark.slow
@pytest.mark.real_data
def test_public_scans_keep_minimum_and_maximum(real_data):
    paths = [path for name in ("t2", "t1", "tirm") for path in (real_data / "real").glob(f"*/{name}.nii.gz")]
    assert len(paths) > 20
    volumes = [read_volume(path, allow_plane=True) for path in paths]
    assert {volume.source: volume.outliers for volume in volumes if volume.outliers} == {}


SOUND = {
    "as it is": lambda scan: scan,
    "8 bit": lambda scan: np.round(scan / scan.max() * 255),
    "8 levels": lambda scan: np.round(scan / scan.max() * 7),
    "two values": lambda scan: (scan > 200).astype(np.float32),
    "a lesion of one value": lambda scan: np.where(scan > 0.9 * scan.max(), scan.max(), scan),
    "no background": lambda scan: scan + 1e4,
    "negative": lambda scan: -scan,
    "noise below zero": lambda scan: scan - 30,
    "small crop": lambda scan: scan[:, 25:35, 30:40],
    "smallest crop": lambda scan: scan[3:6, 30:33, 30:33],
    "half of it padded with zeros": lambda scan: np.where(np.arange(scan.shape[2]) < 35, 0, scan),
    "three quarters of it padded with zeros": lambda scan: np.pad(scan, ((0, 0), (90, 90), (0, 0))),
    "brighter towards a coil": lambda scan: scan * np.exp(np.linspace(1.5, 0, scan.shape[1]))[:, np.newaxis],
}


@pytest.mark.parametrize("sound", SOUND)
@pytest.mark.parametrize("seed", range(4))
def test_a_sound_scan_keeps_minimum_and_maximum(sound, seed):
    scan = np.ascontiguousarray(SOUND[sound](tissue(seed=seed)), np.float32)
    assert robust_range(scan) == ends(scan)


def test_the_sample_reaches_all_rows_and_columns():
    places = sampled(np.arange(64 * 512 * 512).reshape(64, 512, 512))
    assert len(places) == SAMPLE
    seen = [len(np.unique(axis)) for axis in np.unravel_index(places, (64, 512, 512))]
    assert seen == [64, 512, 512]


def test_memory_stays_far_below_a_copy_and_the_scan_is_left_as_it_was():
    scan = np.random.default_rng(0).gamma(2, 100, (15, 256, 256)).astype(np.float32)
    scan[3, 4, 5] = -32768
    before = scan.copy()
    tracemalloc.start()
    start = time.perf_counter()
    robust_range(scan)
    print(f"{time.perf_counter() - start:.3f} s")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * scan.nbytes
    np.testing.assert_array_equal(scan, before)
