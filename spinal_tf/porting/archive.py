"""Reader of .keras archives: a zip with the network's description as JSON and its weights as HDF5."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spinal_tf.errors import PortError
from spinal_tf.porting.forward import runner
from spinal_tf.porting.graph import read_graph
from spinal_tf.porting.hdf5 import BROKEN, hard_item, read_array
from spinal_tf.porting.weights_source import MAXIMUM_NUMBERS, Array, Source

if TYPE_CHECKING:
    import h5py

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MAXIMUM_BYTES = 8 * MAXIMUM_NUMBERS
"""Maximum size of an unpacked member: weights plus optimizer state."""


def read_archive(path: Path) -> Source:
    """Read a .keras file of Keras 2 or 3. A damaged file can crash HDF5's library, and with it the process.

    Raises:
        PortError: the archive is damaged, or holds no model or an unsupported one.
    """
    import h5py

    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(_member(archive, CONFIG, path))["config"]
            version = json.loads(_member(archive, METADATA, path)).get("keras_version", "of unknown version")
            weights = _member(archive, WEIGHTS, path)
        graph = read_graph(config, source=str(path))
        with h5py.File(io.BytesIO(weights)) as file:
            arrays = tuple(_arrays(file, config["layers"], str(path)))
    except (*BROKEN, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise PortError(f"{path}: cannot be read as a .keras archive, it may be damaged; copy it again") from error
    return Source(
        path=path,
        format=f"whole model, .keras of Keras {version}",
        arrays=arrays,
        graph=graph,
        run=runner(graph, arrays),
        input_shape=graph.input_shape,
    )


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    if name not in archive.namelist():
        raise PortError(f"{path}: a zip archive without {name}, so not a Keras model; choose the .keras file")
    if archive.getinfo(name).file_size > MAXIMUM_BYTES:
        raise PortError(f"{path}: {name} is larger than any network of this kind; check what it is")
    return archive.read(name)


def _arrays(file: h5py.File, entries: list[dict[str, Any]], source: str) -> Iterator[Array]:
    """Yield arrays by layer; groups are named by class in snake case, numbered in the order of the description."""
    counts: Counter[str] = Counter()
    read = 0
    for entry in entries:
        kind = snake_case(entry["class_name"])
        place = f"layers/{kind}_{counts[kind]}" if counts[kind] else f"layers/{kind}"
        counts[kind] += 1
        if place not in file or "vars" not in file[place]:
            continue
        group = hard_item(file, f"{place}/vars", source)
        for index in range(len(group)):
            array = read_array(group, str(index), layer=str(entry["config"]["name"]), read=read, source=source)
            read += array.values.size
            yield array


def snake_case(name: str) -> str:
    """Convert a class name to snake case as Keras does: ``Conv2DTranspose`` to ``conv2d_transpose``."""
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()
