"""Level and extent of a mask on a scan whose spine was found."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from spinal_tf.anatomy.found_spine import FoundSpine
from spinal_tf.anatomy.levels import UNKNOWN
from spinal_tf.cohort.case import Level
from spinal_tf.evaluation.lesion_place import lesion_place


def spine(level_of_row, *, ambiguous=False):
    """A found spine with a level at each row."""
    levels = np.asarray(level_of_row)
    numbering = SimpleNamespace(ambiguous=ambiguous)
    return FoundSpine(spine=SimpleNamespace(numbering=numbering, level_of=lambda voxels: levels[voxels[:, 1]]))


@pytest.fixture
def mask(phantom_volume):
    """Two lesions, on rows 5 to 14 and on row 30."""
    found = np.zeros(phantom_volume.data.shape, bool)
    found[3, 5:15, 20] = found[3, 30, 20] = True
    return found


def test_level_and_extent_are_those_of_all_lesions(mask, phantom_volume):
    levels = np.repeat([18, 19, 20, 21], 10)  # T11 to L2
    found = lesion_place(mask, phantom_volume, spine(levels))
    assert found == {"level": Level.THORACIC_LUMBAR, "extent_vertebrae": 3}


def test_over_three_regions_only_the_extent_is_known(mask, phantom_volume):
    assert lesion_place(mask, phantom_volume, spine(np.repeat([7, 8, 9, 20], 10))) == {"extent_vertebrae": 3}


@pytest.mark.parametrize(
    "found",
    [
        None,
        FoundSpine(spine=None),
        spine(np.repeat([18, 19, 20, UNKNOWN], 10)),
        spine(np.repeat([18, 19, 20, 21], 10), ambiguous=True),
    ],
)
def test_nothing_is_known_without_a_sure_count(mask, phantom_volume, found):
    assert lesion_place(mask, phantom_volume, found) == {}


def test_without_lesion_there_is_no_place(phantom_volume):
    empty = np.zeros(phantom_volume.data.shape, bool)
    assert lesion_place(empty, phantom_volume, spine(np.full(40, 20))) == {}
