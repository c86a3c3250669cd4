"""Number of processor cores that this process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
"""Folder of the control groups (cgroups), by which containers and job queues limit a process."""

MEMBERSHIP = Path("/proc/self/cgroup")
"""File that lists the control groups of this process."""

NATIVE = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OPENCV_FOR_THREADS_NUM")
"""Variables that TensorFlow and OpenCV read when they start."""


def usable_cores() -> int:
    """Return the number of cores that the affinity of the process and the limits of its control groups allow.

    A limit of 1.5 cores counts as 2.
    """
    limits = [quota for folder in _groups() if (quota := _quota(folder)) is not None]
    return max(1, math.ceil(min([_allowed(), *limits])))


def limit_native_threads() -> None:
    """Tell the libraries about a control group's limit; by themselves they see the affinity alone.

    Variables that are set already are kept. Libraries that have started already are not affected.
    """
    cores = usable_cores()
    if cores < _allowed():
        for name in NATIVE:
            os.environ.setdefault(name, str(cores))


def _allowed() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _groups() -> Iterator[Path]:
    """Yield the folders that may hold a limit: those of the process' groups and of all groups above them."""
    try:
        lines = MEMBERSHIP.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for _, controllers, path in (line.split(":", 2) for line in lines):
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounts = [ROOT / controllers, ROOT / "cpu"] if controllers else [ROOT]
        for mount in mounts:
            group = mount / path.lstrip("/")
            # In a container, the path can be that of the host, and the mount the container's own group.
            yield from dict.fromkeys([group, *group.parents[: len(group.parts) - len(mount.parts)], mount])


def _quota(folder: Path) -> float | None:
    """Return a group's limit in cores; None without a limit."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="utf-8").strip() for name in ("quota", "period")
            )
        return int(quota) / int(period) if quota not in ("max", "-1") else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
