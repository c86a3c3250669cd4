"""Checks of a server's models, answers and speed, for the person who set it up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from spinal_tf.anatomy.maps import outlined_slices
from spinal_tf.checkpoints.manifest import Checkpoint
from spinal_tf.errors import ServerError
from spinal_tf.images.volume import Volume, new_volume
from spinal_tf.models import SEGMENTER, AnatomyNetwork, Classifier, Networks, Segmenter
from spinal_tf.network_slices import NetworkSlices
from spinal_tf.phantom.simulated_case import simulate_case
from spinal_tf.prediction_options import SegmentationOptions
from spinal_tf.remote.connection import Connection
from spinal_tf.remote.load import Load, measure
from spinal_tf.remote.model import SHOWN_DIGITS, RemoteModel, find_model, other_points, require_same_weights
from spinal_tf.remote.networks import RemoteEngine, RemoteExplainer
from spinal_tf.segmentation import segment_volume
from spinal_tf.serving.names import PIPELINE, SERVING_DEFAULT, TILES, WITH_MASK, served_names
from spinal_tf.slices import make_tiles
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.structures import ANATOMY, STRUCTURES
from spinal_tf.taxonomy import EPENDYMOMA, tree

COARSER = 2
LARGEST_DIFFERENCE = 1e-4
"""Largest accepted difference in any probability if the model computes in float32."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Result of one check in a line; not sound if the server needs a fix."""

    line: str
    sound: bool = True


@dataclass(frozen=True, kw_only=True)
class LocalNetworks:
    """Networks on this machine to compare with.

    Attributes:
        weights: checkpoints of their manifest by name.
        load: function that loads all networks; called on first use.
    """

    weights: Mapping[str, Checkpoint]
    load: Callable[[], Networks]

    @cached_property
    def networks(self) -> Networks:
        """The networks."""
        return self.load()

    def has(self, model: RemoteModel) -> bool:
        """Return whether these are the weights of a served model."""
        return all(name in self.weights and self.weights[name].sha256 == w.sha256 for name, w in model.weights.items())


@dataclass(frozen=True, kw_only=True)
class ExampleCase:
    """A simulated case with its true mask."""

    volume: Volume
    mask: np.ndarray

    def inputs(self, *, mask: bool) -> dict[str, np.ndarray]:
        """Return the inputs of the whole-volume signatures, with the mask or to find lesions."""
        slice_mm, *spacing_mm = self.volume.spacing_mm
        more = {"mask": self.mask.astype(np.uint8)} if mask else {"slice_mm": np.array(slice_mm)}
        return {"slices": self.volume.data, "spacing_mm": np.array(spacing_mm), **more}


def example_case() -> ExampleCase:
    """Return every second row and column of a fixed simulated case, because whole volumes are slow to send as JSON."""
    case = simulate_case(np.random.default_rng(1), EPENDYMOMA)
    affine = case.affine @ np.diag([1, COARSER, COARSER, 1])
    volume = new_volume(case.t2[:, ::COARSER, ::COARSER], affine, source="the simulated case")
    return ExampleCase(volume=volume, mask=case.mask[:, ::COARSER, ::COARSER])


def check_server(
    connection: Connection,
    names: Sequence[str],
    *,
    expected: Mapping[str, Checkpoint] | None,
    local: LocalNetworks | None,
    load: Load,
) -> Iterator[Finding]:
    """Check a server's models one after the other.

    Args:
        connection: connection to the server.
        names: names of the models that the server must have; empty to check those of `served_names` that it has.
        expected: manifest that the server's weights must agree with, if any.
        local: networks to compare with; None compares only the server's signatures with each other.
        load: load of the latency measurement.

    Raises:
        ServerError: a request fails, or the server lacks a model or has other weights than expected.
    """
    served = list(names) or [name for name in served_names() if connection.find_versions(name)]
    if not served:
        raise ServerError(f"{connection.server}: the server has none of {', '.join(served_names())}; export them first")
    case = example_case()
    shape = " x ".join(map(str, case.volume.data.shape))
    yield Finding(line=f"simulated case of {shape} voxels; it says nothing about patients")
    if SEGMENTER in served and not names and ANATOMY not in served:
        yield Finding(line=f"no model called {ANATOMY}: clients look for lesions on whole slices")
    for name in served:
        model = find_model(connection, name)
        yield _description(model)
        if expected is not None:
            require_same_weights(model, expected)
        if local is not None and not local.has(model):
            yield Finding(line="  other weights than on this machine: not compared with them")
        same = local if local is not None and local.has(model) else None
        if same is not None:
            for weights, points in other_points(model, same.weights).items():
                yield Finding(line=f"  operating point of {weights}: {points}", sound=False)
        yield from _compared(model, case, same)
        yield Finding(line=f"  {measure(partial(_small_request, model, case), load)}")


def _description(model: RemoteModel) -> Finding:
    hashes = ", ".join(f"{name} {one.sha256[:SHOWN_DIGITS]}" for name, one in model.weights.items())
    names = sorted(model.connection.signatures(model.name, model.version))
    signatures = ", ".join(name for name in names if not name.startswith("__"))  # TensorFlow's own start with __
    return Finding(
        line=f"{model.name}: version {model.version}, {model.precision}, exported by spinal-tf {model.written_by}\n"
        f"  weights {hashes}\n  signatures {signatures}"
    )


