"""Export of the bare network to LiteRT and ONNX: it takes prepared tiles and returns probabilities."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from spinal_tf.errors import RequirementError
from spinal_tf.serving.export_options import BareFormat, Precision
from spinal_tf.serving.network import ServedNetwork
from spinal_tf.serving.saved_model import folder_bytes, write_extra, write_sums
from spinal_tf.serving.signature import TILES
from spinal_tf.serving.versions import new_version
from spinal_tf.serving.write_export import ServedModel, description, model_cards

ONNX_OPSET = 18
"""Newest opset that the converter writes; every ONNX Runtime since 1.14 reads it."""


@dataclass(frozen=True, kw_only=True)
class _Runtime:
    """Requirements and functions of a format.

    Attributes:
        packages: modules needed to convert and run.
        precisions: supported precisions of the stored weights.
        file: name of the written file.
    """

    packages: tuple[str, ...]
    precisions: tuple[Precision, ...]
    file: str
    convert: Callable[[tf.types.experimental.ConcreteFunction, Precision], bytes]
    run: Callable[[Path, np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class ExportedBare:
    """A written version.

    Attributes:
        lowest: lowest probability from TensorFlow in float32, on the signature's sample.
        highest: highest probability from TensorFlow. If it is close to ``lowest``, the comparison says little.
        difference: largest absolute difference from TensorFlow's probabilities.
    """

    folder: Path
    size_bytes: int
    lowest: float
    highest: float
    difference: float


def require_runtime(form: BareFormat, precision: Precision) -> None:
    """Check that a format can be written here.

    Raises:
        RequirementError: packages of the format are not installed, or the format does not support the precision.
    """
    runtime = RUNTIMES[form]
    missing = [name for name in runtime.packages if importlib.util.find_spec(name) is None]
    if missing:
        raise RequirementError(
            f"--format {form} needs {' and '.join(missing)}; install with: pip install 'spinal-tf[{form}]'"
        )
    if precision not in runtime.precisions:
        raise RequirementError(
            f"--format {form} has no --precision {precision}; take {' or '.join(runtime.precisions)}"
        )


def export_bare(
    model: ServedModel,
    weights: Path,
    models: Path,
    form: BareFormat,
    *,
    version: int | None = None,
    precision: Precision = "float32",
) -> ExportedBare:
    """Write one network's file into ``models/NAME-FORMAT/VERSION``, whole or not at all.

    Args:
        model: model with one network, made in float32.
        weights: folder of its weights, for the model card.
        models: folder of all models.
        form: format to write.
        version: version number; None takes the next free one.
        precision: precision of the stored weights.

    Raises:
        RequirementError: see `require_runtime`.
        OutputError: the version exists, or the folder cannot be written to.
        WeightsError: the model card is missing.
    """
    require_runtime(form, precision)
    runtime = RUNTIMES[form]
    [network] = model.networks
    [tiles] = [signature for signature in model.signatures if signature.name == TILES]
    graph = _frozen(network)
    sample = tiles.sample["tiles"]
    with new_version(models, f"{model.name}-{form}", version) as (temporary, target):
        file = temporary / runtime.file
        file.write_bytes(runtime.convert(graph, precision))
        record = description(model, int(target.name))
        record["precision"] = precision
        record["signatures"] = {TILES: record["signatures"][TILES]}
        write_extra(temporary, record, model_cards(model, weights))
        write_sums(temporary)
        size_bytes = folder_bytes(temporary)
        expected = graph(tf.constant(sample)).numpy()
        difference = float(np.abs(runtime.run(file, sample) - expected).max())
    return ExportedBare(
        folder=target,
        size_bytes=size_bytes,
        lowest=float(expected.min()),
        highest=float(expected.max()),
        difference=difference,
    )


def _frozen(network: ServedNetwork) -> tf.types.experimental.ConcreteFunction:
    """Return the network with its weights as constants, because converters silently lose variables."""
    model = network.graphs.model
    names = [variable for layer in model.layers for variable in layer.weights]
    constants = [value.numpy() for value in network.values()]

    def call(tiles: tf.Tensor) -> tf.Tensor:
        values = [(name, tf.constant(value)) for name, value in zip(names, constants, strict=True)]
        with keras.StatelessScope(values, initialize_variables=False):
            return model(tiles, training=False)

    specification = tf.TensorSpec(model.inputs[0].shape, tf.float32, name="tiles")
    return tf.function(call, autograph=False).get_concrete_function(specification)


def _to_litert(graph: tf.types.experimental.ConcreteFunction, precision: Precision) -> bytes:
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph])
    if precision == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    data: bytes = converter.convert()
    return data


def _run_litert(file: Path, tiles: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(file))
    [given], [result] = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(given["index"], tiles.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], tiles)
    interpreter.invoke()
    answer: np.ndarray = interpreter.get_tensor(result["index"])
    return answer


def _to_onnx(graph: tf.types.experimental.ConcreteFunction, precision: Precision) -> bytes:
    import tf2onnx

    specification = graph.structured_input_signature[0]
    model, _ = tf2onnx.convert.from_function(tf.function(graph), input_signature=specification, opset=ONNX_OPSET)
    data: bytes = model.SerializeToString()
    return data


def _run_onnx(file: Path, tiles: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    [given] = session.get_inputs()
    [answer] = session.run(None, {given.name: tiles})
    return np.asarray(answer)


RUNTIMES: dict[BareFormat, _Runtime] = {
    "litert": _Runtime(
        packages=("ai_edge_litert",),
        precisions=("float32", "float16"),
        file="model.tflite",
        convert=_to_litert,
        run=_run_litert,
    ),
    "onnx": _Runtime(
        packages=("tf2onnx", "onnx", "onnxruntime"),
        precisions=("float32",),
        file="model.onnx",
        convert=_to_onnx,
        run=_run_onnx,
    ),
}
