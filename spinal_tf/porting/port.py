"""Import weights from the authors' code: read, map, compare, and only then write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spinal_tf.checkpoints.manifest import Checkpoint, build_network, save_checkpoint
from spinal_tf.checkpoints.weight_files import Weights, assign_weights, weight_shapes
from spinal_tf.checkpoints.weight_sets import install_set, read_set
from spinal_tf.file_names import legible
from spinal_tf.files import temporary_folder
from spinal_tf.keras_start import our_keras
from spinal_tf.porting.card import write_card
from spinal_tf.porting.compare import PROBE_SIZE, Comparison, compare, probe
from spinal_tf.porting.graph import read_graph
from spinal_tf.porting.mapping import Pair, map_layers
from spinal_tf.porting.read_weights import fingerprint, read_source
from spinal_tf.porting.target import CLASSIFIER_NETWORK, TILE_CHANNELS, PortOptions, plan_checkpoint
from spinal_tf.porting.weights_source import Source
from spinal_tf.taxonomy import tree

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, kw_only=True)
class Ported:
    """Imported weights, not yet written.

    Attributes:
        source: file of the weights.
        checkpoint: checkpoint, with a record of its origin.
        pairs: our layers, each with its layer in the file.
        comparison: comparison of both networks on the same input.
        model: our network with the imported weights.
    """

    source: Source
    checkpoint: Checkpoint
    pairs: tuple[Pair, ...]
    comparison: Comparison
    model: keras.Model


@our_keras()
def port_weights(path: Path, options: PortOptions) -> Ported:
    """Import the weights of a file, without writing anything.

    Args:
        path: .h5 or .keras file, or folder of a SavedModel.
        options: facts that the file does not contain.

    Raises:
        PortError: the file is damaged, or its network differs from ours; the message names the first difference.
        ValueError: the options do not form a valid `Preprocessing`.
    """
    source = read_source(path)
    checkpoint = plan_checkpoint(source, options)
    model = build_network(path, checkpoint)
    shapes = weight_shapes(model)
    graph = read_graph(model.get_config(), source=checkpoint.network)
    pairs = map_layers(source, graph, shapes, network=checkpoint.network)
    channel_order = () if options.is_segmenter else tuple(TILE_CHANNELS.index(name) for name in options.channels)
    output_order = (0,) if options.is_segmenter else (1 - options.positive_output, options.positive_output)
    weights = _adapted({pair.ours: pair.arrays for pair in pairs}, list(shapes), channel_order, output_order)
    assign_weights(model, weights, source=str(path))
    comparison = compare(
        source,
        lambda batch: np.asarray(model(batch, training=False)),
        probe(_probe_shape(source, checkpoint)),
        channel_order=channel_order or (0,),
        output_order=output_order,
    )
    return Ported(
        source=source,
        checkpoint=replace(checkpoint, training=_record(source, options, comparison)),
        pairs=pairs,
        comparison=comparison,
        model=model,
    )


def write_ported(ported: Ported, into: Path, *, overwrite: bool = False) -> str:
    """Install imported weights in a weights folder, with manifest entry and card, all or nothing.

    Args:
        ported: result of `port_weights`.
        into: weights folder, created if missing.
        overwrite: replace weights of the same name.

    Returns:
        ``installed``, ``replaced``, ``kept`` or ``already there``.

    Raises:
        WeightsError: the weights there are damaged.
        OutputError: the folder cannot be written to.
    """
    with temporary_folder() as folder:
        save_checkpoint(ported.model, folder, ported.checkpoint, half_precision=False)
        card = write_card(ported.checkpoint)
        (folder / ported.checkpoint.card).write_text(card, encoding="utf-8")
        return install_set(read_set(folder), into, overwrite=overwrite)[ported.checkpoint.name]


def _adapted(
    weights: Mapping[str, tuple[np.ndarray, ...]],
    layers: list[str],
    channel_order: tuple[int, ...],
    output_order: tuple[int, ...],
) -> Weights:
    """Reorder the first layer to our channels and the last layer to our classes; both changes are exact."""
    first, last = layers[0], layers[-1]
    adapted = dict(weights)
    if channel_order:
        kernel, *rest = adapted[first]
        adapted[first] = (kernel[:, :, np.argsort(channel_order)], *rest)
    if len(output_order) > 1:
        adapted[last] = tuple(array[..., output_order] for array in adapted[last])
    return adapted


def _probe_shape(source: Source, checkpoint: Checkpoint) -> tuple[int, int, int]:
    if checkpoint.network == CLASSIFIER_NETWORK:
        return (*checkpoint.preprocessing.size, len(TILE_CHANNELS))
    rows, columns = source.input_shape[:2]
    return (rows, columns, 1) if rows and columns else (*PROBE_SIZE, 1)


def _record(source: Source, options: PortOptions, comparison: Comparison) -> dict[str, object]:
    return {
        "data": options.data,
        **({} if options.is_segmenter else {"classes": tree().task(options.name).to_dict()}),
        "ported_from": {
            "file": legible(source.path.name),
            "sha256": fingerprint(source.path),
            "format": source.format,
            "channels": list(options.channels) if not options.is_segmenter else ["t2w"],
            "positive_output": options.positive_output if not options.is_segmenter else 0,
        },
        "compared_with_original": comparison.difference,
    }
