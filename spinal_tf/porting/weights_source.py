"""What is known of a file of weights, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinal_tf.errors import PortError
from spinal_tf.porting.graph import Graph

Run = Callable[[np.ndarray], np.ndarray]
"""From float32 (n, rows, columns, channels) to the float32 result of the network that the file holds."""

MAXIMUM_NUMBERS = 250_000_000
"""Most weights that are read, against files that unpack to more than memory; NASNetLarge has 89 million."""


@dataclass(frozen=True, kw_only=True)
class Array:
    """One array of weights.

    Attributes:
        layer: that it belongs to, as the file calls it.
        values: float32.
    """

    layer: str
    values: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file of weights.

    Attributes:
        path: of the file or folder.
        format: in words, with the version of Keras where the file tells it.
        arrays: in Keras' order, which follows from the connections: layers by depth, and each layer's arrays as made.
        graph: where the file describes its network.
        run: where the file's own network can be run.
        input_shape: rows, columns and channels of its input; None for what is free or not told.
    """

    path: Path
    format: str
    arrays: tuple[Array, ...]
    graph: Graph | None = None
    run: Run | None = None
    input_shape: tuple[int | None, ...] = (None, None, None)

    @property
    def layers(self) -> Mapping[str, tuple[np.ndarray, ...]]:
        """The arrays by layer."""
        grouped: dict[str, tuple[np.ndarray, ...]] = {}
        for array in self.arrays:
            grouped[array.layer] = (*grouped.get(array.layer, ()), array.values)
        return grouped

    @property
    def count(self) -> int:
        """How many numbers the arrays hold."""
        return sum(array.values.size for array in self.arrays)


def checked(values: np.ndarray, *, layer: str, source: str) -> np.ndarray:
    """An array as float32.

    Raises:
        PortError: it does not hold finite numbers.
    """
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        raise PortError(f"{source}: layer {layer} has weights that are not finite numbers; take another copy")
    return np.asarray(values, np.float32)
