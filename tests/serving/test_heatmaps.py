"""Heat maps of a server beside those of the package, from the same raw maps."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from spinal_tf.explanation.gradcam import enlarge, heatmap_volume, scale
from spinal_tf.preprocess import Preprocessing, place
from spinal_tf.serving.heatmaps import graph_heatmap
from spinal_tf.serving.placement import graph_place
from spinal_tf.serving.tiles import GraphTiles
from spinal_tf.slices import Tiles

SIZE, SHAPE, SPACING_MM, SLICES = (256, 192), (7, 96, 160), (0.7, 0.8), (1, 4)


def _both(raw_maps, preprocessing):
    """The volume of heat that the package makes, and that of a graph."""
    placement = place(SHAPE[1:], SPACING_MM, preprocessing)
    tiles = Tiles(images=np.zeros((2, *SIZE, 3), np.float32), slices=SLICES, placement=placement)
    served = GraphTiles(
        slices=tf.constant(SLICES),
        labels=tf.zeros((2, *SIZE), tf.bool),
        placement=graph_place(tf.constant(SHAPE[1:]), tf.constant(SPACING_MM, tf.float64), preprocessing),
        volumes=(),
        scales=(),
        mask_mode="channel",
    )
    heat = tf.function(lambda maps: graph_heatmap(maps, served, SIZE, tf.constant(SHAPE)))(tf.constant(raw_maps))
    return heatmap_volume(scale(enlarge(raw_maps, SIZE)), tiles, SHAPE), heat.numpy()


@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_package_and_graph_agree(fit):
    raw_maps = np.random.default_rng(0).random((2, 8, 6), np.float32)
    ours, served = _both(raw_maps, Preprocessing(fit=fit, size=SIZE))
    assert ours.max() > 0.9
    np.testing.assert_allclose(served, ours, atol=1e-5)


def test_a_hot_cell_lies_centered_on_its_own_pixels():
    raw_maps = np.zeros((2, 8, 6), np.float32)
    raw_maps[1, 2, 3] = 1
    _, [*_, heat, _, _] = _both(raw_maps, Preprocessing(size=SIZE))
    # A cell covers 12 rows and 26 2/3 columns of a plane.
    rows, columns = (np.average(np.arange(heat.shape[axis]), weights=heat.sum(axis=1 - axis)) for axis in (0, 1))
    assert (rows, columns) == pytest.approx((2.5 * 12 - 0.5, 3.5 * 160 / 6 - 0.5), abs=0.02)
