"""Requests for one prepared slice through the stand-in for TensorFlow Serving, beside direct calls of the same graph.

Client, stand-in and graph share one process and its cores, in turn, so that the ratio is what messages, copies and
threads cost. It says nothing about how fast TensorFlow Serving itself is; ``spinal-tf serve-check`` asks a real one.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from spinal_tf.checkpoints.manifest import find_weights, read_manifest
from spinal_tf.cli.quiet import quiet_stderr
from spinal_tf.models import SEGMENTER
from spinal_tf.remote.connection import Connection
from spinal_tf.remote.load import Latency, Load, measure
from spinal_tf.remote.model import find_model
from spinal_tf.remote.networks import RemoteEngine
from spinal_tf.remote.server import Server
from spinal_tf.serving.names import TILES

STAND_IN = Path(__file__).parents[1] / "tests" / "serving"
ROUNDS = 3
LOADS = (Load(requests=20, concurrency=1), Load(requests=20, concurrency=4))
SIDE = 256


def show(name: str, latencies: list[Latency], direct: list[Latency]) -> None:
    """Print the median round's rate and percentiles, and the ratio of median latencies to direct calls."""
    middle = sorted(latencies, key=lambda latency: latency.per_second)[len(latencies) // 2]
    pairs = zip(latencies, direct, strict=True)
    ratio = statistics.median(one.percentile_ms(50) / other.percentile_ms(50) for one, other in pairs)
    print(f"{name:<7}{middle}; {ratio:.2f} times the direct call's median")


def main() -> None:
    """Export the segmenter, interleave direct calls, gRPC and HTTP under each load, print what they took."""
    sys.path.insert(0, str(STAND_IN))
    with quiet_stderr():
        import standin

        from spinal_tf.serving.write_export import export_saved_model, serve_segmenter

    weights = find_weights()
    channels = read_manifest(weights)[SEGMENTER].preprocessing.slices_seen
    tiles = np.random.default_rng(0).random((1, SIDE, SIDE, channels), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        exports = Path(folder)
        with quiet_stderr():
            export_saved_model(serve_segmenter(weights), weights, exports)
            models = standin.SavedModels(exports)
        with standin.serve(models) as running:
            ways: dict[str, Callable[[], object]] = {
                "direct": lambda: models.predict(SEGMENTER, 1, TILES, {"tiles": tiles}, ["probability"])
            }
            for scheme, address in (("grpc", running.grpc), ("http", running.rest)):
                host, _, port = address.partition(":")
                model = find_model(Connection(Server(scheme=scheme, host=host, port=int(port))), SEGMENTER)
                ways[scheme] = partial(RemoteEngine(model=model), tiles)
            for load in LOADS:
                rounds = [{name: measure(ask, load) for name, ask in ways.items()} for _ in range(ROUNDS)]
                for name in ways:
                    show(name, [one[name] for one in rounds], [one["direct"] for one in rounds])


if __name__ == "__main__":
    main()
