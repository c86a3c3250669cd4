"""Which cache feeds a training better: TFRecord files, or arrays that are mapped into memory?

    python benchmarks/training_cache.py --cases 24 --crops 2000

Both hold the same prepared planes. TFRecord has no way to a given plane, so its crops come from a pass through the file
with a shuffle buffer; the mapped arrays give any plane at once, which the stateless samples need.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from prepared import SHAPE, prepared_entry

from spinal_tf.datasets.augment import random_affine, random_intensity, random_lesion_level, warp
from spinal_tf.datasets.cache import Entry, open_cache
from spinal_tf.datasets.crop_samples import CropPlan, CropSampler, segmenter_case
from spinal_tf.datasets.feed import feed

BATCH, SIZE = 8, (96, 96)
BUFFER = 512
"""Planes in TFRecord's shuffle buffer."""


def main() -> None:
    """Write both caches, draw crops from both, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--crops", type=int, default=2000)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        _compare(folder, given.cases, given.crops)
    finally:
        shutil.rmtree(folder)


def _compare(folder: Path, cases: int, crops: int) -> None:
    entries = [prepared_entry(number) for number in range(cases)]
    start = time.perf_counter()
    stored = open_cache(folder / "mapped", "key", lambda: entries)
    mapped_s = time.perf_counter() - start
    start = time.perf_counter()
    _write_records(folder / "planes.tfrecord", entries)
    records_s = time.perf_counter() - start
    sampler = CropSampler(cases=[segmenter_case(entry) for entry in stored], plan=CropPlan(size=SIZE), seed=0)
    feeds = {
        "mapped": feed(sampler, indices=range(BATCH), first_step=0, steps=crops // BATCH),
        "tfrecord": _records(folder / "planes.tfrecord").take(crops // BATCH),
    }
    written = {"mapped": mapped_s, "tfrecord": records_s}
    print(f"{cases} cases of {SHAPE}, {crops} crops of {SIZE}")
    for name, batches in feeds.items():
        seconds, cpu_s = _drawn(batches)
        size = sum(path.stat().st_size for path in folder.rglob("*") if name in str(path.relative_to(folder)))
        print(
            f"{name:10} {size / 1e6:7.1f} MB, written in {written[name]:5.2f} s, "
            f"{1000 * seconds / crops:6.2f} ms a crop, {1000 * cpu_s / crops:6.2f} ms of processor time"
        )


def _write_records(path: Path, entries: list[Entry]) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for entry in entries:
            for plane, mask in zip(entry.arrays["planes"], entry.arrays["masks"], strict=True):
                features = {"plane": _bytes(plane), "mask": _bytes(mask)}
                writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


def _bytes(array: np.ndarray) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[array.tobytes()]))


def _records(path: Path) -> tf.data.Dataset:
    description = {name: tf.io.FixedLenFeature([], tf.string) for name in ("plane", "mask")}

    def parse(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        found = tf.io.parse_single_example(record, description)
        return tf.io.decode_raw(found["plane"], tf.float16), tf.io.decode_raw(found["mask"], tf.uint8)

    def crop(number: tf.Tensor, planes: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.numpy_function(_crop, [number, *planes], (tf.float32, tf.float32), stateful=False)

    planes = tf.data.TFRecordDataset(str(path)).repeat().shuffle(BUFFER, seed=0)
    planes = planes.map(parse, num_parallel_calls=tf.data.AUTOTUNE)
    return planes.enumerate().map(crop, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH).prefetch(tf.data.AUTOTUNE)


def _crop(number: int, plane: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The changes that `CropSampler` makes, at any place of the plane."""
    rng = np.random.default_rng([0, int(number)])
    image, label = plane.reshape(SHAPE[1:]), mask.reshape(SHAPE[1:])
    matrix = random_affine(rng, (float(rng.integers(SHAPE[1])), float(rng.integers(SHAPE[2]))), SIZE)
    crop, drawn = warp(image, matrix, SIZE), warp(label, matrix, SIZE, label=True)
    return random_intensity(rng, random_lesion_level(rng, crop, drawn))[..., None], drawn[..., None]


def _drawn(batches: tf.data.Dataset) -> tuple[float, float]:
    """Seconds for all batches behind the first: on the clock, and of the processors, whatever else they do."""
    drawn: Iterator[tuple[tf.Tensor, tf.Tensor]] = iter(batches)
    next(drawn)
    start, cpu = time.perf_counter(), time.process_time()
    for _ in drawn:
        pass
    return time.perf_counter() - start, time.process_time() - cpu


if __name__ == "__main__":
    main()
