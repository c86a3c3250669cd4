"""How long a server takes, under a load that is bounded and stated."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, kw_only=True)
class Load:
    """How many requests, and how many of them at a time."""

    requests: int
    concurrency: int


@dataclass(frozen=True, kw_only=True)
class Latency:
    """What came of it.

    Attributes:
        load: that was put on the server.
        per_request_s: float64 (requests,), from asking to the answer.
        wall_s: for all.
    """

    load: Load
    per_request_s: np.ndarray
    wall_s: float

    @property
    def per_second(self) -> float:
        """Requests answered in a second."""
        return self.load.requests / self.wall_s

    def percentile_ms(self, percentile: float) -> float:
        """Time within which that share of the requests was answered."""
        return 1000 * float(np.percentile(self.per_request_s, percentile))

    def __str__(self) -> str:
        """Percentiles and rate in one line, with the load they hold for."""
        times = ", ".join(
            f"{percentile} % within {self.percentile_ms(percentile):.0f} ms" for percentile in PERCENTILES
        )
        many = f"{self.load.requests} requests, {self.load.concurrency} at a time"
        return f"{many}: {times}; {self.per_second:.1f} a second"


def measure(ask: Callable[[], object], load: Load) -> Latency:
    """Ask again and again, after a first time that does not count.

    Args:
        ask: one request; may be called by several threads.
        load: how often, and how many at a time.
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
