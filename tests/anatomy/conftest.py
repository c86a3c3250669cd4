"""Drawn spines whose true labels stand for the network's maps."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from spinal_tf.anatomy.maps import AnatomyMaps, outlined_slices
from spinal_tf.anatomy.spine import find_spine
from spinal_tf.images.anatomy_map import SHOWN
from spinal_tf.phantom.spine import procedural_background
from spinal_tf.preprocess import Preprocessing, place, to_input
from spinal_tf.structures import STRUCTURES

SPACING_MM = (3.5, 1.0, 1.0)
SIZE = (13, 300, 150)
COARSE = Preprocessing(fit="spacing", spacing_mm=1.5, intensity="zscore_no_clip")


def maps_of(labels, spacing_mm=SPACING_MM) -> AnatomyMaps:
    """Maps that a perfect network would give for true labels (slice, row, column)."""
    truth = {one: np.isin(labels, [label for label, shown in SHOWN.items() if one in shown]) for one in STRUCTURES}
    placement = place(labels.shape[1:], spacing_mm[1:], COARSE)
    slices = outlined_slices(len(labels), spacing_mm[0])
    planes = [
        to_input(truth[one][slices].astype(np.float32), placement)[(slice(None), *placement.window)]
        for one in STRUCTURES
    ]
    step = slices[1] - slices[0]
    return AnatomyMaps(
        probability=np.stack(planes, axis=-1), slices=slices, placement=placement, slice_mm=step * spacing_mm[0]
    )


def spine_of(level, seed=4):
    """Truth of a drawn spine, and what is found on its perfect maps."""
    drawn = procedural_background(
        np.random.default_rng(seed), level=level, spacing_mm=SPACING_MM, size=SIZE, with_t1c=False
    )
    labels, vertebrae = drawn.anatomy.label_maps(1, 0, drawn.cord >= 0.5)
    maps = maps_of(labels)
    return SimpleNamespace(drawn=drawn, labels=labels, vertebrae=vertebrae, maps=maps, found=find_spine(maps))


@pytest.fixture(scope="session")
def spines():
    return {level: spine_of(level) for level in ("cervical", "thoracic", "lumbar")}
