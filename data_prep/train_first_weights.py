r"""Train the first weights on what simulate_training_set.py wrote.

    python data_prep/train_first_weights.py CASES RUN segmenter --minutes 120
    python data_prep/train_first_weights.py CASES RUN tumor_vs_demyelinating astrocytoma_vs_ependymoma ms_vs_nmosd \
        --minutes 9

Minutes are for each network. The first classifier named begins at random, the others with its weights. An interrupted
command, given again, goes on where it last saved. Every eighth block of 50 cases is kept for validation.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from spinal_tf.datasets import (
    ClassifierCase,
    SegmenterCase,
    classifier_batches,
    classifier_case,
    segmenter_batches,
    segmenter_case,
)
from spinal_tf.losses import dice_bce
from spinal_tf.networks.densenet import build_densenet
from spinal_tf.networks.multiresunet import build_multiresunet
from spinal_tf.preprocess import Preprocessing
from spinal_tf.taxonomy import TASKS, Diagnosis, Task, task_named
from spinal_tf.training import Schedule, set_batch_norm_momentum, train
from spinal_tf.volume import Volume, new_volume

SEGMENTER_INPUT = Preprocessing(fit="spacing", spacing_mm=0.8, intensity="minmax")
"""In a large dark field of view fluid lies far above five SD: clipped there, a lesion is as bright as fluid, and normal
cord as a lesion elsewhere (measured: docs/method.md)."""
BLOCK, BLOCKS = 50, 8
"""The last of so many blocks is for validation; in a block each disease meets each kind of background."""

CROP = (96, 96)

SMALL_SIDE = 128
SMALL_SHARE = 0.4
"""Share of a classifier's time on tiles of half size, which cost a quarter."""

TIGHT_SHARE = 0.4
"""Share of the segmenter's cases cut to a smaller field of view, which changes what the z-score sees."""


