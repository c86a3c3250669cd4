"""Contrast of a scan by the times in its JSON sidecar, as dcm2niix and BIDS write them."""

from __future__ import annotations

import json
from pathlib import Path

from spinal_tf.folders.by_name import T2W

LONGEST_SIDECAR_BYTES = 1_000_000

T2W_ECHO_MS = 60.0
T2W_REPETITION_MS = 1000.0
"""Shortest times of a T2w spin echo. Our choice; routine T2w spines have 80 to 120 ms and 2000 ms or more, T1w ones
8 to 20 ms and 400 to 800 ms."""


def contrast_by_sidecar(image: Path, stem: str) -> str:
    """Return the contrast that the sidecar beside an image tells, with its times; empty if it tells none.

    Args:
        image: path of the image.
        stem: its file name without the ending.
    """
    times = _times_ms(image.with_name(f"{stem}.json"))
    if times is None:
        return ""
    echo_ms, repetition_ms = times
    weighted = echo_ms >= T2W_ECHO_MS and repetition_ms >= T2W_REPETITION_MS
    name = T2W if weighted else f"not {T2W}"
    return f"{name} (TE {echo_ms:.0f} ms, TR {repetition_ms:.0f} ms)"


def _times_ms(sidecar: Path) -> tuple[float, float] | None:
    try:
        if sidecar.stat().st_size > LONGEST_SIDECAR_BYTES:
            return None
        told = json.loads(sidecar.read_text(encoding="utf-8"))
        return 1000 * float(told["EchoTime"]), 1000 * float(told["RepetitionTime"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
