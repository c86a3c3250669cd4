"""Comparison of the file's own network with ours on the same input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spinal_tf.errors import PortError
from spinal_tf.porting.weights_source import Source

TOLERANCE = 1e-4
"""Maximum difference in probability for the same network in two programs; float32 gives about 1e-6."""

PROBE_SIZE = (64, 64)
"""Rows and columns of the input if both networks accept any size."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Result of the comparison.

    Attributes:
        shape: shape of the input (n, rows, columns, channels).
        lowest: lowest probability of our network.
        highest: highest probability of our network; if it is near ``lowest``, the comparison says little.
        difference: maximum difference between the two networks; None if the file holds no network to run.
    """

    shape: tuple[int, ...]
    lowest: float
    highest: float
    difference: float | None


def compare(
    source: Source,
    ours: Callable[[np.ndarray], np.ndarray],
    batch: np.ndarray,
    *,
    channel_order: tuple[int, ...],
    output_order: tuple[int, ...],
) -> Comparison:
    """Run both networks and compare.

    Args:
        source: file with its network.
        ours: our network with the imported weights.
        batch: float32 (n, rows, columns, channels), in our order of channels.
        channel_order: index of our channel for each of the file's channels.
        output_order: index of the file's output for each of our outputs.

    Raises:
        PortError: the networks differ by more than `TOLERANCE`, or ours gives values that are not finite.
    """
    result = ours(batch)
    if not np.isfinite(result).all():
        raise PortError(f"{source.path}: the network gives no finite numbers with these weights; take another copy")
    difference = None
    if source.run is not None:
        expected = source.run(batch[..., channel_order])[..., output_order]
        difference = float(np.abs(result - expected).max()) if result.shape == expected.shape else np.inf
        if not difference <= TOLERANCE:
            raise PortError(
                f"{source.path}: its own network and ours differ by {difference:.2g} on the same input with the same "
                "weights, so they are not the same network; nothing was written"
            )
    return Comparison(shape=batch.shape, lowest=float(result.min()), highest=float(result.max()), difference=difference)


def probe(shape: tuple[int, int, int]) -> np.ndarray:
    """Make three clearly different inputs, all within 0 to 1: noise, faint noise and a gradient.

    Args:
        shape: rows, columns and channels.

    Returns:
        float32 (3, rows, columns, channels).
    """
    noise = np.random.default_rng(0).random(shape, dtype=np.float32)
    slope = np.broadcast_to(np.linspace(0, 1, shape[0], dtype=np.float32)[:, np.newaxis, np.newaxis], shape)
    return np.stack([noise, noise[::-1] * np.float32(0.1), slope])
