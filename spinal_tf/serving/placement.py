"""Placement of a plane in a network's input as a graph: `spinal_tf.preprocess.place`, and resizing in and out."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from spinal_tf.preprocess import MAXIMUM_INPUT_SIDE, Preprocessing
from spinal_tf.serving.refusals import refuse_unless


@dataclass(frozen=True, kw_only=True)
class GraphPlacement:
    """Placement of a plane, which is resized first and then padded. Tensors are int32 (rows, columns).

    Attributes:
        plane_shape: shape of the plane.
        resized_shape: shape after resizing.
        before: rows added above, columns added in front.
        after: rows added below, columns added behind.
        fixed_size: rows and columns of the input if they are the same for every plane, else None.
    """

    plane_shape: tf.Tensor
    resized_shape: tf.Tensor
    before: tf.Tensor
    after: tf.Tensor
    fixed_size: tuple[int, int] | None

    @property
    def input_pixels(self) -> tf.Tensor:
        """Number of pixels in one input."""
        return tf.reduce_prod(self.before + self.resized_shape + self.after)


def graph_place(plane_shape: tf.Tensor, spacing_mm: tf.Tensor, preprocessing: Preprocessing) -> GraphPlacement:
    """Compute the placement of a plane.

    Args:
        plane_shape: int32 (2,), rows and columns.
        spacing_mm: float64 (2,), row and column size of its pixels.
        preprocessing: preprocessing record of the network.
    """
    resized = _resized_shape(plane_shape, spacing_mm, preprocessing)
    large = f"the network's input would have more than {MAXIMUM_INPUT_SIDE} pixels a side; check spacing_mm"
    resized = refuse_unless(tf.reduce_all(resized <= MAXIMUM_INPUT_SIDE), large, resized)
    fixed_size = None if preprocessing.fit == "spacing" else preprocessing.size
    multiple = preprocessing.multiple
    target = -(-resized // multiple) * multiple if fixed_size is None else tf.constant(fixed_size)
    padding = target - resized
    return GraphPlacement(
        plane_shape=plane_shape,
        resized_shape=resized,
        before=padding // 2,
        after=padding - padding // 2,
        fixed_size=fixed_size,
    )


def _resized_shape(plane_shape: tf.Tensor, spacing_mm: tf.Tensor, preprocessing: Preprocessing) -> tf.Tensor:
    if preprocessing.fit == "stretch":
        return tf.constant(preprocessing.size)
    extent_mm = tf.cast(plane_shape, tf.float64) * spacing_mm
    if preprocessing.spacing_mm is None:
        pixel_mm = tf.reduce_max(extent_mm / _kept_divisor(preprocessing.size, spacing_mm))
    else:
        pixel_mm = _kept_divisor((preprocessing.spacing_mm, preprocessing.spacing_mm), spacing_mm)
    # Limit the side before the conversion to int32, in which a larger one would overflow.
    pixels = tf.minimum(tf.round(extent_mm / pixel_mm), MAXIMUM_INPUT_SIDE + 1.0)
    return tf.maximum(1, tf.cast(pixels, tf.int32))


def _kept_divisor(values: tuple[float, float], spacing_mm: tf.Tensor) -> tf.Tensor:
    """Return two constant divisors in a form that seems to depend on the request; spacing is always positive.

    The graph optimizer turns division by a constant into a product, whose last bit decides how 199.5 is rounded.
    """
    return tf.where(spacing_mm > 0, tf.constant(values, tf.float64), 1.0)


def graph_input(planes: tf.Tensor, placement: GraphPlacement) -> tf.Tensor:
    """Resize images bilinearly and pad each with its own minimum.

    Args:
        planes: float32 (n, rows, columns).
        placement: from `graph_place`.

    Returns:
        float32 (n, rows, columns) of the input.
    """
    darkest = tf.reduce_min(planes, axis=(1, 2), keepdims=True)
    padded = _padded(graph_resized(planes, placement.plane_shape, placement.resized_shape), placement)
    inside = _padded(tf.ones(tf.concat([[1], placement.resized_shape], 0), tf.bool), placement)
    return tf.where(inside, padded, darkest)


def graph_label(masks: tf.Tensor, placement: GraphPlacement) -> tf.Tensor:
    """Resize masks by nearest neighbor and pad them with False.

    Args:
        masks: bool (n, rows, columns).
        placement: from `graph_place`.

    Returns:
        bool (n, rows, columns) of the input.
    """
    for axis in (0, 1):
        nearest = graph_nearest_index(placement.plane_shape[axis], placement.resized_shape[axis])
        masks = tf.gather(masks, nearest, axis=axis + 1)
    return _padded(masks, placement)


def graph_nearest_index(old: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
    """Compute `spinal_tf.preprocess.nearest_index` for int32 scalars: int32 (new,)."""
    return (2 * tf.range(new) + 1) * old // (2 * new)


def graph_output(maps: tf.Tensor, placement: GraphPlacement) -> tf.Tensor:
    """Put a network's maps back on the plane: crop the padding, resize bilinearly.

    Args:
        maps: float32 (n, rows, columns) of the input.
        placement: placement that was used to make the input.

    Returns:
        float32 (n, rows, columns) of the plane.
    """
    (top, left), (rows, columns) = tf.unstack(placement.before), tf.unstack(placement.resized_shape)
    inside = maps[:, top : top + rows, left : left + columns]
    return graph_resized(inside, placement.resized_shape, placement.plane_shape)


def graph_resized(planes: tf.Tensor, old: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
    """Resize bilinearly as OpenCV does, with pixel centers at half-integers, columns first.

    `tf.image.resize` computes coordinates in single precision. At column 1,000 they are wrong by 1e-4 pixels, enough
    to move voxels at the edge of a lesion across the threshold.

    Args:
        planes: float32 (n, rows, columns).
        old: int32 (2,), rows and columns before.
        new: int32 (2,), rows and columns after.
    """
    for axis in (1, 0):
        before, after, share = _neighbours(old[axis], new[axis])
        share = share if axis == 1 else share[:, tf.newaxis]
        left, right = tf.gather(planes, before, axis=axis + 1), tf.gather(planes, after, axis=axis + 1)
        planes = left * (1 - share) + right * share
    return planes


def _neighbours(old: tf.Tensor, new: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the two old pixels around each new pixel's center, int32, and the weight of the second, float32."""
    centres = (tf.range(tf.cast(new, tf.float64)) + 0.5) * (old / new) - 0.5
    centres = tf.clip_by_value(centres, 0, tf.cast(old - 1, tf.float64))
    before = tf.cast(centres, tf.int32)
    return before, tf.minimum(before + 1, old - 1), tf.cast(centres - tf.floor(centres), tf.float32)


def _padded(planes: tf.Tensor, placement: GraphPlacement) -> tf.Tensor:
    paddings = tf.stack([placement.before, placement.after], axis=1)
    padded = tf.pad(planes, tf.concat([[[0, 0]], paddings], axis=0))
    return tf.ensure_shape(padded, (None, *(placement.fixed_size or (None, None))))
