"""Tiles of a case inside a graph: `spinal_tf.slices.make_tiles`, but with images made on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from spinal_tf.checkpoints.manifest import Checkpoint
from spinal_tf.preprocess import MaskMode
from spinal_tf.serving.intensity import GraphScale, graph_scale
from spinal_tf.serving.placement import GraphPlacement, graph_input, graph_label, graph_place
from spinal_tf.slices import MASK, T1C, T2W


@dataclass(frozen=True, kw_only=True)
class GraphTiles:
    """The tiles of one case.

    Attributes:
        slices: int32 (tile,), slice index of every tile in the volume, ascending.
        labels: bool (tile, row, column), mask in the tiles.
        placement: placement of a slice in its tile.
        volumes: T1c (None if absent) and T2w, float32 (slice, row, column).
        scales: intensity scales of these volumes.
        mask_mode: see `spinal_tf.slices.make_tiles`.
    """

    slices: tf.Tensor
    labels: tf.Tensor
    placement: GraphPlacement
    volumes: Sequence[tf.Tensor | None]
    scales: Sequence[GraphScale | None]
    mask_mode: MaskMode

    @property
    def count(self) -> tf.Tensor:
        """Number of tiles, int32."""
        return tf.size(self.slices)

    def images(self, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Return tiles ``start`` to ``stop``: float32 (tile, row, column, channel)."""
        labels = tf.cast(self.labels[start:stop], tf.float32)
        channels = [labels] * 3
        for channel, volume, scale in zip((T1C, T2W), self.volumes, self.scales, strict=True):
            channels[channel] = tf.zeros_like(labels)
            if volume is not None and scale is not None:
                planes = tf.gather(volume, self.slices[start:stop])
                channels[channel] = graph_input(scale(planes), self.placement)
            if self.mask_mode == "multiply":
                channels[channel] *= labels
        channels[MASK] = labels
        return tf.stack(channels, axis=-1)


def graph_tiles(
    checkpoint: Checkpoint, volume: tf.Tensor, mask: tf.Tensor, spacing_mm: tf.Tensor, t1c: tf.Tensor | None
) -> GraphTiles:
    """Make tiles of the slices whose mask is not empty after resizing.

    Args:
        checkpoint: checkpoint of the classifier.
        volume: float32 (slice, row, column), checked.
        mask: bool, the same shape.
        spacing_mm: float64 (2,), checked.
        t1c: T1c volume like ``volume``, or None; ignored if the classifier was trained without T1c.
    """
    preprocessing = checkpoint.preprocessing
    placement = graph_place(tf.shape(volume)[1:], spacing_mm, preprocessing)
    candidates = tf.where(tf.reduce_any(mask, axis=(1, 2)))[:, 0]
    labels = graph_label(tf.gather(mask, candidates), placement)
    visible = tf.reduce_any(labels, axis=(1, 2))
    volumes = [t1c if "t1c" in checkpoint.modalities else None, volume]
    return GraphTiles(
        slices=tf.cast(tf.boolean_mask(candidates, visible), tf.int32),
        labels=tf.boolean_mask(labels, visible),
        placement=placement,
        volumes=volumes,
        scales=[None if given is None else graph_scale(given, preprocessing.intensity) for given in volumes],
        mask_mode=checkpoint.mask_mode or "channel",
    )
