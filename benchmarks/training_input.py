"""Does the input pipeline keep the device busy? Steps fed by it against steps on one batch that is always there.

    python benchmarks/training_input.py --steps 30

Both kinds of steps come in blocks, since a pipeline that is too slow would catch up during single steps without it;
each block begins with some that are not counted, in which what was prepared in advance is used up, and ends before
the pipeline does: closing one takes up to several idle seconds once, while its autotuning sleeps. Also prints what the
pipeline gives when nothing else runs. On GPUs a step is shorter, so measure there anew.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice, repeat
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from prepared import prepared_entry

from spinal_tf.datasets.cache import open_cache
from spinal_tf.datasets.crop_samples import CropPlan, CropSampler, segmenter_case
from spinal_tf.datasets.feed import Sampler, feed
from spinal_tf.datasets.tile_samples import ClassifierCase, TilePlan, TileSampler
from spinal_tf.networks.densenet import build_densenet
from spinal_tf.networks.losses import dice_bce
from spinal_tf.networks.multiresunet import build_multiresunet
from spinal_tf.taxonomy import MS, MS_VS_NMOSD, NMOSD
from spinal_tf.training.step import Trainer
from spinal_tf.training.training_choices import TrainingOptions

CASES = 8
NEIGHBOUR_MM = 3.0
ROUNDS = 3
WARM_UP = 3


def main() -> None:
    """Measure both networks and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--width", type=int, default=32, help="of the segmenter")
    parser.add_argument("--size", type=int, default=256, help="of the classifier's tiles")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        segmenter = partial(build_multiresunet, width=given.width, channels=3)
        _measure("segmenter", segmenter, dice_bce, _crops(Path(folder)), 8, given.steps)
    classifier = partial(build_densenet, size=(given.size, given.size))
    _measure("classifier", classifier, keras.losses.categorical_crossentropy, _tiles(given.size), 32, given.steps)


def _measure(
    name: str, build: Callable[[], keras.Model], loss: Callable, sampler: Sampler, batch: int, steps: int
) -> None:
    trainer = Trainer(build, loss, TrainingOptions(batch=batch))
    feed_all = partial(feed, sampler, indices=range(batch), first_step=0, steps=steps + WARM_UP + 1)
    fixed = next(iter(feed_all()))
    float(trainer(*fixed))  # traced and compiled
    alone_s, fed_s = [], []
    for _ in range(ROUNDS):  # turn about, since a machine's speed drifts
        alone_s.append(_seconds_a_step(trainer, repeat(fixed), steps))
        fed_s.append(_seconds_a_step(trainer, feed_all(), steps))
    pipeline_s = _seconds_a_step(None, feed_all(), steps)
    alone, fed = min(alone_s), min(fed_s)
    print(
        f"{name:10} step alone {1000 * alone:7.1f} ms, fed {1000 * fed:7.1f} ms "
        f"({100 * (fed / alone - 1):+5.1f} %), batch alone {1000 * pipeline_s:6.1f} ms"
    )


def _seconds_a_step(trainer: Trainer | None, batches: Iterable[tuple[tf.Tensor, tf.Tensor]], steps: int) -> float:
    """Mean time of a step, or of a batch without one, after the warm-up."""
    start, loss = 0.0, 0.0
    for number, batch in enumerate(islice(batches, WARM_UP + steps)):
        if number == WARM_UP:
            float(loss)  # waits for it
            start = time.perf_counter()
        if trainer:
            loss = trainer(*batch)
    float(loss)
    return (time.perf_counter() - start) / steps


def _crops(folder: Path) -> CropSampler:
    stored = open_cache(
        folder / "cache", "key", lambda: (prepared_entry(number, NEIGHBOUR_MM) for number in range(CASES))
    )
    return CropSampler(cases=[segmenter_case(entry) for entry in stored], plan=CropPlan(), seed=0)


def _tiles(size: int) -> TileSampler:
    rng = np.random.default_rng(0)
    cases = [
        ClassifierCase(
            name=kind.value, diagnosis=kind, tiles=rng.random((20, size, size, 3), np.float32).astype(np.float16)
        )
        for kind in (MS, NMOSD)
    ]
    return TileSampler(cases=cases, task=MS_VS_NMOSD, plan=TilePlan(), batch=32, seed=0)


if __name__ == "__main__":
    main()
