"""Marks below the cord: a mark as bright as fluid is fluid, a darker one is a mass."""

from __future__ import annotations

import numpy as np
import pytest

from spinal_tf.anatomy.fluid import fluid_below_cord
from spinal_tf.images.anatomy_map import CANAL, CORD


@pytest.fixture
def scan(spines):
    """A lumbar spine, its canal with fluid of 1 and roots of 0.6, and the row at which the cord ends."""
    spine = spines["lumbar"]
    data = np.full(spine.labels.shape, 0.2, np.float32)
    data[spine.labels == CANAL] = 1.0
    data[(spine.labels == CANAL) & (np.arange(data.shape[2]) % 3 == 0)] = 0.6
    end = int(spine.maps.volume_row(np.array(spine.found.cord_end)))
    return spine, data, end


def mark(spine, rows):
    """The front half of the canal on some rows."""
    canal = spine.labels == CANAL
    canal[:, : rows.start] = canal[:, rows.stop :] = False
    front = np.cumsum(canal, axis=2) * 2 <= canal.sum(axis=2, keepdims=True)
    return canal & front


def test_a_mark_as_bright_as_fluid_is_fluid(scan):
    spine, data, end = scan
    mask = mark(spine, slice(end + 20, end + 50))
    data[mask] = 0.97
    np.testing.assert_array_equal(fluid_below_cord(mask, data, spine.found), mask)


def test_a_darker_mass_stays(scan):
    spine, data, end = scan
    mask = mark(spine, slice(end + 20, end + 50))
    data[mask] = 0.8
    assert not fluid_below_cord(mask, data, spine.found).any()


def test_a_mass_that_fills_the_canal_is_compared_with_what_is_above_and_below(scan):
    spine, data, end = scan
    mask = (spine.labels == CANAL) & (np.abs(np.arange(data.shape[1])[:, None] - end - 40) < 12)
    data[mask] = 0.75
    assert not fluid_below_cord(mask, data, spine.found).any()


def test_a_mark_over_the_end_of_the_cord_loses_its_lower_part_alone(scan):
    spine, data, end = scan
    mask = mark(spine, slice(end - 20, end + 30))
    data[mask] = 0.97
    fluid = fluid_below_cord(mask, data, spine.found)
    assert not fluid[:, :end].any()
    np.testing.assert_array_equal(fluid[:, end + 2 :], mask[:, end + 2 :])


def test_bright_marks_in_the_cord_are_no_concern(scan, spines):
    spine, data, _ = scan
    cord = spine.labels == CORD
    data[cord] = 1.0
    assert not fluid_below_cord(cord, data, spine.found)[:, : spine.labels.shape[1] // 4].any()
    neck = spines["cervical"]
    bright = np.ones(neck.labels.shape, np.float32)
    assert not fluid_below_cord(neck.labels == CORD, bright, neck.found).any()
