"""The few messages of TensorFlow Serving that are written here, without TensorFlow and without its generated classes.

Names, numbers and types of the fields are those of tensorflow_serving/apis/{model,predict,prediction_log}.proto and
tensorflow/core/framework/tensor.proto; a test compares them with the genuine classes. They live in a pool of their
own, so that both can be loaded in one process.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

OPTIONAL, REPEATED = (
    descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
    descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED,
)
PACKAGE = "tensorflow.serving"
FILE = "spinal_tf/serving.proto"

TYPES = {
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
}

MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Dim": {"size": (1, "int64")},
    "TensorShape": {"dim": (2, "repeated Dim")},
    "Tensor": {"dtype": (1, "int32"), "tensor_shape": (2, "TensorShape"), "tensor_content": (4, "bytes")},
    "ModelSpec": {"name": (1, "string"), "version": (2, "Int64Value"), "signature_name": (3, "string")},
    "InputsEntry": {"key": (1, "string"), "value": (2, "Tensor")},
    "PredictRequest": {
        "model_spec": (1, "ModelSpec"),
        "inputs": (2, "repeated InputsEntry"),
        "output_filter": (3, "repeated string"),
    },
    "PredictLog": {"request": (1, "PredictRequest")},
    "PredictionLog": {"predict_log": (6, "PredictLog")},
}
"""Field numbers and types; on the wire a map is a repeated entry of key and value, and an enumeration an int32."""

Message = Any
"""An object of a class that is made at run time."""

DATA_TYPES = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int64": 9, "bool": 10}
"""`DataType` of tensorflow/core/framework/types.proto by NumPy's name."""


def predict_request(
    inputs: Mapping[str, np.ndarray], *, model: str, signature: str, version: int | None = None
) -> Message:
    """A request to `PredictionService.Predict`.

    Args:
        inputs: by the signature's names.
        model: name on the server.
        signature: of that model.
        version: of that model; None leaves the choice to the server.
    """
    request = _message("PredictRequest")()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    if version is not None:
        request.model_spec.version.value = version
    for name, value in inputs.items():
        request.inputs.add(key=name, value=tensor(value))
    return request


def prediction_log(request: Message) -> Message:
    """The record of a request, as a server replays it to warm up."""
    log = _message("PredictionLog")()
    log.predict_log.request.CopyFrom(request)
    return log


def tensor(value: np.ndarray) -> Message:
    """An array as a `TensorProto`.

    Raises:
        KeyError: no signature of ours has this type.
    """
    value = np.asarray(value)
    message = _message("Tensor")(dtype=DATA_TYPES[value.dtype.name])
    for size in value.shape:
        message.tensor_shape.dim.add(size=size)
    message.tensor_shape.SetInParent()  # a single number has a shape, too: one without axes
    message.tensor_content = value.astype(value.dtype.newbyteorder("<")).tobytes()
    return message


def _message(name: str) -> Message:
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(
        name=FILE, package=PACKAGE, syntax="proto3", dependency=[wrappers_pb2.DESCRIPTOR.name]
    )
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add_field(message, field, number, kind)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add_field(message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str) -> None:
    base = kind.removeprefix("repeated ")
    field = message.field.add(name=name, number=number, label=OPTIONAL if base == kind else REPEATED)
    if base in TYPES:
        field.type = TYPES[base]
        return
    field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
    field.type_name = ".google.protobuf.Int64Value" if base == "Int64Value" else f".{PACKAGE}.{base}"
