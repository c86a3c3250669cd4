"""The TensorFlow Serving messages used here, without TensorFlow and its generated classes.

The needed fields have the names, numbers and types of tensorflow_serving/apis/{model,predict,prediction_log,
get_model_status,get_model_metadata}.proto and tensorflow/core/{framework/tensor,protobuf/meta_graph}.proto. Unknown
fields are ignored. A test compares these messages with the generated classes. They are in a separate descriptor pool,
so both can be loaded in one process.
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
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    "float": descriptor_pb2.FieldDescriptorProto.TYPE_FLOAT,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
}

MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Dim": {"size": (1, "int64")},
    "TensorShape": {"dim": (2, "repeated Dim")},
    "Tensor": {
        "dtype": (1, "int32"),
        "tensor_shape": (2, "TensorShape"),
        "tensor_content": (4, "bytes"),
        "float_val": (5, "repeated float"),
        "double_val": (6, "repeated double"),
        "int_val": (7, "repeated int32"),
        "string_val": (8, "repeated bytes"),
        "int64_val": (10, "repeated int64"),
        "bool_val": (11, "repeated bool"),
    },
    "ModelSpec": {"name": (1, "string"), "version": (2, "Int64Value"), "signature_name": (3, "string")},
    "InputsEntry": {"key": (1, "string"), "value": (2, "Tensor")},
    "PredictRequest": {
        "model_spec": (1, "ModelSpec"),
        "inputs": (2, "repeated InputsEntry"),
        "output_filter": (3, "repeated string"),
    },
    "PredictLog": {"request": (1, "PredictRequest")},
    "PredictionLog": {"predict_log": (6, "PredictLog")},
    "PredictResponse": {"outputs": (1, "repeated InputsEntry")},
    "GetModelStatusRequest": {"model_spec": (1, "ModelSpec")},
    "GetModelStatusResponse": {"model_version_status": (1, "repeated VersionStatus")},
    "VersionStatus": {"version": (1, "int64"), "state": (2, "int32"), "status": (3, "Status")},
    "Status": {"error_message": (2, "string")},
    "GetModelMetadataRequest": {"model_spec": (1, "ModelSpec"), "metadata_field": (2, "repeated string")},
    "GetModelMetadataResponse": {"metadata": (2, "repeated MetadataEntry")},
    "MetadataEntry": {"key": (1, "string"), "value": (2, "Any")},
    "Any": {"value": (2, "bytes")},
    "SignatureDefMap": {"signature_def": (1, "repeated SignatureEntry")},
    "SignatureEntry": {"key": (1, "string"), "value": (2, "SignatureDef")},
    "SignatureDef": {"inputs": (1, "repeated TensorInfoEntry")},
    "TensorInfoEntry": {"key": (1, "string")},
}
"""Field numbers and types. On the wire, a map is a repeated entry of key and value, and an enum is an int32."""

Message = Any
"""Instance of a class that is created at run time."""

DATA_TYPES = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int64": 9, "bool": 10}
"""`DataType` of tensorflow/core/framework/types.proto by NumPy's name."""

STRING = 7
"""`DataType` of strings, which NumPy holds as objects."""

VALUE_FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "int32": "int_val",
    "uint8": "int_val",
    "int64": "int64_val",
    "bool": "bool_val",
}
"""Fields that hold a tensor's numbers when ``tensor_content`` is empty, as in the server's answers."""


def predict_request(
    inputs: Mapping[str, np.ndarray], *, model: str, signature: str, version: int | None = None
) -> Message:
    """Return a request to `PredictionService.Predict`.

    Args:
        inputs: arrays by the signature's input names.
        model: name on the server.
        signature: name of one of the model's signatures.
        version: version of the model; None leaves the choice to the server.
    """
    request = model_request("PredictRequest", model, version)
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs.add(key=name, value=tensor(value))
    return request


def model_request(name: str, model: str, version: int | None) -> Message:
    """Return a request about a model.

    Args:
        name: name of the message.
        model: name on the server.
        version: version of the model; None leaves the choice to the server.
    """
    request = message_class(name)()
    request.model_spec.name = model
    if version is not None:
        request.model_spec.version.value = version
    return request


def prediction_log(request: Message) -> Message:
    """Return the log record of a request, which a server replays to warm up."""
    log = message_class("PredictionLog")()
    log.predict_log.request.CopyFrom(request)
    return log


def tensor(value: np.ndarray) -> Message:
    """Return an array as a `TensorProto`.

    Raises:
        KeyError: the array has a dtype that no signature of this package uses.
    """
    value = np.asarray(value)
    message = message_class("Tensor")(dtype=DATA_TYPES[value.dtype.name])
    for size in value.shape:
        message.tensor_shape.dim.add(size=size)
    message.tensor_shape.SetInParent()  # a scalar also has a shape: one without axes
    message.tensor_content = value.astype(value.dtype.newbyteorder("<")).tobytes()
    return message


def array_of(tensor: Message) -> np.ndarray:
    """Return the array of a `TensorProto`; strings are bytes in an array of objects.

    Raises:
        ValueError: its values do not fit its shape, or no signature of this package uses its type.
    """
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if tensor.dtype == STRING:
        return np.array([*tensor.string_val, None], object)[:-1].reshape(shape)
    name = next((name for name, number in DATA_TYPES.items() if number == tensor.dtype), None)
    if name is None:
        raise ValueError(f"a tensor of data type {tensor.dtype}")
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, np.dtype(name).newbyteorder("<")).astype(name).reshape(shape)
    values = np.array(getattr(tensor, VALUE_FIELDS[name]), name)
    count = int(np.prod(shape))
    if 0 < values.size < count:  # the last value also stands for all that follow it
        values = np.pad(values, (0, count - values.size), mode="edge")
    return values.reshape(shape)


def message_class(name: str) -> Message:
    """Return the class of a message in `MESSAGES`."""
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
