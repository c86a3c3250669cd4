"""A training loop for a stated time: warm-up, cosine decay, state saved on the way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Batches = Iterator[tuple[np.ndarray, np.ndarray]]
Loss = Callable[[Any, Any], Any]

SAVE_EVERY = 50
PREFETCHED = 8
CLIP_NORM = 1.0
"""Largest gradient norm; early steps on small lesions are steep."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Adam's learning rate rises over the first steps and falls as a cosine to a hundredth of its peak."""

    minutes: float
    peak: float
    warm_up_steps: int = 30

    def rate(self, step: int, elapsed_s: float) -> float:
        """Learning rate of a step, counted from 0, at a time since the start."""
        decay = 0.5 * (1 + np.cos(np.pi * min(elapsed_s / (60 * self.minutes), 1.0)))
        return float(self.peak * min(1.0, (step + 1) / self.warm_up_steps) * max(0.01, decay))


def train(
    model: keras.Model, loss: Loss, batches: Batches, schedule: Schedule, *, state: Path, report: Callable[[str], None]
) -> int:
    """Train until the schedule's time is up; an interrupted run goes on from its last saved state.

    Args:
        model: changed in place.
        loss: of labels and predictions; its mean is minimised.
        batches: endless; drawn in a thread beside the training.
        schedule: time and learning rate.
        state: ``.weights.h5`` file of the state, with the steps and seconds done beside it.
        report: takes a line of progress.

    Returns:
        Steps done, those before an interruption included.
    """
    optimizer = keras.optimizers.Adam(global_clipnorm=CLIP_NORM)
    optimizer.build(model.trainable_variables)
    step, before_s = _resume(model, state)
    update = _update(model, loss, optimizer)
    losses: list[float] = []
    start = monotonic() - before_s
    for images, labels in prefetch(batches):
        elapsed_s = monotonic() - start
        if elapsed_s >= 60 * schedule.minutes:
            break
        optimizer.learning_rate = schedule.rate(step, elapsed_s)
        losses.append(float(update(images, labels)))
        step += 1
        if step % SAVE_EVERY == 0:
            _save(model, state, step, monotonic() - start)
            report(f"step {step}, {elapsed_s / 60:.1f} min, loss {np.mean(losses[-SAVE_EVERY:]):.4f}")
    _save(model, state, step, monotonic() - start)
    return step


def _update(model: keras.Model, loss: Loss, optimizer: keras.optimizers.Optimizer) -> Callable[..., Any]:
    def run(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = keras.ops.mean(loss(labels, model(images, training=True)))
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(value, variables), variables)
        return value

    update: Callable[..., Any] = tf.function(run, reduce_retracing=True)
    return update


def prefetch(batches: Batches) -> Batches:
    """Draw batches in a thread, a few ahead."""
    waiting: queue.Queue[tuple[np.ndarray, np.ndarray]] = queue.Queue(PREFETCHED)

    def fill() -> None:
        for batch in batches:
            waiting.put(batch)

    threading.Thread(target=fill, daemon=True).start()
    while True:
        yield waiting.get()


def _save(model: keras.Model, state: Path, step: int, seconds: float) -> None:
    temporary = state.with_name(f"new-{state.name}")
    model.save_weights(temporary)
    temporary.replace(state)
    state.with_suffix(".txt").write_text(f"{step} {seconds}", encoding="utf-8")


def _resume(model: keras.Model, state: Path) -> tuple[int, float]:
    if not state.exists():
        return 0, 0.0
    model.load_weights(state)
    step, seconds = state.with_suffix(".txt").read_text(encoding="utf-8").split()
    return int(step), float(seconds)


def set_batch_norm_momentum(model: keras.Model, momentum: float) -> None:
    """Let the moving averages follow within a short training; to be called before `train`."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum
