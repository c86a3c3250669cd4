"""What the benchmarks share: a command timed with its peak memory, and a scan of any size."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import zoom

from spinal_tf.images.volume import new_volume, write_on_grid
from spinal_tf.phantom.simulated_case import simulate_case
from spinal_tf.taxonomy import EPENDYMOMA

COMMAND = str(Path(sys.executable).with_name("spinal-tf"))


@dataclass(frozen=True, kw_only=True)
class Run:
    """One finished process: wall time, processor time of all its threads, and the largest resident memory it had."""

    wall_s: float
    cpu_s: float
    peak_gb: float


def run(arguments: list[str]) -> Run:
    """Run a command in a cold process; its standard output is dropped, its errors are shown.

    Raises:
        subprocess.CalledProcessError: it ended with another status than 0.
    """
    start = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    cpu_s = usage.ru_utime + usage.ru_stime
    return Run(wall_s=wall_s, cpu_s=cpu_s, peak_gb=usage.ru_maxrss * 1024 / 1e9)  # Linux counts in KiB


def write_scan(path: Path, *, slices: int, side: int, spacing_mm: float) -> None:
    """Write a simulated case with one large lesion, enlarged to this many voxels, with 4 mm between slices."""
    case = simulate_case(np.random.default_rng(1), EPENDYMOMA)
    factors = np.divide((slices, side, side), case.t2.shape)
    affine = np.diag([-4.0, 1.0, 1.0, 1.0])
    affine[1:3, 1:3] = [[0, -spacing_mm], [-spacing_mm, 0]]
    volume = new_volume(zoom(case.t2, factors, order=1), affine, source=path.name)
    write_on_grid(volume.data, path, like=volume)
