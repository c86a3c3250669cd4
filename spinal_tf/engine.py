"""Inference engines: a small interface to run networks on many planes, implemented in TensorFlow."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from spinal_tf.checkpoints.weight_files import Weights, by_variable, weights_of
from spinal_tf.errors import DeviceError

if TYPE_CHECKING:
    import keras

PIXELS_PER_BATCH = 512 * 512
"""Maximum pixels in one call: MultiResUNet of width 32 needs 1.1 kB per pixel; larger batches are no faster on CPUs."""

DEVICE_PATTERN = re.compile(r"cpu|gpu(?::(\d+))?")
"""Valid device names: ``cpu``, ``gpu`` (the first one), ``gpu:1``."""


GPU_FILES = ("nvidia*", "dxg", "kfd")
"""Device files of GPUs in ``/dev``: NVIDIA's, those of Windows' subsystem for Linux, and AMD's."""

GPU_LIBRARY = "libcuda.so.1"


class Engine(Protocol):
    """Interface of a network that is ready to run; a library other than TensorFlow only has to implement this."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the network once.

        Args:
            batch: float32 (n, rows, columns, channels).

        Returns:
            float32, the network's output for each of the n inputs.
        """


class FrozenEngine:
    """A Keras model as one TensorFlow graph with all weights as constants, for inference only.

    TensorFlow then folds batch normalizations into convolutions. Later changes to the model have no effect on it.
    """

    def __init__(self, model: keras.Model, *, weights: Weights | None = None, device: str = "cpu") -> None:
        """Trace the model.

        Args:
            model: model with one input and one output.
            weights: weights to use instead of the model's own, whose variables then need no values.
            device: see `tensorflow_device`.

        Raises:
            DeviceError: this machine has no such device.
        """
        import keras
        import tensorflow as tf

        self._device = tensorflow_device(device)
        values = by_variable(model, weights_of(model) if weights is None else weights)

        def call(batch: Any) -> Any:  # noqa: ANN401 - a symbolic tensor
            with keras.StatelessScope(values, initialize_variables=False):
                return model(batch, training=False)

        signature = [tf.TensorSpec(model.inputs[0].shape, tf.float32)]
        with tf.device(self._device):
            self._graph = tf.function(call, input_signature=signature, autograph=False).get_concrete_function()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the graph; see `Engine`."""
        import tensorflow as tf

        with tf.device(self._device):
            result: np.ndarray = self._graph(tf.constant(batch, tf.float32)).numpy()
        return result


def frozen_engine(model: keras.Model, *, weights: Weights | None = None, device: str = "cpu") -> Engine:
    """Make the TensorFlow engine of a Keras model.

    Args:
        model: model with one input and one output.
        weights: weights to use instead of the model's own, whose variables then need no values.
        device: ``cpu``, ``gpu`` (the first one) or ``gpu:N``.

    Raises:
        DeviceError: this machine has no such device.
    """
    return FrozenEngine(model, weights=weights, device=device)


def weightless_graph(model: keras.Model, function: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """Trace a network without its weights, so that one trace serves many sets of weights.

    Args:
        model: model with one input; its variables need no values.
        function: function of a batch that runs the model or parts of it.

    Returns:
        A graph that takes the batch and the values of the model's variables, float32, in the order of `by_variable`.
    """
    import keras
    import tensorflow as tf

    variables = [variable for layer in model.layers for variable in layer.weights]

    def run(batch: Any, values: list[Any]) -> Any:  # noqa: ANN401 - symbolic tensors
        with keras.StatelessScope(list(zip(variables, values, strict=True)), initialize_variables=False):
            return function(batch)

    batch, *values = (tf.TensorSpec(tensor.shape, tf.float32) for tensor in (model.inputs[0], *variables))
    graph: Callable[[Any, Any], Any] = tf.function(run, autograph=False).get_concrete_function(batch, values)
    return graph


def refuse_missing_gpu(device: str) -> None:
    """Refuse a GPU, without importing TensorFlow, on a machine that has neither a GPU's device file nor its driver.

    Args:
        device: name of a device; a name that is no GPU's is accepted.

    Raises:
        DeviceError: there is no GPU.
    """
    if device.startswith("gpu") and not _may_have_gpu():
        raise DeviceError(f"device {device} is not there; this machine has no GPU, or no driver for one")


def _may_have_gpu() -> bool:
    if any(file for pattern in GPU_FILES for file in Path("/dev").glob(pattern)):
        return True
    try:
        ctypes.CDLL(GPU_LIBRARY)
    except OSError:
        return False
    return True


def tensorflow_device(device: str) -> str:
    """Return TensorFlow's name of a device.

    Args:
        device: ``cpu``, ``gpu`` (the first one) or ``gpu:N``.

    Raises:
        DeviceError: the name is invalid, or TensorFlow does not see the device on this machine.
    """
    import tensorflow as tf

    match = DEVICE_PATTERN.fullmatch(device)
    if match is None:
        raise DeviceError(f"device {device} is not known; write cpu, gpu or gpu:N")
    if device == "cpu":
        return "/CPU:0"
    number, count = int(match[1] or 0), len(tf.config.list_physical_devices("GPU"))
    if number >= count:
        there = ", ".join(["cpu", *(f"gpu:{index}" for index in range(count))])
        raise DeviceError(f"device {device} is not there; TensorFlow sees on this machine: {there}")
    return f"/GPU:{number}"


def run_in_batches(
    engine: Engine, planes: np.ndarray, *, outputs: int = 1, pixels_per_batch: int = PIXELS_PER_BATCH
) -> np.ndarray:
    """Run a network that outputs maps of each plane, with as many planes per call as the limit allows.

    Args:
        engine: network that outputs maps of the planes' size.
        planes: float32 (n, rows, columns, channels).
        outputs: number of maps that are kept, from the first.
        pixels_per_batch: maximum pixels in one call; a larger plane runs alone.

    Returns:
        float32, (n, rows, columns, outputs).
    """
    count, rows, columns, _ = planes.shape
    result = np.empty((count, rows, columns, outputs), np.float32)
    step = max(1, pixels_per_batch // (rows * columns))
    for start in range(0, count, step):
        result[start : start + step] = engine(planes[start : start + step])[..., :outputs]
    return result