def main() -> None:
    """Read the command line and train the networks it names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("networks", nargs="+", choices=["segmenter", *(task.name for task in TASKS)])
    parser.add_argument("--minutes", type=float, required=True)
    given = parser.parse_args()
    given.run.mkdir(parents=True, exist_ok=True)
    # oneDNN computes in bfloat16 where that is safe: 1.5 times faster on CPUs that have it, nothing elsewhere.
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    if "segmenter" in given.networks:
        _train_segmenter(given.cases, given.run, given.minutes)
    tasks = [task_named(name) for name in given.networks if name != "segmenter"]
    if tasks:
        _train_classifiers(tasks, given.cases, given.run, given.minutes)


def _train_segmenter(folder: Path, run: Path, minutes: float) -> None:
    cases = [_segmenter_case(path) for path in case_paths(folder, validation=False)]
    model = build_multiresunet()
    batches = segmenter_batches(cases, rng=np.random.default_rng(1), batch=8, size=CROP)
    schedule = Schedule(minutes=minutes, peak=1e-3)
    train(model, dice_bce, batches, schedule, state=run / "segmenter.weights.h5", report=_report)


def _train_classifiers(tasks: list[Task], folder: Path, run: Path, minutes: float) -> None:
    cases = _classifier_cases(folder, validation=False)
    validation = _classifier_cases(folder, validation=True)
    for task in tasks:
        start = None if task is tasks[0] else run / f"{tasks[0].name}.weights.h5"
        model = _train_classifier(task, cases, run, minutes, start)
        scores = json.dumps(_scores(model, task, validation), indent=2)
        (run / f"{task.name}.json").write_text(scores + "\n", encoding="utf-8")


def _train_classifier(
    task: Task, cases: list[ClassifierCase], run: Path, minutes: float, start: Path | None
) -> keras.Model:
    """Train on small tiles first, then on whole ones."""
    small, full = run / f"{task.name}_small.weights.h5", run / f"{task.name}.weights.h5"
    parts = ((SMALL_SIDE, SMALL_SHARE, 1e-3, start, small), (256, 1 - SMALL_SHARE, 5e-4, small, full))
    for seed, (side, share, peak, before, after) in enumerate(parts):
        model = build_densenet(size=(side, side))
        set_batch_norm_momentum(model, 0.9)
        if before is not None:
            model.load_weights(before)
        batches = classifier_batches(cases, task, rng=np.random.default_rng(seed), batch=16, side=side)
        schedule = Schedule(minutes=minutes * share, peak=peak)
        train(model, keras.losses.categorical_crossentropy, batches, schedule, state=after, report=_report)
    return model


def _report(line: str) -> None:
    print(line, flush=True)


def _scores(model: keras.Model, task: Task, cases: list[ClassifierCase]) -> dict[str, list[float]]:
    """Label and T2w-only probability of every validation case of a task."""
    labels, probabilities = [], []
    for case in cases:
        if task.applies_to(case.diagnosis):
            tiles = case.tiles.astype(np.float32)
            tiles[..., 0] = 0
            labels.append(task.label(case.diagnosis))
            probabilities.append(float(np.mean(model(tiles, training=False)[:, 1])))
    return {"labels": labels, "probabilities": probabilities}


def case_paths(folder: Path, *, validation: bool) -> list[Path]:
    """The stored cases for training, or those for validation, by number."""
    return [path for path in sorted(folder.glob("?????.npz")) if _is_validation(int(path.stem)) == validation]


def _is_validation(number: int) -> bool:
    return number // BLOCK % BLOCKS == BLOCKS - 1


def _segmenter_case(path: Path) -> SegmenterCase:
    stored = np.load(path)
    images = [stored[name] for name in ("t2", "mask", "cord")]
    view = _tight_view(np.random.default_rng([7, int(path.stem)]), *images[1:], stored["spacing"])
    t2, mask, cord = (image[view] for image in images)
    return segmenter_case(
        t2.astype(np.float32), mask, tuple(stored["spacing"]), _diagnosis(stored), SEGMENTER_INPUT, cord=cord
    )


def _diagnosis(stored: Mapping[str, np.ndarray]) -> Diagnosis | None:
    return None if stored["diagnosis"] == "healthy" else Diagnosis(str(stored["diagnosis"]))


def _tight_view(
    rng: np.random.Generator, mask: np.ndarray, cord: np.ndarray, spacing_mm: np.ndarray
) -> tuple[slice, slice, slice]:
    """Some cases are cut to a narrow field of view around the lesion or the cord, and half of those to a short one."""
    _, rows, columns = mask.shape
    row_view, column_view = slice(None), slice(None)
    if rng.random() < TIGHT_SHARE:
        _, row, column = np.argwhere(mask if mask.any() else cord).mean(axis=0)
        width = round(rng.uniform(60, 150) / spacing_mm[2])
        column_view = _around(column - width * rng.uniform(-0.2, 0.2), width, columns)
        if rng.random() < 0.5:
            row_view = _around(row, round(rows * rng.uniform(0.35, 0.9)), rows)
    return slice(None), row_view, column_view


def _around(centre: float, width: int, length: int) -> slice:
    first = int(np.clip(centre - width / 2, 0, max(length - width, 0)))
    return slice(first, first + width)


def _classifier_cases(folder: Path, *, validation: bool) -> list[ClassifierCase]:
    cases = [_classifier_case(path) for path in case_paths(folder, validation=validation)]
    return [case for case in cases if case is not None]


def _classifier_case(path: Path) -> ClassifierCase | None:
    volume, mask, diagnosis = simulated_volume(path)
    if diagnosis is None:
        return None
    stored = np.load(path)
    t1c = replace(volume, data=stored["t1c"].astype(np.float32)) if "t1c" in stored else None
    return classifier_case(volume, mask, t1c, diagnosis)


def simulated_volume(path: Path) -> tuple[Volume, np.ndarray, Diagnosis | None]:
    """T2w, mask and diagnosis of a stored case, None for a healthy person."""
    stored = np.load(path)
    slice_mm, row_mm, column_mm = stored["spacing"]
    affine = np.array([[-slice_mm, 0, 0, 0], [0, 0, -column_mm, 0], [0, -row_mm, 0, 0], [0, 0, 0, 1]])
    volume = new_volume(stored["t2"], affine, source=path.name)
    return volume, stored["mask"], _diagnosis(stored)


if __name__ == "__main__":
    main()
