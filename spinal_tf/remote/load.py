"""Latency of a server under a bounded, stated load."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, kw_only=True)
class Load:
    """Number of requests, and number of parallel requests."""

    requests: int
    concurrency: int


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Measured latency.

    Attributes:
        load: load of the measurement.
        per_request_s: float64 (requests,), time from request to answer.
        wall_s: total time of all requests.
    """

    load: Load
    per_request_s: np.ndarray
    wall_s: float

    @property
    def per_second(self) -> float:
        """Answered requests per second."""
        return self.load.requests / self.wall_s

    def percentile_ms(self, percentile: float) -> float:
        """Return the time within which this percentage of the requests was answered."""
        return 1000 * float(np.percentile(self.per_request_s, percentile))

    def __str__(self) -> str:
        """Return percentiles and rate in one line, with the load."""
        times = ", ".join(
            f"{percentile} % within {self.percentile_ms(percentile):.0f} ms" for percentile in PERCENTILES
        )
        many = f"{self.load.requests} requests, {self.load.concurrency} at a time"
        return f"{many}: {times}; {self.per_second:.1f} a second"


def measure(ask: Callable[[], object], load: Load) -> Latency:
    """Send requests repeatedly, after one that is not counted.

    Args:
        ask: function that sends one request; several threads may call it.
        load: number of requests, and number of parallel requests.
    """

    def timed(_: int) -> float:
        start = time.perf_counter()
        ask()
        return time.perf_counter() - start

    ask()
    with ThreadPoolExecutor(load.concurrency) as threads:
        start = time.perf_counter()
        seconds = list(threads.map(timed, range(load.requests)))
        wall_s = time.perf_counter() - start
    return Latency(load=load, per_request_s=np.array(seconds), wall_s=wall_s)
