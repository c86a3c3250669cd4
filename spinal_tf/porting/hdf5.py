"""Reader of Keras 2 HDF5 files, whole models or weights only: arrays in the file's own order of layers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spinal_tf.checkpoints.weight_files import dataset_values
from spinal_tf.errors import PortError
from spinal_tf.porting.foreign import refuse_foreign
from spinal_tf.porting.forward import runner
from spinal_tf.porting.graph import Graph, read_graph, replicated
from spinal_tf.porting.weights_source import MAXIMUM_NUMBERS, Array, Source, checked

if TYPE_CHECKING:
    import h5py

BROKEN = (OSError, AttributeError, KeyError, OverflowError, RuntimeError, TypeError, ValueError)
"""Errors raised when reading a file that is damaged or has another layout."""


MOST_ARRAYS = 4
"""Most arrays of a single layer, those of batch normalization."""


def read_hdf5(path: Path) -> Source:
    """Read a whole model, or weights only. A damaged file can crash HDF5's library, and with it the process.

    Raises:
        PortError: the file is truncated, incomplete, or has another layout.
    """
    import h5py

    try:
        with h5py.File(path) as file:
            return _read(file, path)
    except BROKEN as error:
        raise PortError(f"{path}: cannot be read as HDF5, it may be cut short or damaged; copy it again") from error


def _read(file: h5py.File, path: Path) -> Source:
    weights = hard_item(file, "model_weights", str(path)) if "model_weights" in file else file
    if not any(name.startswith("layer_names") for name in weights.attrs):
        raise PortError(
            f"{path}: no weights in the layout of Keras 2; save the whole model as .keras or .h5 where it was trained"
        )
    layers = _strings(weights, "layer_names")
    refuse_foreign(layers, source=str(path))
    graph = _graph(file, str(path))
    arrays = tuple(_arrays(weights, layers, str(path)))
    version = _text(file.attrs.get("keras_version", weights.attrs.get("keras_version", "of unknown version")))
    return Source(
        path=path,
        format=f"{'whole model' if graph else 'weights only'}, HDF5 of Keras {version}",
        arrays=arrays,
        graph=graph,
        run=runner(graph, arrays) if graph else None,
        input_shape=graph.input_shape if graph else (None, None, None),
    )


def _graph(file: h5py.File, source: str) -> Graph | None:
    if "model_config" not in file.attrs:
        return None
    model = json.loads(_text(file.attrs["model_config"]))
    return read_graph(replicated(model["config"]), source=source)


def _arrays(weights: h5py.Group, layers: list[str], source: str) -> Iterator[Array]:
    read = 0
    for layer in layers:
        group = hard_item(weights, layer, source)
        for part, names in _by_layer(_strings(group, "weight_names"), layer).items():
            for name in names:
                array = read_array(group, name, layer=part, read=read, source=source)
                read += array.values.size
                yield array


def _by_layer(names: list[str], layer: str) -> dict[str, list[str]]:
    """Group the arrays of an entry by layer: an entry that is itself a model lists all of its moving averages last."""
    if len(names) <= MOST_ARRAYS:
        return {layer: names}
    parts: dict[str, list[str]] = {}
    for name in names:
        parts.setdefault(name.rpartition("/")[0] or layer, []).append(name)
    return parts


def read_array(group: h5py.Group, path: str, *, layer: str, read: int, source: str) -> Array:
    """Read one array of weights.

    Args:
        group: group that holds the array.
        path: path within the group.
        layer: layer that it belongs to.
        read: number of values read so far.
        source: file name for messages.

    Raises:
        PortError: the array is missing, stored outside the file, not finite, or exceeds `MAXIMUM_NUMBERS`.
    """
    dataset = hard_item(group, path, source)
    if read + dataset.size > MAXIMUM_NUMBERS:
        raise PortError(f"{source}: more than {MAXIMUM_NUMBERS} weights, which neither network has")
    return Array(layer=layer, values=checked(dataset_values(dataset), layer=layer, source=source))


def hard_item(group: h5py.Group, path: str, source: str) -> Any:  # noqa: ANN401 - group or dataset
    """Return the item stored in this file under a path; links, which could open other files, are refused.

    Raises:
        PortError: there is no such item, or it is stored elsewhere.
    """
    import h5py

    item = group
    for part in path.split("/"):
        link = item.get(part, getlink=True) if isinstance(item, h5py.Group) else None
        if link is None:
            raise PortError(f"{source}: {path} is listed but missing; the file is incomplete, copy it again")
        if not isinstance(link, h5py.HardLink):
            raise PortError(f"{source}: {path} is a link to somewhere else, which is not followed")
        item = item[part]
    if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
        raise PortError(f"{source}: {path} has its values in another file, which is not opened")
    return item


def _strings(group: h5py.Group, name: str) -> list[str]:
    """Read an attribute; Keras splits long ones into ``name0``, ``name1``, ..., since HDF5 limits their size."""
    if name in group.attrs:
        return [_text(item) for item in group.attrs[name]]
    parts = [f"{name}{index}" for index in range(len(group.attrs)) if f"{name}{index}" in group.attrs]
    return [_text(item) for part in parts for item in group.attrs[part]]


def _text(value: Any) -> str:  # noqa: ANN401 - bytes or str, by the version of h5py that wrote it
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
