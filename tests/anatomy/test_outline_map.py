"""The label map of a found spine, against the drawn one."""

from __future__ import annotations

import numpy as np
import pytest

from spinal_tf.anatomy.outline_map import outline_map
from spinal_tf.images.anatomy_map import AXIS, BODY, CANAL, CORD, DISC, SACRUM


@pytest.mark.parametrize("level", ["cervical", "thoracic", "lumbar"])
def test_the_map_repeats_the_drawn_labels(spines, level):
    spine = spines[level]
    found = outline_map(spine.found, spine.labels.shape)
    assert found.dtype == np.uint8
    for label, least in ((CORD, 0.85), (CANAL, 0.75), (BODY, 0.9), (AXIS, 0.85), (DISC, 0.65), (SACRUM, 0.85)):
        drawn, ours = spine.labels == label, found == label
        if drawn.sum() > 200:
            assert 2 * (drawn & ours).sum() / (drawn.sum() + ours.sum()) > least, label


def test_without_a_spine_nothing_is_labeled():
    assert not outline_map(None, (3, 4, 5)).any()
