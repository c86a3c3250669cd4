"""Simulated cases: time of each part, against noise of the same size drawn in turn with them, and several processes."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from spinal_tf.phantom import simulated_case as case_module
from spinal_tf.phantom import simulated_cohort as cohort
from spinal_tf.phantom.plan import plan_cohort
from spinal_tf.phantom.simulated_cohort import Writing, write_cohort

CASES = 12
PARTS = ("background", "add_lesions", "acquire", "_write")


def timed(work: Callable, spent: dict[str, float], part: str) -> Callable:
    """The same work, its processor time added up."""

    def call(*given: object, **named: object) -> object:
        start = time.process_time()
        result = work(*given, **named)
        spent[part] = spent.get(part, 0.0) + time.process_time() - start
        return result

    return call


def noise_s(voxels: int) -> float:
    """Processor time of drawing Gaussian noise for so many voxels, as the acquisition does twice for an image."""
    start = time.process_time()
    np.random.default_rng(0).standard_normal(voxels, dtype=np.float32)
    return time.process_time() - start


def main() -> None:
    """Print processor time of a case, its parts, its ratio to noise, and the gain of one process for each core."""
    spent: dict[str, float] = {}
    source = cohort.read_backgrounds(cohort.Backgrounds())
    cohort.read_backgrounds = lambda backgrounds: timed(source, spent, "background")
    for module, name in ((case_module, "add_lesions"), (case_module, "acquire"), (cohort, "_write")):
        setattr(module, name, timed(getattr(module, name), spent, name))
    planned = plan_cohort(cases=CASES)
    cases, noises = [], []
    with tempfile.TemporaryDirectory() as folder:
        writing = Writing(out=Path(folder), seed=0)
        for case in planned:
            start = time.process_time()
            cohort.write_case(case, writing)
            cases.append(time.process_time() - start)
            noises.append(noise_s(13 * 420 * 360))
    case_s, noise = statistics.median(cases), statistics.median(noises)
    print(f"{'a case':<24}{case_s:6.2f} s    (processor time, median of {CASES}; aim: below 1)")
    for part in PARTS:
        print(f"{part.strip('_'):<24}{spent[part] / sum(cases):6.0%}")
    print(f"{'case over noise':<24}{case_s / noise:6.1f}      (noise: Gaussian, one image of 13 x 420 x 360)")
    walls = [_wall_s(workers) for workers in (1, os.cpu_count() or 1)]
    print(f"{'one process over all':<24}{walls[0] / walls[1]:6.2f}      ({os.cpu_count()} cores, start included)")


def _wall_s(workers: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        list(write_cohort(plan_cohort(cases=CASES), Writing(out=Path(folder), seed=0), workers=workers))
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
