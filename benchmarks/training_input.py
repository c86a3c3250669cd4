"""Does the input pipeline keep the device busy? Steps fed by it against steps on one batch that is always there.

    python benchmarks/training_input.py --steps 30

Also prints what the pipeline gives when nothing else runs. On GPUs a step is shorter, so measure there anew.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from spinal_tf.datasets.cache import Entry, open_cache
from spinal_tf.datasets.classifier import ClassifierCase, TilePlan, TileSampler
from spinal_tf.datasets.feed import Sampler, feed
from spinal_tf.datasets.segmenter import CropPlan, CropSampler, segmenter_case
from spinal_tf.losses import dice_bce
from spinal_tf.networks.densenet import build_densenet
from spinal_tf.networks.multiresunet import build_multiresunet
from spinal_tf.taxonomy import MS_VS_NMOSD, Diagnosis
from spinal_tf.training.options import TrainingOptions
from spinal_tf.training.step import Trainer

SHAPE = (13, 384, 320)
CASES = 8


def main() -> None:
    """Measure both networks and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--width", type=int, default=32, help="of the segmenter")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        segmenter = partial(build_multiresunet, width=given.width)
        _measure("segmenter", segmenter, dice_bce, _crops(Path(folder)), 8, given.steps)
    _measure("classifier", build_densenet, keras.losses.categorical_crossentropy, _tiles(), 32, given.steps)


def _measure(
    name: str, build: Callable[[], keras.Model], loss: Callable, sampler: Sampler, batch: int, steps: int
) -> None:
    trainer = Trainer(build, loss, TrainingOptions(batch=batch))
    fed = iter(feed(sampler, indices=range(batch), first_step=0, steps=2 * steps + 2))
    fixed = next(fed)
    float(trainer(*fixed))  # traced and compiled
    # Turn about, since a machine's speed drifts.
    times = [(_step(trainer, lambda: fixed), _step(trainer, partial(next, fed))) for _ in range(steps)]
    alone_s, together_s = np.median(times, axis=0)
    start = time.perf_counter()
    for _ in feed(sampler, indices=range(batch), first_step=0, steps=steps):
        pass
    pipeline_s = (time.perf_counter() - start) / steps
    print(
        f"{name:10} step alone {1000 * alone_s:7.1f} ms, fed {1000 * together_s:7.1f} ms "
        f"({100 * (together_s / alone_s - 1):+5.1f} %), batch alone {1000 * pipeline_s:6.1f} ms"
    )


def _step(trainer: Trainer, draw: Callable[[], tuple[tf.Tensor, tf.Tensor]]) -> float:
    start = time.perf_counter()
    float(trainer(*draw()))
    return time.perf_counter() - start


def _crops(folder: Path) -> CropSampler:
    stored = open_cache(folder / "cache", "key", _entries)
    return CropSampler(cases=[segmenter_case(entry) for entry in stored], plan=CropPlan(), seed=0)


def _entries() -> Iterator[Entry]:
    mask = np.zeros(SHAPE, bool)
    mask[6, 150:200, 150:160] = True
    places = np.argwhere(mask).astype(np.int32)
    for number in range(CASES):
        planes = np.random.default_rng(number).random(SHAPE, np.float32).astype(np.float16)
        yield Entry(
            facts={"name": f"case-{number}", "diagnosis": "ms", "voxel_ml": 0.002},
            arrays={"planes": planes, "masks": mask.view(np.uint8), "lesions": places, "spines": places},
        )


def _tiles() -> TileSampler:
    rng = np.random.default_rng(0)
    cases = [
        ClassifierCase(
            name=kind.value, diagnosis=kind, tiles=rng.random((20, 256, 256, 3), np.float32).astype(np.float16)
        )
        for kind in (Diagnosis.MS, Diagnosis.NMOSD)
    ]
    return TileSampler(cases=cases, task=MS_VS_NMOSD, plan=TilePlan(), batch=32, seed=0)


if __name__ == "__main__":
    main()
