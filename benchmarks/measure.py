"""What the benchmarks share: a command timed with its peak memory, and a scan of any size."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.ndimage import gaussian_filter

COMMAND = str(Path(sys.executable).with_name("spinal-tf"))


@dataclass(frozen=True, kw_only=True)
class Run:
    """One finished process: wall time, and the largest resident memory it had."""

    wall_s: float
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
    return Run(wall_s=wall_s, peak_gb=usage.ru_maxrss * 1024 / 1e9)  # Linux counts in KiB


def write_scan(path: Path, *, slices: int, side: int, spacing_mm: float) -> None:
    """Write a sagittal int16 volume of smooth noise, 4 mm between slices; its content costs what any other does."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(size=(slices, side // 8, side // 8)).astype(np.float32)
    planes = np.kron(gaussian_filter(coarse, (0, 2, 2)), np.ones((1, 8, 8), np.float32))
    data = np.clip(400 + 2000 * planes + 20 * rng.normal(size=planes.shape), 0, 4000).astype(np.int16)
    image = nib.Nifti1Image(data, np.diag([4.0, spacing_mm, spacing_mm, 1.0]))
    image.set_qform(image.affine, code=1)
    image.set_sform(image.affine, code=1)
    nib.save(image, path)
