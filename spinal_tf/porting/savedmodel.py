"""Reader of SavedModels: variables in Keras' order, and the serving signature for the comparison.

A SavedModel is a TensorFlow program. Everything that loading and calling it would execute is checked first: only
network arithmetic is accepted, nothing that opens a file or calls back into Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spinal_tf.errors import PortError
from spinal_tf.porting.foreign import refuse_foreign
from spinal_tf.porting.weights_source import MAXIMUM_NUMBERS, Array, Source, checked

if TYPE_CHECKING:
    import tensorflow as tf

GRAPH_FILE = "saved_model.pb"
SIGNATURE = "serving_default"

# fmt: off
HARMLESS = frozenset((
    "Add", "AddN", "AddV2", "AvgPool", "BatchMatMulV2", "BiasAdd", "BroadcastTo", "Cast", "ConcatV2", "Const",
    "Conv2D", "Conv2DBackpropInput", "ExpandDims", "Fill", "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3",
    "GatherV2", "Identity", "IdentityN", "MatMul", "Max", "MaxPool", "Maximum", "Mean", "Minimum", "Mul", "Neg",
    "NoOp", "Pack", "Pad", "PadV2", "PartitionedCall", "Placeholder", "Prod", "Range", "ReadVariableOp", "RealDiv",
    "Relu", "Relu6", "Reshape", "Rsqrt", "Shape", "Sigmoid", "Slice", "Softmax", "Sqrt", "Square", "Squeeze",
    "StatefulPartitionedCall", "StopGradient", "StridedSlice", "Sub", "Sum", "Tile", "Transpose", "VarHandleOp",
))
# fmt: on
"""Operations that only compute. The two call operations lead to other functions of the file, which are also checked."""

RUN_ON_LOADING = ("asset", "resource")
"""Kinds of stored objects whose initializers TensorFlow runs on loading."""


def read_savedmodel(path: Path) -> Source:
    """Read a SavedModel with variables and a serving signature, as written by ``model.save`` or ``model.export``.

    Args:
        path: folder of the SavedModel.

    Raises:
        PortError: it is damaged, executes more than a network does, or holds no variables of a Keras model.
    """
    import tensorflow as tf

    refuse_programs(path)
    try:
        loaded = tf.saved_model.load(str(path))
        arrays = tuple(_arrays(list(loaded.variables), str(path)))
        function = loaded.signatures[SIGNATURE]
    except PortError:
        raise
    except Exception as error:  # the loader promises no kinds of errors for damaged files
        raise PortError(
            f"{path}: cannot be loaded as a SavedModel with variables and the signature {SIGNATURE}; copy the whole "
            "folder again, or save the model as .h5 or .keras"
        ) from error
    refuse_foreign((array.layer for array in arrays), source=str(path))
    name, spec = _only_input(function, path)

    def run(batch: np.ndarray) -> np.ndarray:
        [result] = function(**{name: tf.constant(batch, tf.float32)}).values()
        return np.asarray(result)

    return Source(path=path, format="SavedModel", arrays=arrays, run=run, input_shape=tuple(spec.shape.as_list()[1:]))


def _only_input(function: Any, path: Path) -> tuple[str, tf.TensorSpec]:  # noqa: ANN401 - TensorFlow's function
    inputs, outputs = function.structured_input_signature[1], function.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise PortError(f"{path}: {len(inputs)} inputs and {len(outputs)} outputs, where the networks have one of each")
    [(name, spec)] = inputs.items()
    if spec.shape.rank != 4:
        raise PortError(f"{path}: an input of {spec.shape.rank} axes, where the networks have four")
    return name, spec


def _arrays(variables: list[Any], source: str) -> Iterator[Array]:
    if sum(variable.shape.num_elements() for variable in variables) > MAXIMUM_NUMBERS:
        raise PortError(f"{source}: more than {MAXIMUM_NUMBERS} weights, which neither network has")
    for variable in variables:
        name = variable.name.removesuffix(":0")
        layer = name.rpartition("/")[0] or name
        yield Array(layer=layer, values=checked(variable.numpy(), layer=layer, source=source))


def refuse_programs(path: Path) -> None:
    """Refuse a SavedModel if loading or calling it would do more than compute.

    Args:
        path: folder of the SavedModel.

    Raises:
        PortError: it is damaged or of TensorFlow 1, or an operation does more than compute.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    model = SavedModel()
    try:
        model.ParseFromString((path / GRAPH_FILE).read_bytes())
    except (OSError, DecodeError) as error:
        raise PortError(f"{path}: {GRAPH_FILE} cannot be read, it may be cut short; copy the folder again") from error
    if len(model.meta_graphs) != 1 or not model.meta_graphs[0].object_graph_def.nodes:
        raise PortError(f"{path}: not a SavedModel of TensorFlow 2; save the model as .h5 or .keras")
    [graph] = model.meta_graphs
    objects = graph.object_graph_def
    run_on_loading = {node.WhichOneof("kind") for node in objects.nodes} & set(RUN_ON_LOADING)
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    odd = sorted(_reachable(_served(objects, path), functions, str(path)) - HARMLESS)
    if run_on_loading or odd:
        what = ", ".join(sorted(run_on_loading) + odd)
        raise PortError(
            f"{path}: does more than a network does ({what}) and is not run; save the model as .h5 or .keras"
        )


def _served(objects: Any, path: Path) -> str:  # noqa: ANN401 - protocol buffer
    """Return the name of the signature's function."""
    node = objects.nodes[0]
    for name in ("signatures", SIGNATURE):
        children = {child.local_name: child.node_id for child in node.children}
        if not 0 <= children.get(name, -1) < len(objects.nodes):
            raise PortError(f"{path}: has no signature {SIGNATURE}; save the model as .h5 or .keras")
        node = objects.nodes[children[name]]
    if node.WhichOneof("kind") == "bare_concrete_function":
        return str(node.bare_concrete_function.concrete_function_name)
    if not node.function.concrete_functions:
        raise PortError(f"{path}: its signature {SIGNATURE} is empty; save the model as .h5 or .keras")
    return str(node.function.concrete_functions[0])


def _reachable(start: str, functions: dict[str, Any], source: str) -> set[str]:
    """Collect the operations of a function and of all functions that it calls."""
    operations, waiting, seen = set[str](), [start], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in functions:
            raise PortError(f"{source}: {GRAPH_FILE} is damaged, it calls what is not in it; copy the folder again")
        for node in functions[name].node_def:
            operations.add(node.op)
            called = [attribute.func.name for attribute in node.attr.values() if attribute.func.name]
            waiting += called + ([node.op] if node.op in functions else [])
    return operations
