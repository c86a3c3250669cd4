"""Content of a weights file, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinal_tf.errors import PortError
from spinal_tf.porting.graph import Graph

Run = Callable[[np.ndarray], np.ndarray]
"""Function from float32 (n, rows, columns, channels) to the float32 output of the file's network."""

MAXIMUM_NUMBERS = 250_000_000
"""Maximum number of weights to read, so that a file cannot exhaust the memory; NASNetLarge has 89 million."""


@dataclass(frozen=True, kw_only=True)
class Array:
    """One array of weights.

    Attributes:
        layer: name of its layer in the file.
        values: values, float32.
    """

    layer: str
    values: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Source:
    """Content of a weights file.

    Attributes:
        path: path of the file or folder.
        format: description of the format, with the Keras version if known.
        arrays: arrays in Keras' order, which follows from the connections: layers by depth, and each layer's arrays in
            order of creation.
        graph: the file's description of its network, if any.
        run: function that runs the file's own network, if possible.
        input_shape: rows, columns and channels of the input; None if variable or unknown.
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
        """Total number of values in the arrays."""
        return sum(array.values.size for array in self.arrays)


def checked(values: np.ndarray, *, layer: str, source: str) -> np.ndarray:
    """Check that an array is finite and return it as float32.

    Raises:
        PortError: it holds values that are not finite numbers.
    """
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        raise PortError(f"{source}: layer {layer} has weights that are not finite numbers; take another copy")
    return np.asarray(values, np.float32)