def _compared(model: RemoteModel, case: ExampleCase, local: LocalNetworks | None) -> Iterator[Finding]:
    if model.name == SEGMENTER:
        yield from _compared_segmenter(model, case, local)
    elif model.name == ANATOMY:
        yield from _compared_anatomy(model, case, local)
    elif model.name == PIPELINE:
        yield from _compared_pipeline(model, case, local)
    else:
        yield from _compared_classifier(model, case, local)


def _compared_segmenter(model: RemoteModel, case: ExampleCase, local: LocalNetworks | None) -> Iterator[Finding]:
    checkpoint = model.weights[SEGMENTER]

    def found(segmenter: Segmenter) -> np.ndarray:
        return segment_volume(case.volume, segmenter, SegmentationOptions(), Stopwatch()).probability

    tiles = found(Segmenter(checkpoint=checkpoint, engine=RemoteEngine(model=model)))
    whole = model.numbers(SERVING_DEFAULT, case.inputs(mask=False), "probability", tiles.shape)
    cutoff = checkpoint.operating_point
    yield _difference(model, f"{SERVING_DEFAULT} and {TILES}", whole, tiles, cutoff)
    if local is not None and local.networks.segmenter is not None:
        yield _difference(model, f"{TILES} and this machine", tiles, found(local.networks.segmenter), cutoff)


def _compared_anatomy(model: RemoteModel, case: ExampleCase, local: LocalNetworks | None) -> Iterator[Finding]:
    checkpoint = model.weights[ANATOMY]
    outlined = outlined_slices(len(case.volume.data), case.volume.spacing_mm[0]).tolist()

    def found(network: AnatomyNetwork) -> np.ndarray:
        slices = NetworkSlices(case.volume, checkpoint, network.engine, Stopwatch())
        return slices.maps(outlined, len(STRUCTURES), stage=ANATOMY)

    engine = RemoteEngine(model=model, outputs=len(STRUCTURES))
    tiles = found(AnatomyNetwork(checkpoint=checkpoint, engine=engine))
    if local is None or local.networks.anatomy is None:
        yield Finding(line=f"  {TILES} answers with {len(tiles)} slices; nothing here to compare with")
        return
    yield _difference(model, f"{TILES} and this machine", tiles, found(local.networks.anatomy))


def _compared_classifier(model: RemoteModel, case: ExampleCase, local: LocalNetworks | None) -> Iterator[Finding]:
    checkpoint, task = model.weights[model.name], tree().task(model.name)
    remote = Classifier(task=task, checkpoint=checkpoint, explain=RemoteExplainer(model=model))
    tiles = _tile_probabilities(case, [remote])[:, 0]
    whole = model.numbers(SERVING_DEFAULT, case.inputs(mask=True), "tile_probability", tiles.shape)
    yield _difference(model, f"{SERVING_DEFAULT} and prepared tiles", whole, tiles)
    if local is not None:
        same = [one for one in local.networks.classifiers if one.task == task]
        yield _difference(model, "prepared tiles and this machine", tiles, _tile_probabilities(case, same)[:, 0])


def _compared_pipeline(model: RemoteModel, case: ExampleCase, local: LocalNetworks | None) -> Iterator[Finding]:
    answer = model.ask(WITH_MASK, case.inputs(mask=True), "tile_probability")["tile_probability"]
    if local is None:
        yield Finding(line=f"  {WITH_MASK} answers with {len(answer)} tiles; nothing here to compare with")
        return
    expected = _tile_probabilities(case, local.networks.classifiers)
    whole = model.checked(answer, "tile_probability", expected.shape)
    yield _difference(model, f"{WITH_MASK} and this machine", whole, expected)


def _small_request(model: RemoteModel, case: ExampleCase) -> object:
    """Send one slice or tile of the usual size; send the whole case to the pipeline, which takes nothing smaller."""
    if model.name == PIPELINE:
        return model.ask(WITH_MASK, case.inputs(mask=True), "posterior")
    preprocessing = model.weights[model.name].preprocessing
    channels = preprocessing.slices_seen if model.name in (SEGMENTER, ANATOMY) else 3
    tiles = np.random.default_rng(3).random((1, *preprocessing.size, channels), np.float32)
    return model.ask(TILES, {"tiles": tiles}, "probability")


def _tile_probabilities(case: ExampleCase, classifiers: Sequence[Classifier]) -> np.ndarray:
    """Return the probability of the positive class, (tile, classifier)."""
    columns = []
    for classifier in classifiers:
        record = classifier.checkpoint
        mode = record.mask_mode or "channel"
        tiles = make_tiles(case.volume, case.mask, preprocessing=record.preprocessing, mask_mode=mode, t1c=None)
        columns.append(classifier.explain(tiles.images, class_index=1).probabilities[:, 1])
    return np.stack(columns, axis=1)


def _difference(
    model: RemoteModel, between: str, one: np.ndarray, other: np.ndarray, cutoff: float | None = None
) -> Finding:
    largest = float(np.abs(one - other).max(initial=0))
    voxels = None if cutoff is None else int(np.count_nonzero((one >= cutoff) != (other >= cutoff)))
    masks = "" if voxels is None else f", masks in {voxels} voxels"
    # Lower precision than float32 is a deliberate choice that changes probabilities: report the difference only.
    sound = model.precision != "float32" or (largest <= LARGEST_DIFFERENCE and not voxels)
    return Finding(line=f"  {between} differ in probability by up to {largest:.1e}{masks}", sound=sound)
