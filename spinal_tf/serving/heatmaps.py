"""Places Grad-CAM maps on the volume's grid inside a graph, as `spinal_tf.explanation.gradcam` does."""

from __future__ import annotations

import tensorflow as tf

from spinal_tf.explanation.gradcam import NORMALISATION_EPSILON
from spinal_tf.serving.placement import graph_output, graph_resized
from spinal_tf.serving.tiles import GraphTiles


def graph_heatmap(maps: tf.Tensor, tiles: GraphTiles, size: tuple[int, int], shape: tf.Tensor) -> tf.Tensor:
    """Enlarge, scale and place the maps of a case's tiles.

    Args:
        maps: float32 (tile, row, column), raw.
        tiles: tiles that the maps explain.
        size: rows and columns of a tile.
        shape: int32 (3,), shape of the volume.

    Returns:
        float32 of that shape, 0 to 1; zero on slices without a tile.
    """
    enlarged = graph_resized(maps, tf.shape(maps)[1:], tf.constant(size))
    lowest = tf.reduce_min(enlarged, axis=(1, 2), keepdims=True)
    extent = tf.reduce_max(enlarged, axis=(1, 2), keepdims=True) - lowest
    planes = graph_output((enlarged - lowest) / (extent + NORMALISATION_EPSILON), tiles.placement)
    return tf.scatter_nd(tiles.slices[:, tf.newaxis], planes, shape)
