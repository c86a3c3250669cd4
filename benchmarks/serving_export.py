"""Processor time of exporting all models, aim 120 s; and of whole pipeline requests over the bare networks, aim 1.05.

Processor time, since a busy machine stretches every other. Exports run in cold processes. Requests and networks run in
turn in one process, through the exports, as the server loads them.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from measure import COMMAND, run, write_scan

from spinal_tf.checkpoints.manifest import find_weights, read_manifest
from spinal_tf.engine import PIXELS_PER_BATCH
from spinal_tf.images.volume import Volume, read_volume
from spinal_tf.preprocess import neighbour_index, place, seen_together, to_input
from spinal_tf.scaling import normalise
from spinal_tf.slices import make_tiles
from spinal_tf.taxonomy import tree

ROUNDS = 3


def export_all(models: Path) -> float:
    """Export all models; print the processor time of each command, and return the sum."""
    total_s = 0.0
    anatomy = ("anatomy",) if "anatomy" in read_manifest(find_weights()) else ()
    for name in ("segmenter", *anatomy, "classifier", "pipeline"):
        process = run([COMMAND, "export", name, "--out", str(models)])
        total_s += process.cpu_s
        print(f"export {name:<16} {process.cpu_s:6.1f} s of processor time    {process.peak_gb:.2f} GB")
    return total_s


def loaded(models: Path, name: str) -> Callable[..., Mapping[str, np.ndarray]]:
    """The function that runs a signature of an exported model, for as long as the process lives."""
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        loader = tf.compat.v1.saved_model.loader
        signatures = loader.load(session, [tf.saved_model.SERVING], str(models / name / "1")).signature_def

    def ask(signature: str, **given: np.ndarray) -> Mapping[str, np.ndarray]:
        inputs, outputs = signatures[signature].inputs, signatures[signature].outputs
        feed = {inputs[key].name: value for key, value in given.items()}
        answer: dict[str, np.ndarray] = session.run({key: tensor.name for key, tensor in outputs.items()}, feed)
        return answer

    return ask


def bare_networks(models: Path, volume: Volume, mask: np.ndarray) -> Callable[[], None]:
    """The function that runs all four networks on what a volume and its mask come to, prepared beforehand."""
    manifest = read_manifest(find_weights())
    preprocessing = manifest["segmenter"].preprocessing
    placement = place(volume.data.shape[1:], volume.spacing_mm[1:], preprocessing)
    planes = to_input(normalise(volume.data, intensity=preprocessing.intensity, source=volume.source), placement)
    step = max(1, PIXELS_PER_BATCH // planes[0].size)
    planes = seen_together(planes, neighbour_index(len(planes), volume.spacing_mm[0], preprocessing.neighbour_mm))
    segmenter, classifiers = loaded(models, "segmenter"), [loaded(models, task.name) for task in tree().tasks]
    tiles = [make_tiles(volume, mask, preprocessing=manifest[task.name].preprocessing).images for task in tree().tasks]

    def networks() -> None:
        for start in range(0, len(planes), step):
            segmenter("tiles", tiles=planes[start : start + step])
        for classifier, images in zip(classifiers, tiles, strict=True):
            classifier("tiles", tiles=images)

    return networks


def processor_s(call: Callable[[], object]) -> float:
    """Processor time of one call, all threads together."""
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> None:
    """Export, then run request and networks once to warm up and in turn; print times and ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        total_s = export_all(folder)
        print(f"{'export of all models':<23} {total_s:6.1f} s of processor time    (aim: 120)")
        write_scan(folder / "case.nii.gz", slices=15, side=512, spacing_mm=0.5)
        volume = read_volume(folder / "case.nii.gz")
        given = {
            "slices": volume.data,
            "spacing_mm": np.array(volume.spacing_mm[1:]),
            "slice_mm": np.array(volume.spacing_mm[0]),
        }
        pipeline = loaded(folder, "pipeline")
        answer = pipeline("serving_default", **given)
        networks = bare_networks(folder, volume, answer["mask"] > 0)
        networks()
        rounds = [
            (processor_s(lambda: pipeline("serving_default", **given)), processor_s(networks)) for _ in range(ROUNDS)
        ]
    request_s, networks_s = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"tiles classified        {len(answer['tile_slices']):5} of 15 slices")
    print(f"request to the pipeline {request_s:6.2f} s of processor time")
    print(f"networks alone          {networks_s:6.2f} s of processor time")
    print(f"ratio                   {request_s / networks_s:6.3f}    (aim: 1.05)")


if __name__ == "__main__":
    main()
