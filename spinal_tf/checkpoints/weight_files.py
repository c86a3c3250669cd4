"""Keras .weights.h5 files: written compactly and reproducibly, read by exact structure.

The layout is Keras' own, so ``model.load_weights`` reads the files too. This reader is stricter: it matches layers by
name, not by position, and takes a tenth of the time.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from spinal_tf.errors import WeightsError
from spinal_tf.files import temporary_folder
from spinal_tf.own_process import EndedError, run_apart

if TYPE_CHECKING:
    import h5py
    import keras

Weights = Mapping[str, tuple[np.ndarray, ...]]
"""float32 arrays by layer name, in Keras' order; layers without weights are left out."""

MAXIMUM_RATIO = 1032
"""Largest compression ratio of deflate (zlib's technical details); a dataset that claims more is damaged."""

FILE_BYTES = 8
"""Bytes of a file that Keras writes for each weight, at most: single precision, and as much again for HDF5's own."""

HALF_MAXIMUM = float(np.finfo(np.float16).max)
"""Largest number in half precision, 65,504."""


def encode_weights(model: keras.Model, *, half_precision: bool) -> bytes:
    """Encode a model's weights as the bytes of a file; the same weights give the same bytes.

    Args:
        model: flat graph, without models as layers.
        half_precision: store kernels (arrays with two or more axes) as float16. Vectors (biases, batch normalization)
            stay float32: they are small, and variances exceed the range of float16.

    Raises:
        WeightsError: a weight is not finite, or is too large for half precision.
        OutputError: there is no room for temporary files.
    """
    import h5py

    compact = io.BytesIO()
    with temporary_folder(needed_bytes=FILE_BYTES * model.count_params()) as folder:
        full = folder / "full.weights.h5"
        model.save_weights(full)
        with h5py.File(full) as source, h5py.File(compact, "w") as target:
            source.visititems(lambda name, item: _copy(item, target, name, half_precision=half_precision))
    return compact.getvalue()


def _copy(item: h5py.Group | h5py.Dataset, target: h5py.File, name: str, *, half_precision: bool) -> None:
    import h5py

    if isinstance(item, h5py.Group):
        target.require_group(name).attrs.update(item.attrs)
        return
    values = item[()]
    layer = item.parent.attrs.get("name", name)
    if not np.isfinite(values).all():
        raise WeightsError(f"layer {layer}: weights that are not finite numbers, the training diverged; nothing saved")
    if np.ndim(values) < 2:
        target.create_dataset(name, data=values, track_times=False)
        return
    if half_precision:
        if np.abs(values).max() > HALF_MAXIMUM:
            raise WeightsError(f"layer {layer}: a weight beyond {HALF_MAXIMUM:.0f}; save in full precision")
        values = values.astype(np.float16)
    target.create_dataset(name, data=values, compression="gzip", shuffle=True, track_times=False)


def decode_weights(data: bytes, *, source: str) -> Weights:
    """Read a file's weights. A damaged file can crash HDF5's library, and with it the process.

    Args:
        data: content of the file.
        source: name of the file, for messages.

    Raises:
        WeightsError: the data is not a Keras weights file of a flat model.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            groups = [layer["vars"] for layer in file["layers"].values()]
            return {str(group.attrs["name"]): _arrays(group) for group in groups if len(group)}
    except (OSError, KeyError, AttributeError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise WeightsError(f"{source}: not a Keras weights file; import the weights again") from error


def decode_foreign(data: bytes, *, source: str) -> Weights:
    """Read the weights of a file that no hash vouches for, in a process of its own.

    Args:
        data: content of the file.
        source: name of the file, for messages.

    Raises:
        WeightsError: the data is not a Keras weights file of a flat model.
    """
    try:
        return run_apart(partial(decode_weights, data, source=source))
    except EndedError as error:
        raise WeightsError(
            f"{source}: cannot be read (the reader ended: {error}), it may be cut short or damaged; copy it again"
        ) from error


def _arrays(group: h5py.Group) -> tuple[np.ndarray, ...]:
    return tuple(dataset_values(group[str(index)]).astype(np.float32) for index in range(len(group)))


def dataset_values(dataset: h5py.Dataset) -> np.ndarray:
    """Read a dataset, once it is clear that the file can hold what it claims.

    Raises:
        ValueError: it claims more than ``MAXIMUM_RATIO`` times what is stored.
    """
    stored = min(dataset.id.get_storage_size(), dataset.file.id.get_filesize())
    if dataset.nbytes > MAXIMUM_RATIO * stored:
        raise ValueError(f"{dataset.name} claims {dataset.nbytes} bytes, {stored} are stored")
    return np.asarray(dataset[()])


def weight_shapes(model: keras.Model) -> dict[str, tuple[tuple[int, ...], ...]]:
    """Return the weight shapes of each layer with weights, in the model's order; values are not needed."""
    return {
        layer.name: tuple(tuple(weight.shape) for weight in layer.weights) for layer in model.layers if layer.weights
    }


def require_match(model: keras.Model, weights: Weights, *, source: str) -> None:
    """Check that weights match the structure of a model exactly.

    Args:
        model: model to compare with, left unchanged; its variables need no values.
        weights: weights from `decode_weights`.
        source: file name for messages.

    Raises:
        WeightsError: a layer is missing, unexpected, or has another shape.
    """
    needed = weight_shapes(model)
    found = {name: tuple(array.shape for array in arrays) for name, arrays in weights.items()}
    odd = sorted(name for name in needed.keys() | found.keys() if needed.get(name) != found.get(name))
    if odd:
        raise WeightsError(
            f"{source}: made for another network, {len(odd)} of its layers differ (first {odd[0]}: "
            f"{found.get(odd[0], 'missing')} in the file, {needed.get(odd[0], 'missing')} in {model.name}); "
            "take the weights and the manifest from the same set"
        )


def assign_weights(model: keras.Model, weights: Weights, *, source: str) -> None:
    """Assign weights to a model of exactly the same structure.

    Args:
        model: changed in place.
        weights: weights from `decode_weights`.
        source: file name for messages.

    Raises:
        WeightsError: the weights do not match (see `require_match`); the model is left unchanged.
    """
    require_match(model, weights, source=source)
    for variable, array in by_variable(model, weights):
        variable.assign(array)


def weights_of(model: keras.Model) -> Weights:
    """Return a copy of a model's current weights."""
    return {layer.name: tuple(layer.get_weights()) for layer in model.layers if layer.weights}


def by_variable(model: keras.Model, weights: Weights) -> list[tuple[keras.Variable, np.ndarray]]:
    """Pair each variable of a model with its value in matching weights."""
    return [
        pair for layer in model.layers if layer.weights for pair in zip(layer.weights, weights[layer.name], strict=True)
    ]
