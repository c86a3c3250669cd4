"""Input checks of a served graph; each failed check gives one plain sentence.

A server answers a failed check with INVALID_ARGUMENT and this sentence, and keeps running. It does not compare inputs
with the shapes of the signature, so even the number of axes is checked here.
"""

from __future__ import annotations

import tensorflow as tf

from spinal_tf.images.volume import FEWEST_SLICES
from spinal_tf.serving.outliers import without_outliers


def refuse_unless(condition: tf.Tensor, sentence: str, value: tf.Tensor) -> tf.Tensor:
    """Return the value after checking the condition.

    Args:
        condition: bool scalar.
        sentence: message for the client if the condition is false.
        value: value to return; anything computed from the result runs after the check.
    """
    with tf.control_dependencies([tf.raw_ops.Assert(condition=condition, data=[sentence])]):
        return tf.identity(value)


def checked_volume(volume: tf.Tensor, name: str) -> tf.Tensor:
    """Return a volume after checking that the networks can use it, with outliers clipped.

    Args:
        volume: float32 of any shape.
        name: name of the input, for the messages.

    Returns:
        float32 (slice, row, column), finite, not constant.
    """
    volume = with_axes(volume, 3, f"{name} must have three axes: slices, rows, columns")
    few = f"{name} must have at least {FEWEST_SLICES} voxels along every axis"
    volume = refuse_unless(tf.reduce_all(tf.shape(volume) >= FEWEST_SLICES), few, volume)
    finite = f"{name} has voxels that are not finite numbers; export the image again"
    volume = refuse_unless(tf.reduce_all(tf.math.is_finite(volume)), finite, volume)
    constant = f"{name} has constant intensity, nothing to normalize; check that this is the right image"
    return without_outliers(refuse_unless(tf.reduce_min(volume) < tf.reduce_max(volume), constant, volume))


def checked_mask(mask: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Return a lesion mask after checking that it fits a volume's grid.

    Args:
        mask: uint8; 0, and one other value in the lesion.
        like: checked volume.

    Returns:
        bool, the volume's shape, not empty.
    """
    mask = with_axes(mask, 3, "mask must have three axes: slices, rows, columns")
    same = tf.reduce_all(tf.equal(tf.shape(mask), tf.shape(like)))
    mask = refuse_unless(same, "mask must have the shape of the slices", mask)
    one = tf.reduce_all((mask == 0) | (mask == tf.reduce_max(mask)))
    mask = refuse_unless(one, "mask must hold 0 and one other value, that of the lesion", mask)
    empty = "mask is empty: without a lesion there is nothing to classify"
    return refuse_unless(tf.reduce_any(mask != 0), empty, mask) != 0


def checked_contrast(t1c: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Return a contrast-enhanced volume after checking that it fits another's grid: float32, the same shape."""
    t1c = checked_volume(t1c, "t1c")
    same = tf.reduce_all(tf.equal(tf.shape(t1c), tf.shape(like)))
    return refuse_unless(same, "t1c must have the shape of the slices", t1c)


def checked_spacing(spacing_mm: tf.Tensor) -> tf.Tensor:
    """Return the row and column size of a volume's pixels, checked: float64 (2,), positive and finite."""
    spacing_mm = with_axes(spacing_mm, 1, "spacing_mm must be two numbers: row size and column size")
    two = tf.equal(tf.size(spacing_mm), 2)
    spacing_mm = refuse_unless(two, "spacing_mm must be two numbers: row size and column size", spacing_mm)
    usable = tf.reduce_all(tf.math.is_finite(spacing_mm) & (spacing_mm > 0))
    return refuse_unless(usable, "spacing_mm must be positive numbers", spacing_mm)


def checked_slice_distance(slice_mm: tf.Tensor) -> tf.Tensor:
    """Return the distance from one slice of a volume to the next, checked: float64 scalar, positive and finite."""
    slice_mm = with_axes(slice_mm, 0, "slice_mm must be a single number")
    usable = tf.math.is_finite(slice_mm) & (slice_mm > 0)
    return refuse_unless(usable, "slice_mm must be a positive number", slice_mm)


def with_axes(value: tf.Tensor, count: int, sentence: str) -> tf.Tensor:
    """Return the value after checking its number of axes."""
    # The graph optimizer trusts the signature's shape and would drop the check. It cannot foresee this choice between
    # values of different shapes.
    hidden = tf.cond(tf.timestamp() < 0, lambda: tf.zeros((1,) * (count + 1), value.dtype), lambda: value)
    checked = refuse_unless(tf.equal(tf.rank(hidden), count), sentence, hidden)
    checked.set_shape((None,) * count)
    return checked
