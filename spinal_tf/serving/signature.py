"""Inputs and outputs of a served model in one record, used by TensorFlow, the JSON description and the guide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from spinal_tf.serving.names import SERVING_DEFAULT, TILES

__all__ = ["SERVING_DEFAULT", "SLICES", "SLICE_MM", "SPACING_MM", "TILES", "Signature", "TensorRecord"]


@dataclass(frozen=True, kw_only=True)
class TensorRecord:
    """One input or output.

    Attributes:
        dtype: NumPy name of the dtype, or ``string``.
        shape: sizes of the axes, None if a size depends on the request.
        meaning: description in words, with unit and axes.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    meaning: str

    def to_dict(self) -> dict[str, Any]:
        """Return the record as a JSON-serializable dict, with -1 for sizes that depend on the request."""
        shape = [-1 if size is None else size for size in self.shape]
        return {"dtype": self.dtype, "shape": shape, "meaning": self.meaning}


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One way to call a served model.

    Attributes:
        name: name in a request.
        meaning: description in words.
        inputs: inputs in the order of the function's arguments.
        outputs: outputs, named by the keys that the function returns.
        function: function from tensors to a mapping of tensors.
        sample: request without patient data, for warm-up and comparison.
    """

    name: str
    meaning: str
    inputs: tuple[TensorRecord, ...]
    outputs: tuple[TensorRecord, ...]
    function: Callable[..., Mapping[str, tf.Tensor]]
    sample: Mapping[str, np.ndarray]

    def trace(self) -> tf.types.experimental.ConcreteFunction:
        """Return the function as a graph with named inputs and outputs."""
        specs = {item.name: tf.TensorSpec(item.shape, item.dtype, name=item.name) for item in self.inputs}
        names = [item.name for item in self.outputs]

        def call(**given: tf.Tensor) -> dict[str, tf.Tensor]:
            results = self.function(*(given[item.name] for item in self.inputs))
            return {name: tf.identity(results[name]) for name in names}

        return tf.function(call, autograph=False).get_concrete_function(**specs)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as a JSON-serializable dict."""
        return {
            "meaning": self.meaning,
            "inputs": {item.name: item.to_dict() for item in self.inputs},
            "outputs": {item.name: item.to_dict() for item in self.outputs},
        }


SLICES = TensorRecord(
    name="slices",
    dtype="float32",
    shape=(None, None, None),
    meaning="T2w volume: sagittal slices from right to left, rows from head to foot, columns from front to back; "
    "intensities as they come from the scanner",
)
SPACING_MM = TensorRecord(
    name="spacing_mm", dtype="float64", shape=(2,), meaning="mm from row to row and from column to column"
)
SLICE_MM = TensorRecord(name="slice_mm", dtype="float64", shape=(), meaning="mm from slice to slice")
