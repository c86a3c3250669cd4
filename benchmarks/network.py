"""The segmenter through the package's engine and through a plain frozen fp32 graph, interleaved in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from spinal_tf.checkpoints.manifest import find_weights, load_network, read_manifest
from spinal_tf.engine import frozen_engine, run_in_batches

ROUNDS = 5
SLICES, SIDE = 15, 320  # 512 pixels of 0.5 mm at the segmenter's 0.8 mm


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    """Run both once to warm up, then in turn; print the medians and their ratio."""
    folder = find_weights()
    model = load_network(folder, read_manifest(folder)["segmenter"])
    channels = model.inputs[0].shape[-1]
    planes = np.random.default_rng(0).random((SLICES, SIDE, SIDE, channels), dtype=np.float32)
    signature = tf.TensorSpec(planes.shape, tf.float32)
    function = tf.function(lambda batch: model(batch, training=False)).get_concrete_function(signature)
    graph = convert_variables_to_constants_v2(function)
    engine = frozen_engine(model)

    def through_engine() -> np.ndarray:
        return run_in_batches(engine, planes)

    def through_graph() -> np.ndarray:
        return graph(tf.constant(planes))[0].numpy()[..., 0]

    print(f"largest difference     {np.abs(through_engine() - through_graph()).max():.1e}")
    rounds = [(seconds(through_engine), seconds(through_graph)) for _ in range(ROUNDS)]
    engine_s, graph_s = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"engine                 {engine_s:6.2f} s")
    print(f"frozen graph           {graph_s:6.2f} s")
    print(f"ratio                  {engine_s / graph_s:6.2f}    (aim: 1.1)")


if __name__ == "__main__":
    main()
